"""The notebook runs from top to bottom, and its rendered form is of the script beside it."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_rendered_notebook_is_of_its_script(script: Path) -> None:
    rendered = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    written = jupytext.read(script)
    assert [(c.cell_type, c.source) for c in rendered.cells] == [
        (c.cell_type, c.source) for c in written.cells
    ], f"{script.name} changed: `make docs` renders it again"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_rendered_notebook_has_its_outputs_and_no_error(script: Path) -> None:
    rendered = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    code = [cell for cell in rendered.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), "a cell wasn't run"
    outputs = [output for cell in code for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 5
    assert not [output for output in outputs if output.output_type == "error"]
    assert script.with_suffix(".ipynb").stat().st_size < 2_000_000


@pytest.mark.usefixtures("mnist_train")  # so that the data are there
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_notebook_runs(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKDIGITS_TOUR", "quick")
    notebook = jupytext.read(script)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
