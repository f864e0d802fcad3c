"""Progress on a terminal, silence elsewhere; jobs and results survive the way to a worker."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.analysis import TrackAnalysis, pack_point
from catalog.builder.progress import Progress
from catalog.builder.wire import (
    Job,
    Outcome,
    decode_job,
    decode_outcome,
    encode_job,
    encode_outcome,
)
from tests.fakes.synthetic_library import analysis, make_points


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_are_shown() -> None:
    clock = Clock()
    with Progress(3000, "tracks", Terminal(), clock) as progress:
        for _ in range(600):
            clock.now += 0.1
            progress.step()
        assert progress.line("a.mp3") == "600 of 3,000 tracks  10.0/s  4:00 left  a.mp3"
    with Progress(4000, "tracks", Terminal(), clock) as progress:
        clock.now += 60
        progress.step()
        assert progress.line() == "1 of 4,000 tracks  1.0/min  66:39:00 left"


def test_a_terminal_gets_one_line_rewritten_and_cleared() -> None:
    terminal, clock = Terminal(), Clock()
    with Progress(3, "tracks", terminal, clock) as progress:
        for name in ("one", "two", "three"):
            clock.now += 1
            progress.step(name)
    shown = terminal.getvalue()
    assert shown.count("\r") == 4
    assert "\n" not in shown
    assert shown.endswith("\r\x1b[K")


def test_nothing_is_written_where_nobody_looks() -> None:
    stream = io.StringIO()
    with Progress(2, "tracks", stream) as progress:
        progress.step("x")
        progress.step("y")
    assert stream.getvalue() == ""


@given(st.text().filter(lambda name: "\0" not in name and name.isprintable() and name))
def test_a_job_survives_its_line(name: str) -> None:
    job = Job(Path("/m") / name, Path("/m/x.lrc"))
    line = encode_job(job)
    assert line.count(b"\n") == 1
    assert decode_job(line) == job
    assert decode_job(encode_job(Job(job.path))) == Job(job.path)


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_an_outcome_survives_its_line(title: str, duration_s: float) -> None:
    found = analysis(7, make_points(1)[0], title=title, duration_s=duration_s)
    back = decode_outcome(encode_outcome(Outcome(found, notice="n")))
    assert back.analysis is not None
    assert back.notice == "n"
    assert plain(back.analysis) == plain(found)
    assert decode_outcome(encode_outcome(Outcome(None, "why"))) == Outcome(None, "why")


def plain(found: TrackAnalysis) -> tuple[object, ...]:
    """Return the analysis with its points as bytes: points compare by identity."""
    assert found.point is not None
    parts = [(part.source, part.weight, pack_point(part.point)) for part in found.evidence]
    return replace(found, point=None, evidence=()), pack_point(found.point), parts


def test_a_line_that_is_no_outcome_is_refused() -> None:
    for line in (b"", b"{}\n", b"Traceback\n", b'{"analysis": {}, "failure": "", "notice": ""}\n'):
        with pytest.raises((ValueError, KeyError, TypeError)):
            decode_outcome(line)
