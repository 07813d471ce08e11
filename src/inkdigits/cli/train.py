"""`inkdigits train`: a recipe and data to a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkdigits.errors import UsageError

if TYPE_CHECKING:
    from inkdigits.training import session
    from inkdigits.training.line_session import LineFinished
    from inkdigits.training.recipes import Recipe


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="A recipe's name, or a recipe.json; `fast` unless said.", metavar="[RECIPE]"),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set an option of the recipe; repeat for several."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Glyphs a step.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    data: Annotated[
        str, typer.Option(help="mnist-train, an IDX file, a Kaggle .csv, an .npz, a folder of folders.")
    ] = "mnist-train",
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Begin with these weights (a run or .safetensors): fine-tuning."),
    ] = None,
    teachers: Annotated[
        list[Path] | None,
        typer.Option(
            "--teacher",
            metavar="RUN|WEIGHTS",
            help="Learn from its answers, too (distillation); repeat for several, which are averaged.",
        ),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with this run instead of beginning one.")] = None,
    root: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("runs/train"),
    name: Annotated[str | None, typer.Option(help="Of the run folder; the recipe's unless said.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; chosen by a short probe unless said.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Let torch.compile fuse the network: for long trainings.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard files to the run.")
    ] = False,
    mnist: Annotated[Path | None, typer.Option(help="Look for MNIST's files in this folder first.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Train a recogniser; write its weights, report and ONNX file to a fresh run folder."""
    from inkdigits.cli.extras import require

    require("train")
    from inkdigits.training import line_session
    from inkdigits.training import session as sessions
    from inkdigits.training.recipes import DEFAULT

    if resume is not None:
        if recipe or options or epochs or batch_size or start or teachers or name or seed or threads:
            raise UsageError("--resume goes on as the run began: give no recipe and none of its options")
        if line_session.is_line_run(resume):
            _print(line_session.resume(resume, quiet=quiet), as_json)
            return
        finished = sessions.resume(
            resume, quiet=quiet, tensorboard=tensorboard, mnist=str(mnist) if mnist else None, offline=offline
        )
    elif recipe == line_session.NAME:
        from inkdigits.training.line_recipe import LineRecipe
        from inkdigits.training.line_recipe import with_options as with_line_options

        if epochs or compiled or tensorboard or teachers or data != "mnist-train":
            raise UsageError(
                "line: trains on lines that it composes itself; use --set lines=N for its length"
            )
        line = with_line_options(
            LineRecipe(), [*(options or []), *([f"batch_size={batch_size}"] if batch_size else [])]
        )
        line_job = line_session.LineJob(
            seed=seed,
            device=device,
            precision=precision,
            threads=threads,
            start=str(start.resolve()) if start else None,
            mnist=str(mnist.resolve()) if mnist else None,
            offline=offline,
        )
        _print(line_session.begin(line, line_job, root=root, name=name, quiet=quiet), as_json)
        return
    else:
        job = sessions.Job(
            data=str(Path(data).resolve()) if Path(data).exists() else data,
            seed=seed,
            device=device,
            precision=precision,
            threads=threads,
            compiled=compiled,
            start=str(start.resolve()) if start else None,
            teachers=tuple(str(teacher.resolve()) for teacher in teachers or ()),
            mnist=str(mnist.resolve()) if mnist else None,
            offline=offline,
        )
        wanted = _recipe(recipe or DEFAULT, options or [], epochs, batch_size)
        finished = sessions.begin(wanted, job, root=root, name=name, quiet=quiet, tensorboard=tensorboard)
    print(json.dumps(finished.to_dict()) if as_json else _summary(finished))


def _print(finished: LineFinished, as_json: bool) -> None:
    known = finished.to_dict()
    if as_json:
        print(json.dumps(known))
        return
    print(f"lines       {known['lines']:,} in {known['seconds'] / 60:.1f} min")
    print(f"validation  {known['validation_exact']:.2%} of the lines exact")
    print(f"weights     {known['weights']}")


def _recipe(name: str, options: list[str], epochs: int | None, batch_size: int | None) -> Recipe:
    from inkdigits.training.recipes import load_recipe, with_options

    short = {"epochs": epochs, "batch_size": batch_size}
    given = [f"{option}={value}" for option, value in short.items() if value is not None]
    return with_options(load_recipe(name), [*options, *given])


def _summary(finished: session.Finished) -> str:
    known = finished.to_dict()
    accuracy = known["validation_accuracy"]
    lines = [
        f"recipe      {known['recipe']}, {known['parameters']:,} parameters",
        f"epochs      {known['epochs']} in {known['seconds']:.1f} s, best {known['best_epoch']}",
        "validation  " + ("nothing held out" if accuracy is None else f"{accuracy:.2%}"),
        f"weights     {known['weights']}",
        f"onnx        {known['onnx']}",
        f"report      {known['report'] or 'none: nothing was held out; use inkdigits evaluate'}",
    ]
    return "\n".join(lines)
