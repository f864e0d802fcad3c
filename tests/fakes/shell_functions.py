"""One function out of a script of scripts/, to run by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.data_folder import ROOT


def shell_function(script: str, name: str) -> str:
    """Return the text of a function; also of one in a script that the script writes."""
    text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
    begin = text.index(f"{name}() {{")
    return text[begin : text.index("\n}\n", begin) + 3]


def call(script: str, name: str, *words: str | Path, **environment: str) -> str:
    """Run a function of a script and return what it says."""
    settings: Mapping[str, str] = {**os.environ, **environment}
    return subprocess.run(
        ["/bin/sh", "-euc", f'{shell_function(script, name)}{name} "$@"', name, *words],
        cwd=ROOT, env=settings, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
