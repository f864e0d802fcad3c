"""The log as the journal and as a terminal get it, from processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data_folder import ROOT

PROGRAM = r"""
import logging
from device.journal import set_up_logging
set_up_logging("info")
log = logging.getLogger("room")
log.debug("a number of somebody's pulse")
log.info("camera open")
log.warning("it is late")
log.warning("%s: is torn", "/music/\x1b[2J\nERROR   room: all is lost.mp3")
try:
    raise OSError("the cable is out")
except OSError as error:
    log.error("worker died", exc_info=error)
"""


def lines_of(stderr: Path, journal: str) -> list[str]:
    with stderr.open("wb") as file:
        status = os.fstat(file.fileno())
        stream = journal.format(device=status.st_dev, inode=status.st_ino)
        subprocess.run(
            [sys.executable, "-c", PROGRAM], check=True, stderr=file,
            env=os.environ | {"JOURNAL_STREAM": stream, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    return stderr.read_text().splitlines()


def test_the_journal_gets_the_priority_of_every_line_and_no_time(tmp_path: Path) -> None:
    lines = lines_of(tmp_path / "stderr", "{device}:{inode}")
    assert lines[0] == "<6>INFO    room: camera open"
    assert lines[1] == "<4>WARNING room: it is late"
    assert lines[2].startswith("<4>WARNING room: /music/")
    assert lines[3] == "<3>ERROR   room: worker died"
    assert len(lines) > 5
    assert all(line.startswith("<3>") for line in lines[3:])


def test_a_terminal_that_inherits_the_name_of_a_journal_gets_the_time(tmp_path: Path) -> None:
    lines = lines_of(tmp_path / "stderr", "8:12345")
    assert lines[0].endswith(" INFO    room: camera open")
    assert lines[0][2] == lines[0][5] == ":"


@pytest.mark.parametrize("journal", ["{device}:{inode}", "8:12345"])
def test_the_name_of_a_file_can_neither_steer_a_terminal_nor_write_a_line_of_its_own(
    tmp_path: Path, journal: str
) -> None:
    lines = lines_of(tmp_path / "stderr", journal)
    (line,) = [line for line in lines if "is torn" in line]
    assert "\x1b" not in line and "/music/\ufffd[2J\ufffdERROR   room: all is lost.mp3" in line
    assert lines[-1].endswith("OSError: the cable is out")
