"""The ``attune`` command as a whole."""

from __future__ import annotations

import pytest

from device.cli import main


def test_a_message_that_quotes_a_file_sends_no_control_characters_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "evaluate", "--npz", "no\x1b]0;gone\x07.npz"]) != 0
    said = capsys.readouterr().err
    assert said.startswith("attune: ")
    assert "gone" in said
    assert said.rstrip("\n").isprintable()
