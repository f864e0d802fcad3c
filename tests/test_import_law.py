"""The law of imports: who may know whom. See docs/ARCHITECTURE.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "device": {"firmware_bridge", "models_tflite", "catalog"},
    "catalog": {"models_tflite"},
    "models_tflite": set[str](),
    "firmware_bridge": set[str](),
}
HEAVY = {
    "scipy", "sklearn", "librosa", "torch", "tensorflow", "pandas", "matplotlib",
    "neurokit2", "heartpy",
}  # fmt: skip


def _imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_the_law_allows(room: str) -> None:
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[room] - {room}
    for path in (ROOT / room).rglob("*.py"):
        crossed = _imports(path) & (forbidden | {"systemd", "tests"})
        assert not crossed, f"{path.relative_to(ROOT)} imports {sorted(crossed)}"


def test_the_daemon_imports_nothing_heavy_at_module_level() -> None:
    for room in MAY_IMPORT:
        for path in (ROOT / room).rglob("*.py"):
            if {"training", "benchmarks"} & set(path.parts):
                continue
            heavy = _imports(path, top_level_only=True) & HEAVY
            assert not heavy, f"{path.relative_to(ROOT)} imports {sorted(heavy)}"
