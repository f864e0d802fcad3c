"""Our own frames: to the byte, over losses, wraps and resets; commands until acknowledged."""

from __future__ import annotations

import binascii
import re
from pathlib import Path

import pytest
from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import attune_frames as wire
from firmware_bridge.attune_commands import MAX_TRIES, RETRY_EVERY_S, CommandEnd, CommandLink
from firmware_bridge.attune_stream import AttuneParser
from firmware_bridge.samples import SampleRun

SPECIFICATION = Path(wire.__file__).with_name("PROTOCOL.md")
HELLO = wire.Hello(
    (1, 4), wire.SensorModel.MAX30102, 18, 100, wire.ResetCause.WATCHDOG, b"ABCDEFGH"
)


def frame(kind: int, seq: int, t_us: int, payload: bytes = b"") -> bytes:
    return wire.encode(wire.Frame(kind, seq, t_us, payload))


def hello(seq: int, t_us: int) -> bytes:
    return frame(wire.FrameType.HELLO, seq, t_us, wire.hello_payload(HELLO))


class Stream:
    """A parser fed with one-sample frames."""

    def __init__(self) -> None:
        self.parser = AttuneParser()

    def sample(self, seq: int, t_us: int, flags: int = 0, value: int = 500) -> SampleRun:
        payload = wire.samples_payload([value], wire.SampleFlag(flags))
        (run,) = self.parser.feed(frame(wire.FrameType.SAMPLES, seq, t_us, payload))
        return run


def test_the_crc_is_the_one_of_the_specification() -> None:
    assert binascii.crc_hqx(b"123456789", 0xFFFF) == 0x29B1


def test_the_worked_example_of_the_specification_is_true() -> None:
    text = SPECIFICATION.read_text(encoding="utf-8")
    blocks = re.findall(r"```bytes\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    samples, greeting = (bytes.fromhex(re.sub(r"#.*", "", block)) for block in blocks)
    parser = AttuneParser()
    assert parser.feed(greeting) == []
    assert parser.hello == wire.Hello((1, 0), 1, 10, 100, 1, b"\x01\x02\x03\x04\x05\x06\x07\x08")
    payload = wire.samples_payload(
        [512, 3], wire.SampleFlag.FINGER_KNOWN | wire.SampleFlag.FINGER_ON
    )
    assert samples == frame(wire.FrameType.SAMPLES, 258, 1_000_000, payload)
    (run,) = AttuneParser().feed(samples)
    assert (list(run.samples), run.device_time_s, run.finger_on) == ([512, 3], 1.0, True)


@given(
    st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=244)
)
def test_every_frame_comes_back(kind: int, seq: int, t_us: int, payload: bytes) -> None:
    data = frame(kind, seq, t_us, payload)
    assert data.index(0) == len(data) - 1
    assert wire.decode(data[:-1]) == wire.Frame(kind, seq, t_us, payload)


def test_what_does_not_fit_a_frame_is_refused() -> None:
    with pytest.raises(wire.FrameError, match="245 bytes"):
        frame(wire.FrameType.SAMPLES, 0, 0, bytes(245))


@pytest.mark.parametrize("flag", [0, wire.SampleFlag.WIDE])
def test_samples_come_back_in_both_widths(flag: int) -> None:
    top = 0xFFFFFF if flag else 0xFFFF
    values = [0, 1, 0x0102, top]
    payload = wire.samples_payload(values, wire.SampleFlag(flag))
    assert wire.read_samples(payload) == (wire.SampleFlag(flag), values)
    assert wire.read_samples(payload[:-1]) is None
    assert wire.read_samples(payload + b"\0") is None


def test_reflected_light_is_turned_over_and_a_finger_is_known() -> None:
    stream = Stream()
    flags = wire.SampleFlag.INVERTED | wire.SampleFlag.FINGER_KNOWN
    run = stream.sample(0, 0, flags, 500)
    assert list(run.samples) == [-500]
    assert run.finger_on is False
    assert stream.sample(1, 10).finger_on is None


class TestHoles:
    """Nothing is lost unnoticed, and nothing that went well looks lost."""

    def test_a_lost_frame(self) -> None:
        stream = Stream()
        lost = [stream.sample(seq, 10_000 * seq).lost for seq in (7, 8, 9, 11)]
        assert lost == [False, False, False, True]
        assert stream.parser.lost_runs == 1

    def test_the_number_of_a_frame_wraps(self) -> None:
        stream = Stream()
        times = [0, 10_000, 20_000]
        pairs = zip((65534, 65535, 0), times, strict=True)
        assert not any(stream.sample(seq, t_us).lost for seq, t_us in pairs)

    def test_the_clock_wraps(self) -> None:
        stream = Stream()
        before = stream.sample(0, wire.CLOCK_SPAN_US - 10_000).device_time_s
        after = stream.sample(1, 0)
        assert not after.lost
        assert before is not None
        assert after.device_time_s == pytest.approx(before + 0.01)

    @pytest.mark.parametrize("was_on_s", [2, 50, 3000, 4290])
    def test_a_reset_is_a_hole_and_time_does_not_run_back(self, was_on_s: int) -> None:
        stream = Stream()
        before = stream.sample(0, was_on_s * 1_000_000).device_time_s
        run = stream.sample(1, 1_000)
        after = run.device_time_s
        assert before is not None
        assert after is not None
        assert after >= before
        # Only within 10 s of the wrap a reset looks like one; the number of the frame tells then.
        assert run.lost == (was_on_s != 4290)

    def test_a_repeated_hello_is_no_reset(self) -> None:
        stream = Stream()
        stream.parser.feed(hello(0, 0))
        stream.sample(1, 100_000)
        stream.parser.feed(hello(2, 1_000_000))
        assert not stream.sample(3, 1_100_000).lost

    def test_what_is_said_while_a_batch_fills_is_no_hole(self) -> None:
        """It carries the time it is sent; the samples after it carry that of their first one."""
        stream = Stream()
        stream.sample(0, 1_000_000)
        stream.parser.feed(hello(1, 1_180_000))
        run = stream.sample(2, 1_100_000)
        assert not run.lost
        assert run.device_time_s == pytest.approx(1.1)
        assert stream.parser.lost_runs == 0

    def test_a_hello_after_a_reset_is_a_hole(self) -> None:
        stream = Stream()
        stream.sample(700, 70_000_000)
        stream.parser.feed(hello(0, 3_000))
        assert stream.sample(1, 100_000).lost
        assert not stream.sample(2, 200_000).lost

    def test_the_sensor_says_itself_that_it_missed_samples(self) -> None:
        stream = Stream()
        assert not stream.sample(0, 0).lost
        assert stream.sample(1, 10_000, wire.SampleFlag.LOST).lost


class TestRate:
    def feed(self, parser: AttuneParser, step_us: int, frames: int) -> float | None:
        rate = None
        for seq in range(frames):
            payload = wire.samples_payload([500] * 10, wire.SampleFlag(0))
            data = frame(wire.FrameType.SAMPLES, seq + 1, seq * step_us, payload)
            (run,) = parser.feed(data)
            rate = run.rate_hz
        return rate

    def test_the_stated_rate_holds_at_once(self) -> None:
        parser = AttuneParser()
        parser.feed(hello(0, 0))
        assert self.feed(parser, 100_200, 1) == 100
        parser = AttuneParser()
        parser.feed(hello(0, 0))
        assert self.feed(parser, 100_200, 200) == 100

    def test_without_a_hello_the_sensors_clock_tells_it(self) -> None:
        assert self.feed(AttuneParser(), 100_000, 10) is None
        assert self.feed(AttuneParser(), 100_000, 40) == pytest.approx(100)

    def test_a_rate_that_is_not_as_stated_is_followed(self) -> None:
        parser = AttuneParser()
        parser.feed(hello(0, 0))
        assert self.feed(parser, 103_000, 120) == pytest.approx(97.09, abs=0.01)


class TestTalk:
    def test_a_hello_is_answered_once(self) -> None:
        parser = AttuneParser()
        parser.feed(hello(9, 5))
        assert parser.hello == HELLO
        answer = wire.decode(parser.reply(0.0)[:-1])
        assert (answer.type, answer.seq) == (wire.FrameType.HELLO_SEEN, 9)
        assert parser.reply(10.0) == b""

    def test_a_board_that_was_not_reset_is_asked_for_its_hello(self) -> None:
        stream = Stream()
        assert stream.parser.reply(0.0) == b""
        stream.sample(5, 0)
        asked = wire.decode(stream.parser.reply(0.0)[:-1])
        assert asked.type == wire.FrameType.COMMAND
        assert wire.COMMAND.unpack(asked.payload) == (wire.CommandCode.HELLO, 0)

    def test_another_version_is_said_in_words(self) -> None:
        parser = AttuneParser()
        body = bytearray(wire.HEADER.pack(7, 1, 0, 0))
        body += wire.CRC.pack(binascii.crc_hqx(bytes(body), 0xFFFF))
        assert parser.feed(cobs.encode(bytes(body)) + b"\0") == []
        assert "protocol version 7, this Attune 1" in parser.complaint

    def test_a_command_is_repeated_until_it_is_acknowledged(self) -> None:
        link = CommandLink()
        assert link.ask(wire.CommandCode.RATE, 50)
        first = link.due(0.0)
        assert first
        assert link.due(RETRY_EVERY_S / 2) == b""
        assert link.due(RETRY_EVERY_S) == first
        seq = wire.decode(first[:-1]).seq
        link.hear(wire.COMMAND_DONE.pack(seq ^ 1, wire.CommandCode.RATE, 0))
        assert not link.ended
        link.hear(wire.COMMAND_DONE.pack(seq, wire.CommandCode.RATE, wire.CommandResult.DONE))
        assert list(link.ended) == [CommandEnd(wire.CommandCode.RATE, 50, 0)]
        assert link.due(99.0) == b""

    def test_a_command_nobody_answers_ends_and_the_next_is_sent(self) -> None:
        link = CommandLink()
        link.ask(wire.CommandCode.STREAM, 0)
        link.ask(wire.CommandCode.LIGHT, 30)
        sent = [link.due(step * RETRY_EVERY_S) for step in range(MAX_TRIES + 1)]
        assert len(set(sent[:MAX_TRIES])) == 1
        assert list(link.ended) == [CommandEnd(wire.CommandCode.STREAM, 0, None)]
        asked = wire.decode(sent[-1][:-1]).payload
        assert wire.COMMAND.unpack(asked) == (wire.CommandCode.LIGHT, 30)

    def test_commands_that_wait_are_bounded(self) -> None:
        link = CommandLink()
        assert sum(link.ask(wire.CommandCode.HELLO) for _ in range(100)) == 8
