"""The house keeps its rules: rooms, arrows of import, sizes, where printing is allowed, one home for each default."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from gioconda.job import Job

ROOT = Path(__file__).parent.parent
ROOMS = ("weights", "heads", "gioconda")
MODULES = sorted([*(file for room in ROOMS for file in (ROOT / room).rglob("*.py")), ROOT / "app.py"])
EVERY = sorted([*MODULES, *(file for folder in ("tests", "bench", "examples") for file in (ROOT / folder).rglob("*.py"))])

BACKWARD = {"weights": {"heads", "gioconda", "app"}, "heads": {"gioconda", "app"}, "gioconda": {"app"}, "app": set()}
"""What a room must not import."""
PRINTERS = re.compile(
    r"gioconda/(cli|terminal|doctor|__main__)\.py|app\.py|weights/(__main__|make_\w+)\.py|(bench|examples)/.*"
)
"""Where printing is the purpose: the command line and scripts."""
CATCHERS = re.compile(r"gioconda/(cli|ui)\.py|app\.py")
"""Where `except Exception` may stand: the outermost layers, which show it to a person.

Elsewhere it ends with `raise`, or its line says why."""
HEAVY = {
    "torch",
    "mediapipe",
    "cv2",
    "av",
    "gradio",
    "PIL",
    "pillow_heif",
    "huggingface_hub",
    "scipy",
    "tqdm",
    "numpy",
    "c2pa",
    "cryptography",
}
"""What `import gioconda` must not bring along."""
UNPICKLERS = {"pickle", "dill", "joblib", "marshal", "shelve"}
"""Modules that run what they read."""
IDLE = {"sleep", "skip", "skipif", "importorskip", "xfail"}
"""What a test must not do; ruff refuses unfinished work in any file."""
IMPORT_SECONDS = 0.3
FILE_LINES = 400
FUNCTION_LINES = 60


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), name_of(file))


def imports_of(file: Path) -> Iterator[str]:
    """Full names that a file imports, wherever in the file; relative imports are told as `.`."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


PLACES = """
    .ci/run CHANGELOG.md CONTRIBUTING.md Dockerfile LICENSE MODEL_CARD.md Makefile README.md app.py bench/speed.py
    docs/architecture.md examples/SOURCES.md gioconda/__init__.py gioconda/__main__.py gioconda/errors.py gioconda/studio.py
    heads/__init__.py heads/base.py heads/mesh.py heads/warp/head.py pyproject.toml requirements.txt weights/__init__.py
    weights/catalogue.toml
"""


@pytest.mark.parametrize("place", PLACES.split())
def test_the_rooms_exist(place: str) -> None:
    assert (ROOT / place).is_file()


def test_what_runs_on_every_change_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_never_turn_back(file: Path) -> None:
    room = file.relative_to(ROOT).parts[0].removesuffix(".py")
    for imported in imports_of(file):
        assert not imported.startswith("."), f"{name_of(file)} imports {imported}: write the full name"
        assert imported.split(".")[0] not in BACKWARD[room], f"{name_of(file)} imports {imported}"


@pytest.mark.parametrize("file", EVERY, ids=name_of)
def test_shape_of_a_file(file: Path) -> None:
    text, tree = file.read_text(encoding="utf-8"), tree_of(file)
    lines = text.splitlines()
    assert ast.get_docstring(tree), "a module opens with a docstring"
    assert len(lines) <= FILE_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            reason = any("# long:" in line for line in lines[node.lineno - 1 : node.end_lineno])
            assert length <= FUNCTION_LINES or reason, f"{node.name} has {length} lines"


@pytest.mark.parametrize("file", EVERY, ids=name_of)
def test_what_a_file_must_not_do(file: Path) -> None:
    name, lines = name_of(file), file.read_text(encoding="utf-8").splitlines()
    assert not {imported.split(".")[0] for imported in imports_of(file)} & UNPICKLERS
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called != "print" or PRINTERS.fullmatch(name), f"line {node.lineno} prints"
        elif isinstance(node, ast.Attribute) and name.startswith("tests/"):
            assert node.attr not in IDLE, f"line {node.lineno} sleeps or skips"
        elif isinstance(node, ast.ExceptHandler):
            kind = ast.unparse(node.type) if node.type else "everything"
            broad = kind in {"everything", "Exception", "BaseException"}
            reason = isinstance(node.body[-1], ast.Raise) or "# noqa: BLE001 - " in lines[node.lineno - 1]
            assert not broad or reason or CATCHERS.fullmatch(name), f"line {node.lineno} catches {kind} without a reason"
        elif isinstance(node, ast.ImportFrom):
            assert all(alias.name != "*" for alias in node.names), f"line {node.lineno} imports *"


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_importing_does_no_work(file: Path) -> None:
    """The only calls whose result is thrown away at import are those under `if __name__`."""
    calls = [node.lineno for node in tree_of(file).body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    assert not calls, f"{name_of(file)} calls at import, lines {calls}"


def test_no_import_cycles() -> None:
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in MODULES}
    graph: dict[str, set[str]] = {}
    for name, file in names.items():
        found: set[str] = set()
        for node in tree_of(file).body:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                full = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                found |= {full[name] if full[name] in names else node.module for name in full}
        graph[name] = {target for target in found if target in names} - {name}
    while leaves := {name for name, targets in graph.items() if not targets}:
        graph = {name: targets - leaves for name, targets in graph.items() if name not in leaves}
    assert not graph, f"these import each other: {sorted(graph)}"


def test_import_gioconda_is_quick_and_light() -> None:
    asked = "import sys, time; t = time.process_time(); import gioconda; print(time.process_time() - t, *sys.modules)"
    seconds, *modules = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert not HEAVY & set(modules)
    assert float(seconds) < IMPORT_SECONDS


def test_public_names_are_what_they_say() -> None:
    import gioconda

    for name in gioconda.__all__:
        assert getattr(gioconda, name) is not None
    assert sorted(gioconda.__all__) == gioconda.__all__
    with pytest.raises(AttributeError, match="has no attribute 'anmiate'"):
        gioconda.anmiate  # noqa: B018 - the look-up is the test


@pytest.mark.parametrize("name", ["gioconda/cli.py", "gioconda/ui.py", "app.py"])
def test_settings_have_one_home_for_their_defaults(name: str) -> None:
    """Neither the command line nor the page writes a default of its own where Job has a field of that name."""
    settings = {field.name for field in fields(Job)}
    for node in ast.walk(tree_of(ROOT / name)):
        if isinstance(node, ast.Call):
            flags = {str(part.value).lstrip("-").replace("-", "_") for part in node.args if isinstance(part, ast.Constant)}
            argument = ast.unparse(node.func).endswith("add_argument") and flags & settings
            component = ast.unparse(node.func) in {"gr.Slider", "gr.Number", "gr.Checkbox", "gr.Radio", "gr.Dropdown"}
            for keyword in node.keywords:
                own = is_value(keyword.value) and (
                    (argument and keyword.arg == "default") or (component and keyword.arg == "value")
                )
                assert not own, f"line {node.lineno} repeats a default of Job"
        elif isinstance(node, ast.FunctionDef):
            takes, positional = node.args, [*node.args.posonlyargs, *node.args.args]
            pairs = [
                *zip(positional[::-1], takes.defaults[::-1], strict=False),
                *zip(takes.kwonlyargs, takes.kw_defaults, strict=True),
            ]
            repeated = [argument.arg for argument, value in pairs if argument.arg in settings and value and is_value(value)]
            assert not repeated, f"line {node.lineno} repeats the defaults of {repeated}"


def is_value(node: ast.expr) -> bool:
    """A constant other than None, written where it stands."""
    return isinstance(node, ast.Constant) and node.value is not None
