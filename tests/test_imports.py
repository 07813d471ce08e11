"""Who may import whom, read from the sources; and the recogniser at work where no workshop is installed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import inkdigits
from inkdigits.cli import COMMANDS
from inkdigits.training.datasets import Dataset

ROOT = Path(inkdigits.__file__).parent
EXAMPLES = Path(__file__).parent.parent / "examples" / "digits"
MODULES = sorted(ROOT.rglob("*.py"))

# from the bottom up; each may import those above it in this list, and its own
BASE = {"errors", "results", "glyph", "alphabet"}
IMAGES = {"levels", "documents", "images"}
DECODE = {"checks", "patterns", "constraints", "ctc", "decode"}
LINE = {"strip", "places"}
PARTS = BASE | IMAGES | {"page"} | DECODE | LINE | {"model", "confidence", "looks"}
READERS = {"recognition", "reading", "reader"}
MAY_IMPORT = {
    **{name: set[str]() for name in BASE},
    **dict.fromkeys(IMAGES, BASE | IMAGES),
    "page": BASE | {"page"},
    **dict.fromkeys(DECODE, BASE | DECODE),
    **dict.fromkeys(LINE, BASE | LINE),
    "model": BASE | {"strip"},
    "confidence": BASE | {"ctc"},
    "looks": BASE | {"constraints", "decode", "model"},
    "recognition": PARTS,
    "reading": PARTS | {"recognition"},
    "reader": PARTS | {"reading"},
    "yardsticks": {"model"},
    "startup": {"model", "reader"},
    "timing": set(),
    "speed": {"model", "yardsticks", "startup", "timing"},
    "formats": BASE | {"formats"},
    "overlay": BASE | {"overlay"},
    "__init__": PARTS | {"reader"},
    "__main__": {"cli"},
    "server": PARTS | READERS | {"formats", "overlay", "server"},
    "client": BASE | {"images", "reading", "client"},  # `reading` for its types
    "cli": PARTS | READERS | {"speed", "formats", "overlay", "server", "cli", "training"},
    "training": PARTS | {"training"},
}
# what knows nothing of pictures knows no picture library either
PICTURELESS = DECODE | {"errors", "results", "alphabet", "formats", "confidence", "__init__", "__main__"}
WORKSHOP = (
    "torch",
    "safetensors",
    "sklearn",
    "scipy",
    "matplotlib",
    "optuna",
    "onnx",
    "onnxscript",
    "pyarrow",
)
CORE = {"numpy", "PIL", "cv2", "onnxruntime", "typer", "rich", "platformdirs"}
DOCUMENTS = {"pypdfium2", "pillow_heif"}
# what a room may need beside
SERVE = {
    *("starlette", "uvicorn", "uvloop", "httptools", "pydantic", "pydantic_settings"),
    *("prometheus_client", "python_multipart"),
}
EXTRA = {"documents": DOCUMENTS, "server": SERVE, "client": {"httpx", "anyio"}}


def room_of(path: Path) -> str:
    """A module's name, or its folder's."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of all modules that a tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield node.module or ""
            if node.module == "inkdigits":
                yield from (f"inkdigits.{alias.name}" for alias in node.names)


def at_the_top(path: Path) -> set[str]:
    """What importing a module imports: all but what waits in functions or is for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    class Waiting(ast.NodeTransformer):
        def visit_FunctionDef(self, _: ast.FunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.If | None:
            return None if "TYPE_CHECKING" in ast.unparse(node.test) else node

    return set(imported(Waiting().visit(tree)))


def rooms(names: set[str]) -> set[str]:
    """The rooms of this project among imported names."""
    ours = {name.split(".")[1] for name in names if name.startswith("inkdigits.")}
    return {room for room in ours if (ROOT / room).is_dir() or (ROOT / f"{room}.py").exists()}


def outside(names: set[str]) -> set[str]:
    """Packages among imported names that are neither ours nor Python's."""
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"inkdigits"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_follow_the_plan(path: Path) -> None:
    everything = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    room = room_of(path)
    assert rooms(everything) - MAY_IMPORT[room] == set()
    if room != "training":
        assert "training" not in rooms(at_the_top(path)), "the workshop is imported inside functions only"
        allowed = CORE | EXTRA.get(room, set())
        assert outside(everything) <= allowed, "the core needs nothing that only an extra installs"
        assert not outside(at_the_top(path)) & DOCUMENTS
    if room in PICTURELESS:
        assert outside(everything) <= {"numpy"}
    if "onnxruntime" in {name.split(".")[0] for name in everything}:
        known = ("model.py", "doctor.py", "quantization.py")
        assert path.name in known, "model.py alone knows ONNX Runtime"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_file_imports_nothing_heavy(name: str) -> None:
    names = at_the_top(ROOT / "cli" / f"{name}.py")
    assert outside(names) <= {"typer"}
    assert rooms(names) <= {"errors", "cli"}


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Code in a fresh process in which nothing of the workshop can be imported."""
    blocked = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {WORKSHOP}: raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    command = [sys.executable, "-c", blocked + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_all_public_names_are_there_without_the_workshop() -> None:
    ended = run("import inkdigits; print(len([getattr(inkdigits, name) for name in dir(inkdigits)]))")
    assert ended.stderr == ""
    assert int(ended.stdout) == len(inkdigits.__all__)


def test_pictures_are_classified_without_the_workshop() -> None:
    ended = run("from inkdigits.cli import main; main()", "classify", EXAMPLES, "--json")
    assert ended.stderr == ""
    assert ended.returncode == 0
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    digits = {Path(answer["source"]).name[0]: answer["digit"] for answer in answers}
    assert all(digits[name] == int(name) for name in "0123456789")


def test_numbers_are_read_without_the_workshop() -> None:
    ended = run("from inkdigits.cli import main; main()", "read", EXAMPLES, "--json")
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) >= 14


def test_data_sets_are_classified_without_the_workshop(tmp_path: Path, mnist_test: Dataset) -> None:
    seven = mnist_test.images[0]
    idx, csv = tmp_path / "one-images-idx3-ubyte", tmp_path / "test.csv"
    idx.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]) + seven.tobytes())
    names, pixels = ",".join(f"pixel{i}" for i in range(784)), ",".join(map(str, seven.ravel()))
    csv.write_text(f"{names}\n{pixels}\n")
    ended = run("from inkdigits.cli import main; main()", "classify", idx, csv, "--json")
    assert ended.stderr == ""
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [(Path(a["source"]).name, a["digit"]) for a in answers] == [
        (f"{idx.name}#1", 7),
        ("test.csv#1", 7),
    ]


def test_the_doctor_comes_without_the_workshop() -> None:
    ended = run("from inkdigits.cli import main; main()", "doctor", "--json")
    found = json.loads(ended.stdout)
    assert ended.stderr == ""
    assert found["training"] is None
    assert found["packages"]["torch"] is None
    assert found["weights"]["status"] == "ok"
    assert "inkdigits[train]" in found["missing"][0]["install"]


@pytest.mark.parametrize("call", ["train", "tune", "evaluate x", "export x"])
def test_the_workshop_s_commands_say_what_to_install(call: str) -> None:
    ended = run("from inkdigits.cli import main; main()", *call.split())
    assert ended.returncode == 2
    assert "pip install 'inkdigits[train]'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def loaded_by(code: str, *arguments: object) -> set[str]:
    """The packages that are in memory after some code ran."""
    ending = "\nprint(); print(*{name.split('.')[0] for name in sys.modules})"
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}{ending}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stdout.splitlines()[-1].split())


def test_importing_loads_next_to_nothing() -> None:
    assert not loaded_by("import inkdigits") & (CORE | set(WORKSHOP))
    assert loaded_by("import inkdigits.cli") & (CORE | set(WORKSHOP)) == {"typer"}


def test_classifying_loads_what_it_needs_and_no_more() -> None:
    code = (
        "from inkdigits.cli import main\n"
        "try: main(['classify', sys.argv[1]])\n"
        "except SystemExit as e: assert e.code == 0"
    )
    loaded = loaded_by(code, EXAMPLES / "7-blue-pen.jpg")
    assert loaded & (CORE | set(WORKSHOP)) <= {"numpy", "PIL", "cv2", "onnxruntime", "typer"}


def test_classifying_doesn_t_pay_for_reading_numbers() -> None:
    code = "from inkdigits import Reader\nReader.load().classify(sys.argv[1])\nprint(*sys.modules)"
    ended = run(code, EXAMPLES / "7-blue-pen.jpg")
    assert ended.stderr == ""
    loaded = {
        name.removeprefix("inkdigits.") for name in ended.stdout.split() if name.startswith("inkdigits.")
    }
    assert "glyph" in loaded
    rest = {"page"} | DECODE | LINE | {"recognition", "reading", "formats", "overlay"}
    assert not loaded & (rest - {"ctc", "strip"})  # which confidence and model know


def test_reading_loads_what_it_needs_and_no_more() -> None:
    code = (
        "from inkdigits.cli import main\n"
        "try: main(['read', sys.argv[1]])\n"
        "except SystemExit as e: assert e.code == 0"
    )
    loaded = loaded_by(code, EXAMPLES / "7-blue-pen.jpg")
    used = {"numpy", "PIL", "cv2", "onnxruntime", "typer"}
    assert loaded & (CORE | set(WORKSHOP) | DOCUMENTS) <= used
