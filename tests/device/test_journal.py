"""The log as the journal and as a terminal get it, from processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.data_folder import ROOT

PROGRAM = """
import logging
from device.journal import set_up_logging
set_up_logging("info")
log = logging.getLogger("room")
log.debug("a number of somebody's pulse")
log.info("camera open")
log.warning("it is late")
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
    assert lines[2] == "<3>ERROR   room: worker died"
    assert len(lines) > 4
    assert all(line.startswith("<3>") for line in lines[2:])


def test_a_terminal_that_inherits_the_name_of_a_journal_gets_the_time(tmp_path: Path) -> None:
    lines = lines_of(tmp_path / "stderr", "8:12345")
    assert lines[0].endswith(" INFO    room: camera open")
    assert lines[0][2] == lines[0][5] == ":"
