"""Decoding ahead from a share that hangs, which a real process waits for in real system calls."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.fakes.hanging_share import HangingShare
from tests.fakes.sounds import noise, write_sound

RATE_HZ = 44_100
BEGINNING = """
import json, os, sys, threading, time
from pathlib import Path
from device.playback import prefetch
song, hangs, seconds = Path(sys.argv[1]), Path(os.environ["SHARE_HANGS"]), 44_100
prefetch.SILENT_MAX_S = 0.7

def opened(ahead_s):
    return prefetch.Prefetch(song, seconds, 0.0, None, ahead_s * seconds)

def until(true, most_s=20.0):
    end = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)

def decoders():
    return sum(one.name == prefetch.DECODER for one in threading.enumerate())
"""
AT_ITS_OPENING = """
hangs.touch()
source = opened(2)
until(lambda: source.ended)
before = decoders()
hangs.unlink()
until(lambda: decoders() == 0)
good = opened(2)
until(lambda: good.available >= 2 * seconds)
print(json.dumps([source.error, source.available, before, good.ended, good.error]))
"""
IN_ITS_MIDDLE = """
source = opened(2)
until(lambda: source.available >= 2 * seconds)
time.sleep(2 * prefetch.SILENT_MAX_S)
in_time = source.ended
hangs.touch()
heard = []
until(lambda: heard.append(len(source.read(4096))) or source.ended)
heard.append(len(source.read(10**9)))
print(json.dumps([in_time, source.error, 2 * seconds <= sum(heard) < 10 * seconds, decoders()]))
hangs.unlink()
until(lambda: decoders() == 0)
assert source.available == 0 and source.error
"""
ONE_AFTER_THE_OTHER = """
prefetch.MOST_DECODERS = 3
hangs.touch()
sources = [opened(2) for _ in range(4)]
print(json.dumps([[one.ended for one in sources], sources[-1].error, decoders()]))
"""


def decoded(tmp_path: Path, script: str) -> tuple[Path, Any]:
    """Return the song and what a process said that decoded it by ``script``."""
    music = tmp_path / "music"
    music.mkdir()
    song = write_sound(music / "song.wav", noise(20, 0.3, 1, RATE_HZ), RATE_HZ)
    share = HangingShare(music, tmp_path)
    return song, json.loads(
        share.run([sys.executable, "-c", BEGINNING + script, str(song)], timeout_s=60)
    )


def test_a_file_whose_opening_hangs_is_given_up_by_name_and_tried_again(tmp_path: Path) -> None:
    song, said = decoded(tmp_path, AT_ITS_OPENING)
    hangs = f"{song}: nothing of it came for 1 s: does its disk or network share hang?"
    assert said == [hangs, 0, 1, False, ""]


def test_what_was_read_before_a_file_hangs_is_heard_and_what_is_full_does_not_hang(
    tmp_path: Path,
) -> None:
    song, said = decoded(tmp_path, IN_ITS_MIDDLE)
    hangs = f"{song}: nothing of it came for 1 s: does its disk or network share hang?"
    assert said == [False, hangs, True, 1]


def test_threads_that_hang_do_not_become_more_and_more(tmp_path: Path) -> None:
    song, said = decoded(tmp_path, ONE_AFTER_THE_OTHER)
    untried = f"{song}: not even tried: 3 files before it still wait to be read"
    assert said == [
        [False, False, False, True], f"{untried}: does its disk or network share hang?", 3,
    ]  # fmt: skip
