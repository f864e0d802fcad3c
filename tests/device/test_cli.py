"""The ``attune`` command as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from device.cli import main

ROOT = Path(__file__).parents[2]


def test_a_message_that_quotes_a_file_sends_no_control_characters_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "evaluate", "--npz", "no\x1b]0;gone\x07.npz"]) != 0
    said = capsys.readouterr().err
    assert said.startswith("attune: ")
    assert "gone" in said
    assert said.rstrip("\n").isprintable()


def attune(*words: str, stdout: int | IO[bytes], **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "device.cli", *words], cwd=ROOT, stdout=stdout,
        stderr=subprocess.PIPE, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    return done.returncode, (done.stdout or b"").decode("ascii"), done.stderr.decode()


def test_a_full_disk_under_the_output_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        code, _, said = attune("mood", "text", "sad", stdout=full)
    assert (code, said) == (1, "attune: No space left on device\n")


def test_a_reader_that_has_left_is_no_fault() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert attune("mood", "text", "sad", stdout=writer) == (0, "", "")
    finally:
        os.close(writer)


def test_letters_that_the_terminal_lacks_are_written_as_numbers() -> None:
    words = ("mood", "text", "难过")
    code, said, faults = attune(*words, stdout=subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert (code, faults) == (0, "")
    assert "\\u96be\\u8fc7" in said
