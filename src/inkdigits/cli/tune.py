"""`inkdigits tune`: a search for a better recipe."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from inkdigits.training.search_record import Found


def tune(
    study: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on with this search, or join it, instead of beginning one."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="Be done after so long; 20 unless this or --trials is said."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials that the search shall have in all, earlier calls' too.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of each trial; 4 unless said.")] = None,
    fraction: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=1, help="Share of the training data that a trial learns from; 1 unless said."
        ),
    ] = None,
    confirm: Annotated[
        int, typer.Option(min=0, help="Train so many of the best trials with two further seeds, then choose.")
    ] = 3,
    final_epochs: Annotated[int, typer.Option(min=1, help="Epochs of the recipe that comes out.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Processes that search together.")] = 1,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of each; a probe chooses, or the cores are shared out."),
    ] = None,
    max_parameters: Annotated[
        int | None, typer.Option(min=1, help="Largest network, in parameters; 500,000 unless said.")
    ] = None,
    max_multiplications: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Largest network, in millions of multiplications a glyph; 12 unless said."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the proposals and of the trials; 0 unless said.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="mnist-train unless said; an IDX file, a Kaggle .csv, an .npz, a folder of folders.",
        ),
    ] = None,
    root: Annotated[Path, typer.Option(metavar="DIR", help="Where search folders are made.")] = Path(
        "runs/tune"
    ),
    name: Annotated[str, typer.Option(help="Of the search's folder.")] = "search",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    mnist: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Look here for MNIST's files first.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Search for a better recipe on validation data; write it, its record and pictures of the search."""
    from inkdigits.cli.extras import require

    require("train")
    from inkdigits.training import tune as tuning

    effort = tuning.Effort(
        minutes=20.0 if minutes is None and trials is None else minutes,
        trials=trials,
        workers=workers,
        confirm=confirm,
        final_epochs=final_epochs,
        device=device,
        precision=precision,
        threads=threads,
        mnist=str(mnist) if mnist else None,
        offline=offline,
    )
    choices: dict[str, Any] = {
        "data": data,
        "epochs": epochs,
        "fraction": fraction,
        "seed": seed,
        "max_parameters": max_parameters,
        "max_multiplications": max_multiplications,
    }
    given = {option: value for option, value in choices.items() if value is not None}
    if study is None:
        found = tuning.begin(effort, root=root, name=name, quiet=quiet, **given)
    else:
        found = tuning.resume(study, effort, quiet=quiet, **given)
    print(json.dumps(found.to_dict()) if as_json else _summary(found))


def _summary(found: Found) -> str:
    chosen = found.chosen
    seeds = len(chosen.accuracies)
    of = "one seed, not confirmed" if seeds == 1 else f"mean of {seeds} seeds"
    data = [] if found.settings["data"] == "mnist-train" else ["--data", found.settings["data"]]
    lines = [
        f"trials      {found.counts}, in {found.seconds / 60:.1f} minutes",
        f"chosen      trial {chosen.trial}, {chosen.parameters:,} parameters",
        f"validation  {chosen.accuracy:.2%} after {found.settings['epochs']} epochs, {of}",
        f"recipe      {found.folder / 'recipe.json'}",
        f"record      {found.folder / 'record.md'}, trials.csv, tune.json, pictures",
        f"train it    {shlex.join(['inkdigits', 'train', str(found.folder / 'recipe.json'), *data])}",
    ]
    return "\n".join(lines)
