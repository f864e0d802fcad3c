"""A network share that hangs when it is told to, for real processes; see hanging_share.c."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class HangingShare:
    """``folder``, for what is started with :attr:`environment`; ``place`` is not below it."""

    def __init__(self, folder: Path, place: Path) -> None:
        compiler = shutil.which("gcc")
        if compiler is None:
            pytest.skip("needs gcc")
        library, self._hangs = place / "hanging_share.so", place / "hangs"
        build = [compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(build, check=True)
        self.environment = {
            "LD_PRELOAD": str(library), "SHARE": str(folder), "SHARE_HANGS": str(self._hangs),
        }  # fmt: skip

    def hang(self) -> None:
        """From now on nothing below it answers: no look, no opening, no reading."""
        self._hangs.touch()

    def answer(self) -> None:
        """Go on, with all that waits, as when the server is back."""
        self._hangs.unlink()

    def run(self, program: list[str], timeout_s: float) -> str:
        """Run a program on it to its end and return what it wrote."""
        ran = subprocess.run(
            program, env=os.environ | self.environment, timeout=timeout_s, check=True,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return ran.stdout
