# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A tour: from MNIST to a recogniser
#
# Data, training, report, errors, explanation, with the functions that the command line uses. It takes a
# minute or two on a laptop. `INKDIGITS_TOUR=quick` trains on a part of the data, in seconds; that is how
# the tests run it.

# %%
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from IPython.display import Image, Markdown, display

from inkdigits.training import galleries, plots
from inkdigits.training.datasets import load_mnist, split_validation
from inkdigits.training.evaluate import answer, judge
from inkdigits.training.explain import explain
from inkdigits.training.heatmaps import draw
from inkdigits.training.loop import predict, train
from inkdigits.training.recipes import FAST
from inkdigits.training.recogniser import Recogniser
from inkdigits.training.runs import Epoch

quick = os.environ.get("INKDIGITS_TOUR") == "quick"
pictures = Path(tempfile.mkdtemp(prefix="inkdigits-tour-"))


def show(name: str, width: int = 720) -> None:
    display(Image(filename=pictures / name, width=width))


# %% [markdown]
# ## Data
#
# `load_mnist` gets MNIST from the first source that has the published hashes, and keeps it. 60,000 training
# images; the last 10,000 of them are held out, and everything is chosen on these. The 10,000 test images
# stay closed in this notebook: `inkdigits evaluate` opens them, once, to report.

# %%
everything = load_mnist("train")
if quick:
    everything = everything.part("mnist-train, a part", 50_000, 56_000)
training, validation = split_validation(everything, len(everything) // 6)
print(f"{len(training):,} to train on, {len(validation):,} held out")
print(f"{training.images.dtype} {training.images.shape}")

# %%
galleries.draw_samples(pictures / "samples.png", training, training.labels, columns=12)
show("samples.png", 560)

# %% [markdown]
# ## A recipe, and training with it
#
# A recipe is a value: the network as a list of layers, and everything that decides how it learns. A variant
# is a difference, made with `replace`.

# %%
recipe = replace(FAST, validation=len(validation), epochs=1 if quick else FAST.epochs)
for option, value in asdict(recipe).items():
    if option == "augment":
        value = {kind: amount for kind, amount in value.items() if amount}
    print(f"{option:16}{value}")


# %% [markdown]
# `train` wants to be watched by something with two methods. The command line's shows a progress bar; this
# one prints a line an epoch.


# %%
class Lines:
    def step(self, epoch: int, done: int, total: int, loss: float) -> None: ...

    def epoch(self, epoch: Epoch) -> None:
        print(f"epoch {epoch.number}: loss {epoch.train_loss:.3f}, accuracy {epoch.validation_accuracy:.4f}")


trained = train(recipe, everything, seed=0, watch=Lines())

# %%
plots.draw_curves(pictures / "curves.png", trained.history, trained.best_epoch)
show("curves.png")

# %% [markdown]
# ## Report
#
# `predict` gives logits, `judge` says everything about them that fits in numbers. `inkdigits train` and
# `inkdigits evaluate` write the same, with all pictures, into one `report.html`.

# %%
logits = predict(trained.network, validation.images)
metrics = judge(logits, validation.labels, validation.classes)
display(
    Markdown(
        f"**{metrics.accuracy:.2%}** right, ± {metrics.standard_error:.2%}; {metrics.errors} errors among "
        f"{metrics.n:,}; expected calibration error {metrics.ece:.3f}"
    )
)

# %%
plots.draw_confusion(pictures / "confusion.png", metrics, normalised=False)
show("confusion.png", 520)

# %% [markdown]
# Is it right nine times in ten when it says 90%? And how right is it when the unsure answers are left to a
# person?

# %%
plots.draw_reliability(pictures / "reliability.png", metrics)
show("reliability.png", 420)

# %% [markdown]
# ## Errors
#
# Worst first: what it got wrong while being sure. Many of these a person would have to guess, too.

# %%
answers = answer(logits)
galleries.draw_misclassified(pictures / "errors.png", validation, validation.labels, answers, count=30)
show("errors.png", 560)

# %% [markdown]
# ## Explanation
#
# Where did the network look? Grad-CAM weighs the last feature maps by what they contribute to a class;
# occlusion blanks a small patch at each place and sees how much the class loses. Here is the worst error,
# explained for the class that was answered and for the true one.

# %%
wrong = np.flatnonzero(answers.predicted != validation.labels)
worst = wrong[answers.confidence[wrong].argmax()]
truth = trained.classes[validation.labels[worst]]
recogniser = Recogniser(
    trained.classes, lambda glyphs: predict(trained.network, glyphs), network=trained.network
)
why = explain(recogniser, validation.images[worst], ("grad-cam", "occlusion"), classes=[truth])
display(Image(data=draw(why, 255 - validation.images[worst], f"a {truth} of the validation set"), width=900))

# %% [markdown]
# ## A picture from outside
#
# The weights that come with the package need none of this: no PyTorch, no training. A picture of any kind
# is made into a glyph first, as MNIST's were.

# %%
import inkdigits

examples = Path("../examples/digits") if Path("../examples").exists() else Path("examples/digits")
for picture in sorted(examples.glob("*.png")):
    found = inkdigits.classify(picture)
    print(f"{picture.name:24}{found.digit}   {found.reason or 'accepted'}")
