"""Contec and Nonin: known packets, flags, holes."""

from __future__ import annotations

import pytest

from firmware_bridge.contec import ContecNewParser, ContecOldParser
from firmware_bridge.nonin import NoninParser
from firmware_bridge.packets import PacketReading
from tests.fakes.sensor_lines import values

ON = bytes((0x87, 64, 0x05, 72, 97))


def nonin(number: int, pleth: int = 100, status: int = 0x80) -> bytes:
    body = bytes((1, status | (number % 25 == 0), pleth, 0))
    return body + bytes((sum(body) % 256,))


class TestContecOld:
    def test_a_packet_to_the_bit(self) -> None:
        assert ContecOldParser().read_packet(ON) == PacketReading(64.0, True)

    @pytest.mark.parametrize(
        "packet",
        [
            (0x97, 0, 0x05, 72, 97), (0x87, 64, 0x15, 72, 97), (0x87, 64, 0x25, 72, 97),
        ],
    )  # fmt: skip
    def test_finger_out_probe_error_and_searching_are_no_finger(
        self, packet: tuple[int, ...]
    ) -> None:
        reading = ContecOldParser().read_packet(bytes(packet))
        assert reading is not None
        assert not reading.finger_on

    @pytest.mark.parametrize(
        "packet",
        [
            (0x07, 64, 5, 72, 97),
            (0x87, 0x80, 5, 72, 97),
            (0x87, 64, 5, 72, 1),
            (0x87, 64, 5, 72, 101),
        ],
    )
    def test_what_cannot_be_a_packet_is_none(self, packet: tuple[int, ...]) -> None:
        assert ContecOldParser().read_packet(bytes(packet)) is None

    def test_six_packets_open_the_stream_and_three_are_waited_for(self) -> None:
        parser = ContecOldParser()
        assert parser.feed(ON * 5) == []
        assert len(values(parser.feed(ON))) == 3
        assert len(values(parser.feed(ON))) == 1

    def test_a_finger_taken_off_ends_the_run(self) -> None:
        off = bytes((0x97, 0, 0x20, 0, 127))
        runs = ContecOldParser().feed(ON * 6 + off * 3 + ON * 5)
        assert [(len(run.samples), run.finger_on) for run in runs] == [
            (6, True), (3, False), (2, True),
        ]  # fmt: skip
        assert not any(run.lost for run in runs)

    def test_a_lost_byte_is_a_hole(self) -> None:
        first, second = ContecOldParser().feed(ON * 10 + ON[:2] + ON[3:] + ON * 11)
        assert (len(first.samples), len(second.samples)) == (8, 8)
        assert (first.lost, second.lost) == (False, True)


class TestContecNew:
    def test_a_captured_kind_of_packet_to_the_bit(self) -> None:
        """65 bpm and 97 %: the seventh bit of each data byte is in the second byte."""
        packet = bytes.fromhex("0180878085c1e18080")
        assert ContecNewParser().read_packet(packet) == PacketReading(0.0, True)
        packet = bytes.fromhex("01 84 87 ff 85 c1 e1 80 80")
        assert ContecNewParser().read_packet(packet) == PacketReading(127.0, True)

    def test_finger_out_and_searching_are_in_the_high_bits(self) -> None:
        for high in (0x81, 0x82):
            packet = bytes((0x01, high)) + bytes.fromhex("8780858080 8080")
            reading = ContecNewParser().read_packet(packet)
            assert reading is not None
            assert not reading.finger_on

    def test_no_other_byte_may_lack_bit_seven(self) -> None:
        good = bytes.fromhex("0180878085c1e18080")
        for place in range(9):
            bad = bytearray(good)
            bad[place] ^= 0x80
            assert ContecNewParser().read_packet(bytes(bad)) is None


class TestNonin:
    def test_a_frame_to_the_bit(self) -> None:
        assert NoninParser().read_packet(bytes((1, 0x81, 100, 72, 0x2E))) == PacketReading(
            100, True
        )
        assert NoninParser().read_packet(bytes((1, 0x81, 100, 72, 0x2F))) is None
        assert NoninParser().read_packet(bytes((1, 0x01, 100, 72, 0xAE))) is None

    @pytest.mark.parametrize("status", [0xC0, 0x88])
    def test_no_sensor_and_no_signal_are_no_finger(self, status: int) -> None:
        reading = NoninParser().read_packet(nonin(1, status=status))
        assert reading is not None
        assert not reading.finger_on

    def test_a_whole_frame_that_is_missing_shows_by_the_sync(self) -> None:
        numbers = [*range(60), *range(61, 120)]
        first, second = NoninParser().feed(b"".join(nonin(number) for number in numbers))
        assert (first.lost, second.lost) == (False, True)
        assert len(first.samples) + len(second.samples) == 119

    def test_a_lost_sync_frame_is_a_hole_and_counting_goes_on(self) -> None:
        numbers = [number for number in range(200) if number != 75]
        runs = NoninParser().feed(b"".join(nonin(number) for number in numbers))
        assert [len(run.samples) for run in runs] == [75, 124]
