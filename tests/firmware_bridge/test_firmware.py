"""The C firmware on this machine, heard by our own parser; compiled for the ATmega328P."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge import attune_frames as wire
from firmware_bridge.attune_commands import CommandEnd, CommandLink
from firmware_bridge.attune_stream import AttuneParser
from tests.fakes.sensor_firmware import SOURCE, Board, compile_host
from tests.fakes.sensor_lines import values

FLASH_BYTES, MEMORY_BYTES = 32_256, 2_048
"""ATmega328P less the boot loader; the stack must fit into the memory, too."""
STACK_BYTES = 512

NewBoard = Callable[[str], Board]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("firmware")
    return {
        probe: compile_host(folder / f"{probe}.so", probe, "-shared", "-fPIC")
        for probe in ("samples", "max30102")
    }


@pytest.fixture
def new_board(libraries: dict[str, Path], tmp_path: Path) -> NewBoard:
    return lambda probe: Board(libraries[probe], tmp_path / f"{probe}.so")


def frames(data: bytes) -> list[wire.Frame]:
    assert data.endswith(b"\0") or not data
    return [wire.decode(block) for block in data.split(b"\0")[:-1]]


def command(seq: int, code: int, argument: int) -> bytes:
    payload = wire.COMMAND.pack(code, argument)
    return wire.encode(wire.Frame(wire.FrameType.COMMAND, seq, 0, payload))


def without_its_chip(new_board: NewBoard) -> tuple[Board, AttuneParser]:
    """A board that was started with the wire to its MAX30102 broken, and who hears it."""
    board = new_board("max30102")
    board.wire(False)
    board.start()
    return board, AttuneParser()


class TestHello:
    def test_it_says_what_it_is_every_second_until_it_is_answered(
        self, new_board: NewBoard
    ) -> None:
        board = new_board("samples")
        board.start()
        for now_us in range(0, 3_500_000, 10_000):
            board.pass_to(now_us)
            board.step()
        heard = frames(board.take())
        assert [(f.type, f.seq, f.t_us) for f in heard] == [
            (wire.FrameType.HELLO, k, 1_000_000 * k) for k in range(4)
        ]
        parser = AttuneParser()
        board.pass_to(4_000_000)
        board.step()
        parser.feed(board.take())
        assert parser.hello == wire.Hello((1, 0), 0, 10, 100, 3, b"HOSTTEST")
        board.say(parser.reply(0.0))
        for now_us in range(4_000_000, 8_000_000, 10_000):
            board.pass_to(now_us)
            board.step()
        assert board.take() == b""


class TestSamples:
    def run(self, board: Board, samples: list[int], start_us: int = 0) -> AttuneParser:
        board.start(start_us)
        for place, value in enumerate(samples):
            board.pass_to(start_us + 10_000 * place)
            board.sample(value)
        return AttuneParser()

    def test_they_arrive_whole_with_their_time(self, new_board: NewBoard) -> None:
        board = new_board("samples")
        sent = [int(v) for v in np.random.default_rng(1).integers(0, 1024, 500)]
        parser = self.run(board, sent)
        runs = parser.feed(board.take())
        assert values(runs) == sent
        assert not any(run.lost for run in runs)
        assert {len(run.samples) for run in runs} == {10}
        assert [run.device_time_s for run in runs] == pytest.approx([k / 10 for k in range(50)])
        assert parser.junk_bytes == 0

    def test_the_clock_may_wrap(self, new_board: NewBoard) -> None:
        board = new_board("samples")
        parser = self.run(board, [500] * 200, wire.CLOCK_SPAN_US - 1_000_000)
        runs = parser.feed(board.take())
        times = np.array([run.device_time_s for run in runs], np.float64)
        assert np.allclose(np.diff(times), 0.1)
        assert not any(run.lost for run in runs)

    def test_what_the_probe_missed_is_marked(self, new_board: NewBoard) -> None:
        board = new_board("samples")
        board.start()
        for place in range(100):
            board.pass_to(10_000 * place)
            board.sample(place, wire.SampleFlag.LOST if place == 37 else 0)
        runs = AttuneParser().feed(board.take())
        assert [float(run.samples[0]) for run in runs if run.lost] == [37]
        assert values(runs) == list(range(len(values(runs))))

    def test_lost_bytes_on_the_line_are_a_hole(self, new_board: NewBoard) -> None:
        board = new_board("samples")
        parser = self.run(board, [500] * 300)
        data = board.take()
        runs = parser.feed(data[:200] + data[230:])
        assert sum(run.lost for run in runs) == 1


@pytest.mark.parametrize("payload", [bytes(244), b"\x05" * 244, bytes(range(244))])
def test_the_longest_frame_leaves_the_board_whole(new_board: NewBoard, payload: bytes) -> None:
    board = new_board("samples")
    board._lib.frame_send(wire.FrameType.SAMPLES, 7, payload, len(payload))
    (frame,) = frames(board.take())
    assert (frame.t_us, frame.payload) == (7, payload)


class TestCommands:
    def board(self, new_board: NewBoard) -> Board:
        board = new_board("samples")
        board.start()
        board.take()
        return board

    def ask(self, board: Board, code: wire.CommandCode, argument: int) -> CommandEnd:
        link = CommandLink()
        link.ask(code, argument)
        board.say(link.due(0.0))
        board.step()
        for frame in frames(board.take()):
            if frame.type == wire.FrameType.COMMAND_DONE:
                link.hear(frame.payload)
        return link.ended[0]

    @pytest.mark.parametrize(
        ("code", "argument", "result"),
        [
            (wire.CommandCode.HELLO, 0, wire.CommandResult.DONE),
            (wire.CommandCode.STREAM, 0, wire.CommandResult.DONE),
            (wire.CommandCode.STREAM, 2, wire.CommandResult.OUT_OF_RANGE),
            (wire.CommandCode.RATE, 50, wire.CommandResult.DONE),
            (wire.CommandCode.RATE, 30_000, wire.CommandResult.OUT_OF_RANGE),
            (wire.CommandCode.RATE, -1, wire.CommandResult.OUT_OF_RANGE),
            (wire.CommandCode.LIGHT, 255, wire.CommandResult.DONE),
            (wire.CommandCode.LIGHT, 256, wire.CommandResult.OUT_OF_RANGE),
        ],
    )
    def test_each_is_acknowledged_with_its_result(
        self, new_board: NewBoard, code: wire.CommandCode, argument: int, result: int
    ) -> None:
        assert self.ask(self.board(new_board), code, argument) == CommandEnd(code, argument, result)

    def test_an_unknown_one_is_refused(self, new_board: NewBoard) -> None:
        board = self.board(new_board)
        board.say(command(5, 99, 0))
        board.step()
        (done,) = frames(board.take())
        assert wire.COMMAND_DONE.unpack(done.payload) == (5, 99, wire.CommandResult.UNKNOWN)

    def test_a_repeated_one_is_done_once_and_answered_each_time(self, new_board: NewBoard) -> None:
        board = self.board(new_board)
        for _ in range(3):
            board.say(command(7, wire.CommandCode.HELLO, 0))
            board.step()
        kinds = [frame.type for frame in frames(board.take())]
        assert kinds == [wire.FrameType.HELLO] + [wire.FrameType.COMMAND_DONE] * 3

    def test_a_new_rate_is_told_and_leaves_a_hole(self, new_board: NewBoard) -> None:
        board = self.board(new_board)
        assert self.ask(board, wire.CommandCode.RATE, 50).result == wire.CommandResult.DONE
        board.pass_to(2_000_000)
        for _ in range(10):
            board.sample(400)
        parser = AttuneParser()
        runs = parser.feed(board.take())
        assert parser.hello is not None
        assert parser.hello.rate_hz == 50
        assert [(len(run.samples), run.lost) for run in runs] == [(5, True), (5, False)]

    def test_silence_can_be_asked_for_and_ends_with_a_hole(self, new_board: NewBoard) -> None:
        board = self.board(new_board)
        self.ask(board, wire.CommandCode.STREAM, 0)
        for _ in range(50):
            board.sample(400)
        assert board.take() == b""
        self.ask(board, wire.CommandCode.STREAM, 1)
        for _ in range(10):
            board.sample(400)
        (run,) = AttuneParser().feed(board.take())
        assert run.lost

    def test_junk_before_a_command_does_not_hide_it(self, new_board: NewBoard) -> None:
        board = self.board(new_board)
        board.say(b"\x05\xffjunk" * 40 + b"\0" + command(9, wire.CommandCode.STREAM, 0))
        board.step()
        (done,) = frames(board.take())
        assert wire.COMMAND_DONE.unpack(done.payload) == (9, wire.CommandCode.STREAM, 0)


class TestMax30102:
    def test_it_is_set_to_infrared_at_100_hz(self, new_board: NewBoard) -> None:
        board = new_board("max30102")
        board.start()
        assert board.register(0x08) == 0x40  # average of four
        assert board.register(0x0A) == 0x2F  # 4096 nA, 400 readings a second, 411 us
        assert board.register(0x0D) == 0x1F  # light
        assert board.register(0x11) == 0x02  # slot 1: infrared
        assert board.register(0x09) == 0x07  # multi-LED mode
        parser = AttuneParser()
        parser.feed(board.take())
        assert parser.hello == wire.Hello((1, 0), 2, 18, 100, 3, b"HOSTTEST")

    def test_its_counts_arrive_turned_over_with_the_finger(self, new_board: NewBoard) -> None:
        board = new_board("max30102")
        board.start()
        counts = [100_000 + k for k in range(100)] + [2_000] * 30
        for place, count in enumerate(counts):
            board.pass_to(10_000 * place)
            board.reading(count)
            board.step()
        runs = AttuneParser().feed(board.take())
        assert values(runs) == [-count for count in counts[: len(values(runs))]]
        assert [run.finger_on for run in runs] == [True] * 10 + [False] * 3
        times = [run.device_time_s for run in runs]
        assert times == pytest.approx([k / 10 for k in range(13)])

    def test_a_finger_that_sparkfun_calls_on_is_on(self, new_board: NewBoard) -> None:
        """Its setup() takes 4096 nA and a light of 0x1F; it sees a finger from 50,000 counts on."""
        board = new_board("max30102")
        board.start()
        range_na = 2048 << (board.register(0x0A) >> 5)
        scale = 4096 / range_na * board.register(0x0D) / 0x1F
        for place in range(40):
            board.pass_to(10_000 * place)
            board.reading(round(scale * (51_000 if place < 20 else 49_000)))
            board.step()
        runs = AttuneParser().feed(board.take())
        assert [run.finger_on for run in runs] == [True, True, False, False]

    def test_a_full_fifo_is_a_hole_after_what_it_kept(self, new_board: NewBoard) -> None:
        board = new_board("max30102")
        board.start()
        for place in range(40):  # The board was away: 32 are kept, 8 are lost.
            board.reading(60_000 + place)
        board.pass_to(400_000)
        board.step(2)
        for place in range(40, 70):
            board.pass_to(10_000 * place)
            board.reading(60_000 + place)
            board.step()
        runs = AttuneParser().feed(board.take())
        assert [-float(run.samples[0]) - 60_000 for run in runs if run.lost] == [40]
        got = [-value - 60_000 for value in values(runs)]
        assert got == [*range(32), *range(40, 40 + len(got) - 32)]

    def test_a_chip_that_does_not_answer_is_told_and_taken_when_it_does(
        self, new_board: NewBoard
    ) -> None:
        board, parser = without_its_chip(new_board)
        parser.feed(board.take())
        assert "does not answer" in parser.complaint
        board.wire(True)
        board.pass_to(1_000_000)
        board.step()
        parser.feed(board.take())
        assert parser.complaint == ""
        assert parser.hello is not None
        assert parser.hello.rate_hz == 100

    def test_a_chip_is_tried_again_though_the_host_knows_that_it_does_not_answer(
        self, new_board: NewBoard
    ) -> None:
        board, parser = without_its_chip(new_board)
        for second in range(1, 5):
            parser.feed(board.take())
            assert "does not answer" in parser.complaint
            board.say(parser.reply(0.0))
            board.step()
            board.wire(second == 4)
            board.pass_to(1_000_000 * second)
            board.step()
        parser.feed(board.take())
        assert parser.complaint == ""
        board.say(parser.reply(0.0))
        board.pass_to(9_000_000)
        board.step()
        assert board.take() == b"", "now it is seen"


def test_any_bytes_from_the_host_are_survived_under_sanitizers(tmp_path: Path) -> None:
    program = compile_host(
        tmp_path / "fuzz",
        "max30102",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        str(SOURCE / "host" / "fuzz.c"),
    )
    rng = np.random.default_rng(4)
    said = bytearray()
    for seq in range(2000):
        frame = bytearray(command(seq, int(rng.integers(0, 6)), int(rng.integers(-999, 999))))
        if rng.random() < 0.5:
            frame[int(rng.integers(0, len(frame)))] = int(rng.integers(0, 256))
        said += frame + rng.bytes(int(rng.integers(0, 30)))
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(
        [program], input=bytes(said), capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]


@pytest.mark.parametrize("firmware", ["analog", "max30102"])
def test_it_is_compiled_for_the_atmega328p_and_fits(firmware: str, tmp_path: Path) -> None:
    if shutil.which("avr-gcc") is None:
        pytest.skip("gcc-avr is not installed")
    done = subprocess.run(
        ["make", "-C", str(SOURCE), f"OUT={tmp_path}", f"{tmp_path}/{firmware}.hex"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{firmware}.hex").read_text().startswith(":")
    size = re.search(r"^\s*(\d+)\s+(\d+)\s+(\d+)\s", done.stdout, re.MULTILINE)
    assert size is not None
    text, data, bss = (int(number) for number in size.groups())
    assert text + data <= FLASH_BYTES
    assert data + bss + STACK_BYTES <= MEMORY_BYTES


@pytest.fixture(scope="module")
def simulated_uno(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that runs a firmware on simavr's ATmega328P."""
    if shutil.which("avr-gcc") is None:
        pytest.skip("gcc-avr is not installed")
    program = tmp_path_factory.mktemp("uno") / "simulated_uno"
    source = str(SOURCE / "host" / "simulated_uno.c")
    done = subprocess.run(
        ["gcc", "-O2", source, "-o", str(program), "-lsimavr", "-lelf"],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("libsimavr-dev is not installed")
    return program


def on_the_chip(program: Path, firmware: str, folder: Path, said: bytes) -> bytes:
    """Return what the firmware says in six seconds; the host speaks after one and a half."""
    elf = folder / f"{firmware}.elf"
    made = ["make", "-C", str(SOURCE), f"OUT={folder}", str(elf)]
    subprocess.run(made, capture_output=True, check=True)
    done = subprocess.run([program, elf, "6"], input=said, capture_output=True, check=True)
    return done.stdout


def test_on_the_chip_the_analog_sensor_speaks_and_obeys(
    simulated_uno: Path, tmp_path: Path
) -> None:
    seen = wire.encode(wire.Frame(wire.FrameType.HELLO_SEEN, 0, 0))
    said = seen + command(77, wire.CommandCode.RATE, 200) + seen
    parser = AttuneParser()
    runs = parser.feed(on_the_chip(simulated_uno, "analog", tmp_path, said))
    assert parser.hello is not None
    assert (parser.hello.sensor, parser.hello.rate_hz) == (wire.SensorModel.ANALOG, 200)
    last = runs[-40:]
    assert not any(run.lost for run in last)
    times = np.array([run.device_time_s for run in last], np.float64)
    assert np.allclose(np.diff(times), 0.1, atol=2e-5)
    triangle = np.concatenate([run.samples for run in last])
    assert triangle.min() <= 10
    assert triangle.max() >= 1013
    assert np.abs(np.diff(triangle)).max() <= 15  # 1023 in half a second at 200 Hz is 10.2


def test_on_the_chip_a_missing_max30102_is_told_and_nothing_hangs(
    simulated_uno: Path, tmp_path: Path
) -> None:
    parser = AttuneParser()
    assert parser.feed(on_the_chip(simulated_uno, "max30102", tmp_path, b"")) == []
    assert "does not answer" in parser.complaint
