"""Every parser: known bytes, byte by byte, junk and resync, bounded memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import attune_frames as own
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.samples import Parser, SampleRun
from firmware_bridge.simulator import ENCODERS


def values(runs: list[SampleRun]) -> list[float]:
    return [float(value) for run in runs for value in run.samples]


def wire(name: str, samples: list[int], number: int = 0, time_s: float = 0.0) -> bytes:
    return ENCODERS[name][0](samples, number, time_s)


def warm(name: str) -> Parser:
    """Return a parser that has seen the cut line with which a text stream begins."""
    parser = PROTOCOLS[name].parser()
    if name in ("pulsesensor", "sparkfun"):
        parser.feed(b"12,\n")
    return parser


KNOWN = {
    "pulsesensor": (
        b"72,833,512\r\nS498\r\nPSWS,1,LIVE,7,140,505,72,833,0,80,OK\r\n", [512, 498, 505],
    ),
    "sparkfun": (b"104512\r\n R[1] IR[90000] G[3] Hz[1.5]\r\nred=1, ir=70000, HR=1\r\n",
                 [-104512, -90000, -70000]),
    "cms50d_old": (bytes((0x87, 64, 5, 72, 97, 0x80, 70, 5, 72, 97)), [64, 70]),
    "cms50d_new": (bytes.fromhex("018087c085c8e18080"), [64]),
    "nonin": (bytes((1, 0x80, 100, 5, 0xEA, 1, 0x81, 120, 6, 0x00)), [100, 120]),
}  # fmt: skip


@pytest.mark.parametrize("name", ["pulsesensor", "sparkfun", "cms50d_old", "cms50d_new", "nonin"])
def test_known_bytes_give_known_samples(name: str) -> None:
    data, expected = KNOWN[name]
    assert values(warm(name).feed(data)) == expected


def test_a_frame_of_ours_is_known_to_the_byte() -> None:
    frame = own.Frame(own.FrameType.SAMPLES, 0x0102, 1_000_000, own.samples_payload([512, 3], True))
    data = own.encode(frame)
    assert data.count(0) == 1
    assert data[-1] == 0
    parser = own.AttuneParser()
    (run,) = parser.feed(data)
    assert list(run.samples) == [512, 3]
    assert run.device_time_s == 1.0
    assert run.finger_on is True
    assert parser.junk_bytes == 0


@pytest.mark.parametrize("name", PROTOCOLS)
def test_byte_by_byte_gives_the_same_as_at_once(name: str) -> None:
    data = b"".join(
        wire(name, [400 + 8 * k, 408, 416], k, k * 0.03) for k in range(20)
    )  # fmt: skip
    at_once = warm(name)
    slowly = warm(name)
    together = values(at_once.feed(data))
    apart = values([run for byte in data for run in slowly.feed(bytes([byte]))])
    assert together == apart
    assert len(together) == 60
    assert at_once.junk_bytes == slowly.junk_bytes


@pytest.mark.parametrize("name", PROTOCOLS)
def test_after_junk_the_stream_is_found_again(name: str) -> None:
    parser = warm(name)
    parser.feed(wire(name, [500] * 5, 0))
    before = parser.junk_bytes
    parser.feed(b"\xa5\x5a garbage \x13\x7f" * 3 + b"\n\0")
    runs = parser.feed(b"".join(wire(name, [480] * 5, k, k * 0.05) for k in range(1, 5)))
    assert len(values(runs)) >= 14
    assert parser.junk_bytes > before


@pytest.mark.parametrize("name", PROTOCOLS)
@given(data=st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_are_survived_in_bounded_memory(name: str, data: list[bytes]) -> None:
    parser = PROTOCOLS[name].parser()
    total = 0
    for chunk in data:
        for run in parser.feed(chunk):
            total += len(run.samples)
            assert len(run.samples) >= 1
            assert np.isfinite(run.samples).all()
            assert not run.samples.flags.writeable
        parser.reply()
        assert len(parser._buffer) <= 512  # type: ignore[attr-defined]
    sent = sum(len(chunk) for chunk in data)
    assert total <= sent
    assert parser.junk_bytes <= sent + 256


@given(st.binary(min_size=1, max_size=600))
def test_no_sample_of_ours_comes_from_random_bytes(data: bytes) -> None:
    assert own.AttuneParser().feed(data + b"\0") == []


@given(st.integers(0, 2000), st.integers(1, 255))
def test_a_changed_byte_never_gives_another_sample(place: int, change: int) -> None:
    good = b"".join(wire("attune", [100 + k] * 4, k, k * 0.04) for k in range(10))
    bad = bytearray(good)
    bad[place % len(bad)] ^= change
    true = values(own.AttuneParser().feed(good))
    got = values(own.AttuneParser().feed(bytes(bad)))
    assert set(got) <= set(true)
    assert len(got) >= len(true) - 8


class TestOwnStream:
    """Gaps, wraps, resets and the greeting of our own frames."""

    def feed(self, parser: own.AttuneParser, seq: int, t_us: int) -> SampleRun:
        payload = own.samples_payload([500], None)
        (run,) = parser.feed(own.encode(own.Frame(own.FrameType.SAMPLES, seq, t_us, payload)))
        return run

    def test_a_lost_frame_is_noticed(self) -> None:
        parser = own.AttuneParser()
        assert not self.feed(parser, 65_534, 0).lost
        assert not self.feed(parser, 65_535, 10).lost
        assert not self.feed(parser, 0, 20).lost
        assert self.feed(parser, 2, 40).lost
        assert parser.lost_runs == 1

    def test_the_clock_goes_on_over_its_wrap(self) -> None:
        parser = own.AttuneParser()
        last = own.CLOCK_SPAN_US - 10_000
        before = self.feed(parser, 0, last).device_time_s
        run = self.feed(parser, 1, 0)
        assert not run.lost
        assert before is not None
        assert run.device_time_s == pytest.approx(before + 0.01)

    def test_a_reset_is_a_hole(self) -> None:
        parser = own.AttuneParser()
        self.feed(parser, 0, 50_000_000)
        assert self.feed(parser, 1, 1_000).lost

    def test_a_hello_is_answered_once_and_read(self) -> None:
        parser = own.AttuneParser()
        hello = own.Hello(2, 18, 100, own.ResetCause.WATCHDOG, b"ABCDEFGH", (1, 4))
        frame = own.Frame(own.FrameType.HELLO, 9, 5, own.hello_payload(hello))
        assert parser.feed(own.encode(frame)) == []
        assert parser.hello == hello
        answer = own.decode(parser.reply()[:-1])
        assert answer is not None
        assert (answer.type, answer.seq) == (own.FrameType.HELLO_SEEN, 9)
        assert parser.reply() == b""
        assert self.feed(parser, 10, 15).rate_hz == 100


def test_a_finger_taken_off_ends_the_run() -> None:
    parser = PROTOCOLS["cms50d_old"].parser()
    on, off = bytes((0x87, 64, 5, 72, 97)), bytes((0x97, 0, 0x20, 0, 127))
    runs = parser.feed(on * 3 + off * 2 + on)
    assert [(len(run.samples), run.finger_on) for run in runs] == [(3, True), (2, False), (1, True)]


def test_sparkfun_tells_an_absent_finger_by_the_light() -> None:
    parser = warm("sparkfun")
    (run,) = parser.feed(b"IR=1200, BPM=0.00, Avg BPM=0 No finger?\n")
    assert run.finger_on is False


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.timeout(600)
def test_ten_million_random_and_mutated_bytes(name: str) -> None:
    rng = np.random.default_rng(5)
    parser = PROTOCOLS[name].parser()
    good = b"".join(wire(name, [300 + k % 400] * 4, k, k * 0.04) for k in range(400))
    sent = samples = 0
    while sent < 10_000_000:
        mutated = bytearray(good)
        for place in rng.integers(0, len(mutated), 40):
            mutated[place] = rng.integers(0, 256)
        chunk = bytes(mutated) + rng.bytes(len(mutated))
        for run in parser.feed(chunk):
            samples += len(run.samples)
        sent += len(chunk)
        assert len(parser._buffer) <= 512  # type: ignore[attr-defined]
    print(f"{name}: {sent} bytes, {samples} samples, {parser.junk_bytes} bytes of junk")
