"""docs/PRIVACY.md promises only what a test proves, and names it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.data_folder import ROOT

PAGE = (ROOT / "docs" / "PRIVACY.md").read_text(encoding="utf-8")
SHORT = {"visit": "tests/privacy/test_whole_visit.py"}
"""How the page calls a file that it names often."""
_FILE = re.compile(r"`([\w/.]+)`")
_TEST = re.compile(r"\*([^*]+)\*")


def rows() -> list[tuple[str, str]]:
    """Return promise and proof of each row of every table with proofs."""
    found = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 2 and set(line) - set("|- "):
            found.append((cells[0], cells[1]))
    return [row for row in found if row[1] != "proof"]


def names_in(file: Path) -> set[str]:
    """Return the names of a file's tests, as the page spells them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return {name.removeprefix("test_").replace("_", " ") for name in names if "test_" in name}


def proofs(cell: str) -> list[tuple[Path, str]]:
    """Return file and test of each proof in a cell; a test belongs to the file before it."""
    found, file = [], None
    for match in re.finditer(f"{_FILE.pattern}|{_TEST.pattern}", cell):
        if match[1]:
            file = ROOT / SHORT.get(match[1], match[1])
        elif file is not None:
            found.append((file, match[2]))
    return found


def test_there_are_promises() -> None:
    assert len(rows()) > 15


@pytest.mark.parametrize(("promise", "cell"), rows(), ids=lambda text: text[:40])
def test_each_promise_names_tests_that_are_there(promise: str, cell: str) -> None:
    named = proofs(cell)
    assert named, f"no test is named for: {promise}"
    for file, test in named:
        assert file.is_file(), f"{file} is gone"
        assert test in names_in(file), f"{file.name} has no test {test!r}"
