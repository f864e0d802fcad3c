"""The stream of a sensor with our own firmware: frames -> runs, with every hole noticed."""

from __future__ import annotations

from firmware_bridge import attune_frames as wire
from firmware_bridge.attune_commands import CommandLink
from firmware_bridge.clocks import DeviceClock, RateEstimate
from firmware_bridge.samples import SampleRun, run_of

MAX_BUFFER_BYTES = wire.MAX_FRAME_BYTES + 2
NO_CHIP = "the board runs, but its sensor chip does not answer: check the wires between them"


class AttuneParser:
    """Checks frames, counts gaps, unwraps the clock, notices resets, answers HELLO."""

    belongs_to = ""

    def __init__(self) -> None:
        self.junk_bytes = 0
        self.lost_runs = 0
        self.complaint = ""
        self.hello: wire.Hello | None = None
        self.commands = CommandLink()
        self._buffer = bytearray()
        self._overlong = False
        self._answer = b""
        self._next_seq: int | None = None
        self._clock = DeviceClock(1e-6, wire.CLOCK_SPAN_US)
        self._rate = RateEstimate()
        self._hole = False
        self._asked = False

    def feed(self, data: bytes) -> list[SampleRun]:
        """Consume ``data`` and return the runs that are complete; at most one frame is kept."""
        runs: list[SampleRun] = []
        *blocks, rest = data.split(b"\0")
        for block in blocks:
            self._extend(block)
            if (run := self._close_frame()) is not None:
                runs.append(run)
        self._extend(rest)
        return runs

    def reply(self, now_s: float) -> bytes:
        """Return the answer to a HELLO and the command that is due."""
        answer, self._answer = self._answer, b""
        return answer + self.commands.due(now_s)

    def _extend(self, piece: bytes) -> None:
        room = MAX_BUFFER_BYTES - len(self._buffer)
        self._overlong |= len(piece) > room
        self.junk_bytes += max(0, len(piece) - room)
        self._buffer += piece[:room]

    def _close_frame(self) -> SampleRun | None:
        block, overlong = bytes(self._buffer), self._overlong
        self._buffer.clear()
        self._overlong = False
        if not block:
            return None
        try:
            if not overlong:
                return self._hear(wire.decode(block))
        except wire.VersionError as error:
            self.complaint = (
                f"the sensor's firmware speaks {error}, this Attune {wire.VERSION}: update one"
            )
        except wire.FrameError:
            pass  # Counted as junk below; the gap shows in the next frame's number.
        self.junk_bytes += len(block)
        return None

    def _hear(self, frame: wire.Frame) -> SampleRun | None:
        self._note_seq(frame.seq)
        if frame.type == wire.FrameType.HELLO:
            self._hear_hello(frame)
        elif frame.type == wire.FrameType.COMMAND_DONE:
            self.commands.hear(frame.payload)
        elif frame.type == wire.FrameType.SAMPLES:
            return self._hear_samples(frame)
        return None

    def _hear_hello(self, frame: wire.Frame) -> None:
        hello = wire.read_hello(frame.payload)
        if hello is None:
            return
        if hello != self.hello:
            self._rate = RateEstimate(float(hello.rate_hz) if hello.rate_hz else None)
        self.hello = hello
        self.complaint = "" if hello.rate_hz else NO_CHIP
        self._answer = wire.encode(wire.Frame(wire.FrameType.HELLO_SEEN, frame.seq, frame.t_us))

    def _hear_samples(self, frame: wire.Frame) -> SampleRun | None:
        said = wire.read_samples(frame.payload)
        if said is None:
            return None
        # Only these: what the sensor says in between is later than the batch's first sample.
        time_s, jumped = self._clock.note(frame.t_us)
        self._hole |= jumped
        if self.hello is None and not self._asked:
            # Opening the port did not reset this board; it has said its HELLO long ago.
            self._asked = self.commands.ask(wire.CommandCode.HELLO)
        flags, values = said
        lost = self._hole or wire.SampleFlag.LOST in flags
        self._hole = False
        self.lost_runs += lost
        if lost:
            self._rate.restart()
        self._rate.note(time_s, len(values))
        sign = -1 if wire.SampleFlag.INVERTED in flags else 1
        known = wire.SampleFlag.FINGER_KNOWN in flags
        return run_of(
            [sign * value for value in values],
            rate_hz=self._rate.hz,
            device_time_s=time_s,
            finger_on=wire.SampleFlag.FINGER_ON in flags if known else None,
            lost=lost,
        )

    def _note_seq(self, seq: int) -> None:
        """Frames of every type are counted: a lost one may have held samples."""
        self._hole |= self._next_seq is not None and seq != self._next_seq
        self._next_seq = (seq + 1) & 0xFFFF
