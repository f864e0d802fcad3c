"""The ``attune`` command as a whole."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from device import cli
from device.cli import COMMANDS, build_parser, main
from device.commands import doctor
from device.commands.run import with_catalogue
from device.config import Settings, load, parse

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


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_help_that_cannot_be_written_is_a_fault(unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        code, _, said = attune("run", "--help", stdout=full, PYTHONUNBUFFERED=unbuffered)
    assert (code, said) == (1, "attune: No space left on device\n")


def test_an_interrupt_while_the_commands_are_loaded_is_no_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That is the longest part of the first half of a second."""

    def interrupted() -> argparse.ArgumentParser:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_parser", interrupted)
    try:
        code = main(["run"])
    except KeyboardInterrupt:  # It would end the tests.
        code = -1
    assert code == 130


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


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("play --output null --as-is {song} >&-", 1, "attune: {song}: is not a sound file"),
        ("check-config >&-", 0, ""),
        ("setup --config {new} <&-", 1, "attune: the answers ended too soon; nothing was changed"),
        ("mood text zzzz 2>&-", 1, ""),
    ],
)
def test_a_stream_that_the_caller_closed_is_an_empty_one(
    tmp_path: Path, line: str, code: int, said: str
) -> None:
    places = {"song": tmp_path / "song.mp3", "new": tmp_path / "new.toml"}
    places["song"].write_text("no song")
    words = f"{sys.executable} -m device.cli {line.format(**places)}"
    done = subprocess.run(
        ["/bin/sh", "-c", words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert done.stderr.startswith(said.format(**places))
    assert "names a mood" not in done.stdout


def test_the_folder_of_an_unknown_user_is_no_crash() -> None:
    elsewhere = with_catalogue(Settings(), Path("~nobody_here/catalogue"))
    assert elsewhere.catalog.folder == Path("~nobody_here/catalogue")


def test_the_settings_shown_are_settings_that_a_file_may_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text('[kiosk]\nname = "Küche 😀"\n', encoding="utf-8")
    assert main(["check-config", str(path)]) == 0
    said = capsys.readouterr().out
    assert 'name = "Küche 😀"' in said
    assert parse(tomllib.loads(said)) == load(path)


def _commands(parser: argparse.ArgumentParser, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield each command with its help, and that of the command it is a part of."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                own = part.format_help()
                yield from list(_commands(part, own)) or [(part.prog, own + above)]


def test_every_command_teaches_by_an_example_that_can_be_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    taught = dict(_commands(build_parser()))
    assert len(taught) > len(COMMANDS)
    for command, said in taught.items():
        assert "example" in said, command
        assert f"{command} " in said.split("example", 1)[1].replace("\n", " "), command
        assert not re.search(r"example:[^\n]*[a-z/]-\n", said), f"{command} is cut at a hyphen"


@pytest.mark.parametrize("command", [["catalog", "query"], ["underlay", "voice", "--out", "a.wav"]])
def test_a_mood_may_begin_with_a_minus_sign(command: list[str]) -> None:
    given = build_parser().parse_args([*command, "--va", "-0.2,-0.6"]).va
    assert given in ("-0.2,-0.6", (-0.2, -0.6))


def test_a_file_of_no_format_that_is_written_is_a_wrong_argument(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voice = tmp_path / "voice.wav"
    voice.touch()
    assert main(["underlay", str(voice), "--out", "card.txt", "--text", "calm"]) == 2
    assert "card.txt: the name must end in .wav, .flac" in capsys.readouterr().err


@pytest.mark.parametrize("scale", ["nan,nan", "1,inf", "9,1"])
def test_a_scale_without_ends_is_a_wrong_argument(
    scale: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["catalog", "import", "labels", "ratings.csv", "--range", scale])
    assert f"LOW must be below HIGH, found '{scale}'" in capsys.readouterr().err


@pytest.mark.parametrize(("no_colour", "marks"), [("", True), ("1", False)])
def test_the_doctor_uses_no_colours_where_none_are_wanted(
    no_colour: str, marks: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    doctor._print([doctor.Finding("sound", "missing", "no sound output found")])
    assert ("\x1b[" in capsys.readouterr().out) is marks
