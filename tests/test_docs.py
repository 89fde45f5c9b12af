"""What is written is true: the tree, the tables, the commands and the settings that the pages name are there."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md"), ROOT / "weights" / "README.md"]
)
MADE = {".venv", "venv", "out", "build", "node_modules"}
"""Top-level folders that are made, not written."""


@cache
def maker() -> ModuleType:
    """docs/update.py, which lies outside the packages."""
    spec = importlib.util.spec_from_file_location("update", ROOT / "docs" / "update.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def printed(*arguments: str) -> str:
    """What Python prints when it is called with these arguments and `--help`."""
    result = subprocess.run(
        [sys.executable, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def commands(page: Path, start: str) -> list[str]:
    """Lines of code blocks and inline code of a page that begin with `start`, without their comments."""
    text = page.read_text(encoding="utf-8")
    blocks = [line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    return [found.split("#")[0].strip() for found in [*blocks, *inline] if found.startswith(start)]


def test_made_parts_of_the_pages_are_up_to_date() -> None:
    for page, text in maker().pages().items():
        assert page.read_text(encoding="utf-8") == text, f"{page.name} is behind the code: run `make docs`"


def test_the_tree_names_every_top_level_entry_and_nothing_else() -> None:
    there = {place.name for place in ROOT.iterdir() if not place.name.startswith(".") and place.name not in MADE}
    there = {name for name in there if not name.endswith((".egg-info", ".pyc")) and name != "__pycache__"}
    assert there == set(maker().TOP)


def test_the_tree_names_every_module() -> None:
    tree = maker().tree()
    for room in maker().ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            assert f"  {file.relative_to(ROOT / room)} " in tree


def test_architecture_names_only_what_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for file in re.findall(r"`((?:gioconda|heads|weights|tests|docs)/[\w/]+\.\w+|app\.py)`", text):
        assert (ROOT / file).is_file(), file
    for name in re.findall(r"`((?:gioconda|heads|weights)(?:\.\w+)+)`", text):
        place = ROOT / name.replace(".", "/")
        module = place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()
        parent = place.parent / "__init__.py" if place.parent.is_dir() else place.parent.with_suffix(".py")
        assert module or re.search(rf"\b{place.name}\b", parent.read_text(encoding="utf-8")), name


def test_nouns_stand_where_the_architecture_says() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    nouns = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \|", text, re.MULTILINE)
    assert len(nouns) >= 8
    for noun, module in nouns:
        tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8"))
        assert noun in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_pages_exist(page: Path) -> None:
    for line in commands(page, "python -m gioconda "):
        name = line.split()[3]
        assert re.search(rf"\b{name}\b", printed("-m", "gioconda")), line
        assert_flags_exist(line, printed("-m", "gioconda", name))
    for line in commands(page, "python -m weights "):
        assert_flags_exist(line, printed("-m", "weights", line.split()[3]))
    for line in commands(page, "python bench/speed.py"):
        assert_flags_exist(line, printed("bench/speed.py"))
    for line in commands(page, "python app.py"):
        assert_flags_exist(line, printed("app.py"))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in commands(page, "make "):
        assert line.split()[1] in targets, line


def assert_flags_exist(line: str, told: str) -> None:
    for flag in re.findall(r"(?<=\s)(--?[a-z][\w-]*)", line):
        assert re.search(rf"(?<![\w-]){flag}(?![\w-])", told), f"{line!r}: no {flag} in the help"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_of_the_pages_imports_what_exists(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        lines = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)]
        for node in lines:
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_space_card_agrees_with_the_requirements() -> None:
    _, front, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = dict(line.split(": ", 1) for line in front.splitlines() if ": " in line)
    required = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert card["sdk"] == "gradio"
    assert f"gradio=={card['sdk_version']} " in required
    assert (ROOT / card["app_file"]).is_file()
    assert len(card["short_description"]) <= 60  # the Hub's limit


def test_every_requirement_is_pinned_with_a_reason() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if not line.startswith("#")]
    assert len(packages) <= 16
    for line in packages:
        assert re.fullmatch(r"[\w.-]+==[\w.]+ +# \S.*", line), line


def test_version_has_one_home() -> None:
    from gioconda import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" in project["dynamic"]
    assert f"## {__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_page_names_a_path_of_the_machine_it_was_written_on() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w./-])/(?:root|tmp|home|work|Users)/", page.read_text(encoding="utf-8")), page.name
