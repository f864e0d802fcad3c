"""PulseSensor and SparkFun: known lines, shapes, holes, what the boards say themselves."""

from __future__ import annotations

import pytest

from firmware_bridge.pulsesensor import PulseSensorReader, pulsesensor_parser
from firmware_bridge.samples import SampleRun
from firmware_bridge.sparkfun import SparkFunReader, sparkfun_parser
from firmware_bridge.text_lines import LineParser, LineReading
from tests.fakes.sensor_lines import values


def said(reader: PulseSensorReader | SparkFunReader, line: str) -> LineReading:
    reading = reader.read(line)
    assert isinstance(reading, LineReading), line
    return reading


def feed(parser: LineParser, *lines: str) -> list[SampleRun]:
    """Feed whole lines and the last one twice: a sample is handed on when its follower is there."""
    return parser.feed("".join(line + "\r\n" for line in ("cut", *lines, lines[-1])).encode())


PULSESENSOR = {
    "72,833,512": ("plotter", 512),
    "0,600,1023": ("plotter", 1023),
    "512": ("bare", 512),
    "16383": ("bare", 16383),
    "S498": ("S", 498),
    "a501": ("a", 501),
    "1847,72,833,1": ("beats", 1847),
    "1200,2048": ("timed", 2048),
    "PSWS,1,LIVE,42,12345,2840,72,833,1,12,QUALIFIED": ("psws", 2840),
    "PSWS,2,LIVE,42,12345,2840,72,833,1,12,QUALIFIED,550,470,760,86,1,0,1": ("psws", 2840),
    '{"timestampMs":1200,"raw":2048,"bpm":70}': ("json", 2048),
    '{"signal":7,"seq":3}': ("json", 7),
}


@pytest.mark.parametrize("line", PULSESENSOR)
def test_a_pulsesensor_line_gives_its_signal(line: str) -> None:
    reading = said(PulseSensorReader(), line)
    assert (reading.shape, reading.value) == PULSESENSOR[line]
    assert reading.finger_on is None


@pytest.mark.parametrize(
    "line",
    [
        "16384", "51.2", "S", "S99999", "S-5", "72,833,", "72,833,70000", "999,833,512",
        "72,99999,512", "7.5,833,512", "1,2,3,4,5", "500,72,833,2", "{}", "{", "[1]",
        '{"signal":-1}', '{"signal":true}', '{"signal":1e300}', '{"signal":99999999999999999999}',
        "Signal high",
        "PSWS", "PSWS,3,LIVE,42,12345,2840,72,833,1,12,QUALIFIED",
        "PSWS,1,UNKNOWN,42,12345,2048,72,833,1,12,QUALIFIED",
        "PSWS,1,LIVE,42,12345,70000,72,833,1,12,QUALIFIED",
        "PSWS,1,LIVE,42,12345,2840,72,833,1,12,quali", "PSWS,1,LIVE,x,1,2,3,4,5,6,OK",
        "PSWS,2,LIVE,42,12345,2840,72,833,1,12,QUALIFIED", "٣٤,٥,٦",
    ],
)  # fmt: skip
def test_what_no_pulsesensor_says_gives_nothing(line: str) -> None:
    assert PulseSensorReader().read(line) is None


def test_beats_between_the_samples_are_no_junk_and_no_hole() -> None:
    parser = pulsesensor_parser()
    (run,) = feed(parser, "S1", "S2", "S3", "B72", "Q833", "S4", "S5")
    assert values([run]) == [1, 2, 3, 4, 5]
    assert not run.lost
    assert parser.junk_bytes == len("cut\r\n")


def test_a_sketch_that_prints_bare_numbers_is_read() -> None:
    """PulseSensor's SignalCoachWebSerial: println(analogRead(A0))."""
    parser = pulsesensor_parser()
    (run,) = feed(parser, *(str(500 + k % 40) for k in range(100)))
    assert values([run]) == [500 + k % 40 for k in range(100)]
    assert run.finger_on is None
    assert parser.belongs_to == ""


def test_bare_numbers_that_no_pulsesensor_has_are_a_sparkfuns() -> None:
    parser = pulsesensor_parser()
    feed(parser, *["900"] * 20)
    for _ in range(5):  # Damage: two numbers in one now and then.
        feed(parser, "51249", "512")
        feed(parser, "900900")
    assert parser.belongs_to == ""
    feed(parser, "16384", "70512", "262144")
    assert parser.belongs_to == ""
    feed(parser, "80000", "90000")
    assert parser.belongs_to == "sparkfun"
    feed(parser, *["900"] * 20)
    assert parser.belongs_to == "sparkfun", "the finger left; the board is the same"


def test_a_simulated_pulselink_is_refused_with_a_word() -> None:
    parser = pulsesensor_parser()
    line = "PSWS,1,SIM,{},{},2840,72,833,1,12,QUALIFIED"
    assert feed(parser, *(line.format(k, 20 * k) for k in range(20))) == []
    assert "simulated" in parser.complaint


def test_a_pulselink_has_a_clock_and_shows_what_is_missing() -> None:
    parser = pulsesensor_parser()
    numbers = [*range(200), *range(205, 300)]
    line = "PSWS,1,LIVE,{},{},{},72,833,1,12,QUALIFIED"
    first, second = feed(parser, *(line.format(k, 1000 + 20 * k, k) for k in numbers))
    assert (first.device_time_s, first.lost) == (1.0, False)
    assert second.device_time_s == pytest.approx(1 + 205 * 0.02)
    assert second.lost
    assert second.rate_hz == pytest.approx(50)


def test_timed_lines_show_a_hole_by_their_time() -> None:
    parser = pulsesensor_parser()
    times = [*range(0, 4000, 20), *range(4100, 6000, 20)]
    runs = feed(parser, *(f"{time_ms},{500 + time_ms % 7}" for time_ms in times))
    assert [len(run.samples) for run in runs] == [200, 95]
    assert [run.lost for run in runs] == [False, True]


SPARKFUN = {
    "104512": (-104512, True),
    "1204": (-1204, False),
    "IR=104512, BPM=71.20, Avg BPM=70": (-104512, True),
    "IR=1200, BPM=0.00, Avg BPM=0 No finger?": (-1200, False),
    "R[9000] IR[90000] G[3] Hz[1.5]": (-90000, True),
    "R[9000] IR[90000] G[3]": (-90000, True),
    "IR[90000] Hz[49.97]": (-90000, True),
    "R[9000] IR[90000] G[3] Hz[98.51] INT!": (-90000, True),
    "R[9000] IR[90000] G[3] Hz[98.51] I[1000000]": (-90000, True),
    "R[9000] IR[90000] G[3] Hz[98.51] INT! I[1]": (-90000, True),
    "red=90000, ir=100000": (-100000, True),
    "red=900, ir=100000, HR=-999, HRvalid=0, SPO2=-999, SPO2Valid=0": (-100000, True),
}


@pytest.mark.parametrize("line", SPARKFUN)
def test_a_sparkfun_line_gives_its_infrared_count_turned_over(line: str) -> None:
    reading = said(SparkFunReader(), line)
    assert (reading.value, reading.finger_on) == SPARKFUN[line]


@pytest.mark.parametrize(
    "line",
    [
        "-5", "262144", "1e5", "12.5", "IR=", "IR=5", "IR=5, BPM=x, Avg BPM=3", "R[1] G[2]",
        "red=1", "red=1, ir=", "red=1, ir=999999", "Initializing...", "R[1] IR[2] G[3] Hz[1.5",
    ],
)  # fmt: skip
def test_what_no_example_says_gives_nothing(line: str) -> None:
    assert SparkFunReader().read(line) is None


def test_example_8_gets_its_key_press_each_time_it_asks() -> None:
    parser = sparkfun_parser()
    assert parser.reply(0.0) == b""
    prompt = "Attach sensor to finger with rubber band. Press any key to start conversion"
    assert feed(parser, prompt) == []
    assert parser.reply(0.0) == b"\n"
    assert parser.reply(1.0) == b""
    feed(parser, prompt)
    assert parser.reply(2.0) == b"\n"


def test_the_prompt_counts_even_as_the_first_half_line_that_is_heard() -> None:
    parser = sparkfun_parser()
    assert parser.feed(b"rubber band. Press any key to start conversion\r\n") == []
    assert parser.reply(0.0) == b"\n"


def test_counts_cut_to_16_bits_are_made_whole() -> None:
    """On an Uno example 8 keeps the low 16 bits: 65,900 becomes 364."""
    true = [65_000 + 60 * k for k in range(30)]
    lines = [f"red={count & 0xFFFF}, ir={count & 0xFFFF}" for count in true]
    assert values(feed(sparkfun_parser(), *lines)) == [-count for count in true]


def test_banners_are_skipped_and_a_missing_sensor_is_told() -> None:
    parser = sparkfun_parser()
    runs = feed(parser, "Initializing...", "Place your index finger", "9", "9", "9", "9")
    assert values(runs) == [-9] * 4
    assert parser.complaint == ""
    feed(parser, "Initializing...")
    assert "sampleAverage = 1" in parser.complaint, "as example 4 comes it is silent for 5 s now"
    feed(parser, "MAX30105 was not found. Please check wiring/power. ")
    assert "MAX30105 was not found" in parser.complaint


class TestShapes:
    def test_a_stream_opens_after_three_lines_of_one_shape(self) -> None:
        parser = pulsesensor_parser()
        assert parser.feed(b"cut\r\nS5\r\nS6\r\n") == []
        assert values(parser.feed(b"S7\r\n")) == [5, 6]
        assert values(parser.feed(b"S8\r\n")) == [7]

    def test_a_line_of_another_shape_closes_it(self) -> None:
        parser = pulsesensor_parser()
        first, second = feed(parser, "S1", "S2", "S3", "1,2,3", "S4", "S5", "S6")
        assert (values([first]), first.lost) == ([1, 2, 3], False)
        assert (values([second]), second.lost) == ([4, 5, 6], True)

    def test_a_line_without_end_is_thrown_away_in_time(self) -> None:
        parser = pulsesensor_parser()
        for _ in range(1000):
            assert parser.feed(b"9" * 100) == []
        assert parser.junk_bytes > 99_000
        assert values(parser.feed(b"\nS1\nS2\nS3\nS4\n")) == [1, 2, 3]
