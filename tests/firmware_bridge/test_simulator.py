"""The simulator itself: speed, faults, recordings, the built-in finger."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge import simulator as room
from firmware_bridge.port import SensorPort
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.samples import Parser, SampleRun
from firmware_bridge.simulated_finger import CALM_TO_TENSE, RATE_HZ, beat_times, simulated_finger
from firmware_bridge.simulated_senders import SENDERS
from firmware_bridge.simulator import Faults, SimulatedSensor, read_recording


def listen(
    sensor: SimulatedSensor, protocol: str, enough: Callable[[list[SampleRun]], bool]
) -> tuple[list[SampleRun], Parser]:
    kind = PROTOCOLS[protocol]
    parser, runs = kind.parser(), list[SampleRun]()
    end = time.monotonic() + 10
    with SensorPort(sensor.path, kind.line) as port:
        port.write(kind.start)
        while not enough(runs):
            assert time.monotonic() < end, f"only {len(runs)} runs"
            runs += parser.feed(port.read())
            port.write(parser.reply(time.monotonic()))
    return runs, parser


def samples(runs: list[SampleRun]) -> int:
    return sum(len(run.samples) for run in runs)


@pytest.mark.parametrize("protocol", ["attune", "nonin", "sparkfun"])
def test_a_recording_comes_out_as_it_was(protocol: str) -> None:
    recording = 500 + 400 * np.sin(np.arange(2000) / 20)
    with SimulatedSensor(recording, 100, protocol, speed=5) as sensor:
        runs, _ = listen(sensor, protocol, lambda runs: samples(runs) > 400)
    got = np.concatenate([run.samples for run in runs])[:400]
    rate_hz = SENDERS[protocol].rate_hz
    wanted = np.interp(np.arange(1500) / rate_hz, np.arange(2000) / 100, recording)
    best = max(np.corrcoef(wanted[shift : shift + 400], got)[0, 1] for shift in range(0, 1000))
    assert best > 0.999


def test_dropped_batches_and_junk_are_noticed_and_nothing_else() -> None:
    faults = Faults(drop_every_s=3, junk_every_s=2)
    with SimulatedSensor(protocol="attune", speed=10, faults=faults) as sensor:
        runs, parser = listen(sensor, "attune", lambda runs: samples(runs) > 1500)
    last_s = round(runs[-1].device_time_s or 0)
    hurt = {second for second in range(1, last_s) if second % 3 == 0 or second % 2 == 0}
    assert parser.lost_runs == pytest.approx(len(hurt), abs=1)
    assert parser.junk_bytes > 100


def test_a_reset_a_wrap_and_an_absent_finger_are_seen() -> None:
    faults = Faults(reset_after_s=5, clock_start_s=4292, finger_off_s=((2, 4),))
    with SimulatedSensor(protocol="attune", speed=10, faults=faults) as sensor:
        runs, _ = listen(sensor, "attune", lambda runs: samples(runs) > 900)
    times = [run.device_time_s for run in runs]
    assert times == sorted(times)  # type: ignore[type-var]
    assert sum(run.lost for run in runs) == 1  # The reset; the wrap 3 s after the start is none.
    absent = [run for run in runs if run.finger_on is False]
    assert samples(absent) == pytest.approx(200, abs=20)


def test_the_finger_can_be_lifted_and_put_back() -> None:
    with SimulatedSensor(protocol="attune", speed=10) as sensor:
        sensor.lift_finger(True)
        listen(sensor, "attune", lambda runs: any(run.finger_on is False for run in runs))
        sensor.lift_finger(False)
        listen(sensor, "attune", lambda runs: any(run.finger_on is True for run in runs))


def test_example_8_is_silent_until_a_key_is_pressed() -> None:
    with SimulatedSensor(protocol="sparkfun_8", speed=4) as sensor:
        _, parser = listen(sensor, "sparkfun", lambda runs: samples(runs) > 20)
    assert parser.complaint == ""


def test_a_contec_falls_asleep_without_a_word_from_the_host() -> None:
    with SimulatedSensor(protocol="cms50d_new", speed=40) as sensor:
        kind = PROTOCOLS["cms50d_new"]
        with SensorPort(sensor.path, kind.line) as port:
            port.write(kind.start)
            end, silent = time.monotonic() + 10, 0
            heard = 0
            while silent < 3:
                assert time.monotonic() < end
                data = port.read()
                heard += len(data)
                silent = 0 if data or not heard else silent + 1
            port.write(kind.start)
            assert port.read()
    assert heard / 9 / kind.parser().rate_hz == pytest.approx(30, rel=0.2)  # type: ignore[attr-defined]


def test_a_recording_is_read_by_column(tmp_path: Path) -> None:
    file = tmp_path / "finger.csv"
    file.write_text("time,red,green\n0,1,10\n0.1,2,20\n0.2,3,30\n")
    assert list(read_recording(file)) == [10, 20, 30]
    assert list(read_recording(file, "red")) == [1, 2, 3]
    with pytest.raises(ValueError, match="no column 'blue'"):
        read_recording(file, "blue")
    file.write_text("no numbers at all\n")
    with pytest.raises(ValueError, match=r"finger\.csv: no numbers"):
        read_recording(file)


def test_a_recording_may_have_decimal_commas_and_the_letters_of_windows(tmp_path: Path) -> None:
    file = tmp_path / "finger.csv"
    file.write_bytes("Zeit [µs] ; PPG\r\n0 ; 510,5\r\n10000 ; 512,25\r\n".encode("cp1252"))
    assert list(read_recording(file)) == [510.5, 512.25]
    assert list(read_recording(file, "PPG")) == [510.5, 512.25]


@pytest.mark.parametrize("wrong", ["--rate=0", "--rate=nan", "--speed=0", "--speed=-1"])
def test_the_command_wants_rates_above_zero(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        room.main([wrong], wait=lambda: None)
    assert "more than 0" in capsys.readouterr().err


def test_the_command_names_its_port_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert room.main(["--protocol", "nonin"], wait=lambda: None) == 0
    assert capsys.readouterr().out.startswith("nonin on /dev/pts/")
    assert room.main(["--file", str(tmp_path / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err


class TestTheBuiltInFinger:
    """It begins calm, becomes tense and eases, as known from its own beats."""

    def variability(self, from_s: float, to_s: float) -> tuple[float, float]:
        beats = np.array(beat_times(CALM_TO_TENSE, seed=7))
        beats = beats[(beats >= from_s) & (beats < to_s)]
        intervals_ms = 1000 * np.diff(beats)
        rmssd_ms = np.sqrt(np.mean(np.diff(intervals_ms) ** 2))
        return 60_000 / float(np.mean(intervals_ms)), float(rmssd_ms)

    def test_calm_then_tense_then_eased(self) -> None:
        rate_bpm, rmssd_ms = self.variability(0, 50)
        assert 58 <= rate_bpm <= 67
        assert 35 <= rmssd_ms <= 60
        rate_bpm, rmssd_ms = self.variability(115, 165)
        assert 88 <= rate_bpm <= 98
        assert rmssd_ms <= 15
        rate_bpm, rmssd_ms = self.variability(215, 240)
        assert rate_bpm <= 72
        assert rmssd_ms >= 25

    def test_it_is_the_same_each_time_and_fits_ten_bits(self) -> None:
        wave = simulated_finger()
        assert len(wave) == CALM_TO_TENSE[-1].at_s * RATE_HZ
        assert np.array_equal(wave, simulated_finger())
        assert 0 < wave.min() < wave.max() < 1023

    def test_it_can_be_played_in_a_circle(self) -> None:
        wave = simulated_finger().astype(float)
        assert abs(wave[-1] - wave[0]) < 0.25 * np.ptp(wave)
