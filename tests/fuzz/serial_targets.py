"""The finger sensor's line: every parser, and the search for the one that fits."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from firmware_bridge.detect import _Ear, _what_was_heard
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.samples import Parser, SampleRun
from firmware_bridge.simulated_senders import SENDERS
from tests.fakes.sensor_lines import stream, wave
from tests.fuzz.target import Check, Target, is_clean

MAX_KEPT_BYTES = 512
MAX_REPLY_BYTES = 256


def targets() -> list[Target]:
    """Return one target for each protocol, and detection."""
    made = [Target(f"serial-{name}", _parser_check(name), _seeds_of(name)) for name in PROTOCOLS]
    return [*made, Target("serial-detection", _detection_check, _all_seeds)]


def _parser_check(name: str) -> Callable[[Path], Check]:
    def make(_folder: Path) -> Check:
        def check(data: bytes) -> None:
            at_once, in_pieces = PROTOCOLS[name].parser(), PROTOCOLS[name].parser()
            whole = at_once.feed(data)
            apart = [run for piece in _pieces(data) for run in _fed(in_pieces, piece)]
            _check_runs(whole)
            _check_runs(apart)
            assert _values(whole) == _values(apart), "pieces give other samples"
            assert at_once.junk_bytes == in_pieces.junk_bytes
            assert at_once.lost_runs == in_pieces.lost_runs
            assert at_once.junk_bytes <= len(data) + data.count(b"\n") + 1
            assert is_clean(at_once.complaint)

        return check

    return make


def _fed(parser: Parser, piece: bytes) -> list[SampleRun]:
    runs = parser.feed(piece)
    assert len(parser.reply(0.0)) <= MAX_REPLY_BYTES
    assert len(parser._buffer) <= MAX_KEPT_BYTES  # type: ignore[attr-defined]
    return runs


def _pieces(data: bytes) -> list[bytes]:
    """Cut as a port would; the same for the same data."""
    rng = random.Random(zlib.crc32(data))
    pieces, at = [], 0
    while at < len(data):
        size = rng.choice((1, 2, 7, 33, 64, 500))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def _values(runs: Sequence[SampleRun]) -> list[float]:
    return [float(value) for run in runs for value in run.samples]


def _check_runs(runs: Sequence[SampleRun]) -> None:
    before = float("-inf")
    for run in runs:
        assert len(run.samples) >= 1
        assert not run.samples.flags.writeable
        assert np.isfinite(run.samples).all()
        assert run.rate_hz is None or 0 < run.rate_hz < float("inf")
        if run.device_time_s is not None:
            assert before <= run.device_time_s < float("inf"), "the clock ran back"
            before = run.device_time_s


def _detection_check(_folder: Path) -> Check:
    def check(data: bytes) -> None:
        lines = dict.fromkeys(protocol.line for protocol in PROTOCOLS.values())
        ears = {line: _Ear(line) for line in lines}
        for ear in ears.values():
            for piece in _pieces(data):
                ear._hear(piece)
        said = _what_was_heard(ears)
        assert said
        assert is_clean(said)

    return check


def _seeds_of(name: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        return [
            stream(sender, wave(60), finger=finger)
            for sender, kind in SENDERS.items()
            for finger in (True, False)
            if kind.protocol == name
        ]

    return seeds


def _all_seeds() -> list[bytes]:
    return [seed for name in PROTOCOLS for seed in _seeds_of(name)()]
