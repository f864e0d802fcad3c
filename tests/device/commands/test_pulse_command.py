"""``attune pulse analyse``: many kinds of files in, one document out, one clear line when not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device import cli
from device.commands.errors import CommandError
from device.commands.pulse import analyse_file
from device.readings import PulseAdvice
from device.sensing.pulse.analysis import PulseAnalysis
from device.sensing.pulse.hrv import Hrv
from device.sensing.pulse_plot import _headline
from tests.fakes.pulse_waves import Pulse, pulse
from tests.fakes.sudo import ASKER, as_with_sudo

TRUE = pulse(60, 72, seed=105)


def facts(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code = cli.main(["pulse", "analyse", *map(str, arguments), "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err
    document = json.loads(said.out)
    assert isinstance(document, dict)
    return document


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code = cli.main(["pulse", "analyse", *map(str, arguments), "--json"])
    said = capsys.readouterr()
    assert code != 0
    assert said.out == ""
    assert said.err.startswith("attune: ")
    assert said.err.count("\n") == 1, said.err
    return said.err


def write(
    path: Path, columns: dict[str, np.ndarray], mark: str = ",", *, header: bool = True
) -> Path:
    lines = [mark.join(columns)] if header else []
    lines += [mark.join(f"{value:.10g}" for value in row)
              for row in zip(*columns.values(), strict=True)]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


def check(result: dict[str, Any], true: Pulse = TRUE) -> None:
    assert result["accepted"] is True
    assert result["reason"] is None
    assert result["heart_rate_bpm"] == pytest.approx(true.heart_rate_bpm, abs=0.3)
    assert result["rmssd_ms"] == pytest.approx(true.rmssd_ms, abs=2)
    assert result["sdnn_ms"] == pytest.approx(true.sdnn_ms, abs=2)
    beats = np.array(result["beat_times_s"])
    assert len(beats) == pytest.approx(len(true.peaks_s), abs=3)
    assert np.abs(beats[:, None] - true.peaks_s).min(axis=1).max() < 0.03


TIME = np.arange(len(TRUE.samples)) / 100


class TestTables:
    def test_a_bare_column_with_a_rate(self, tmp_path: Path, capsys: Any) -> None:
        path = write(tmp_path / "a.csv", {"x": TRUE.samples}, header=False)
        check(facts(capsys, path, "--rate", 100))

    @pytest.mark.parametrize("mark", [",", ";", "\t", " "])
    def test_any_delimiter(self, tmp_path: Path, capsys: Any, mark: str) -> None:
        check(facts(capsys, write(tmp_path / "a.csv", {"time": TIME, "ppg": TRUE.samples}, mark)))

    @pytest.mark.parametrize(
        ("name", "per_second"),
        [("time", 1), ("time", 1e3), ("timestamp", 1e6), ("time_ms", 1e3), ("t_us", 1e6)],
    )
    def test_the_unit_of_time(
        self, tmp_path: Path, capsys: Any, name: str, per_second: float
    ) -> None:
        columns = {name: 1000 + TIME * per_second, "pleth": TRUE.samples}
        result = facts(capsys, write(tmp_path / "a.csv", columns))
        assert result["rate_hz"] == pytest.approx(100, abs=0.1)
        check(result)

    def test_a_camera_wave_is_turned_over_and_its_best_colour_taken(
        self, tmp_path: Path, capsys: Any
    ) -> None:
        rng = np.random.default_rng(100)
        true = pulse(60, 70, seed=106, every=3)
        time_ms = 1e3 * np.arange(len(true.samples)) / true.rate_hz
        columns = {
            "time": time_ms,
            "R": 250 - 0.01 * true.samples,
            "G": rng.standard_normal(len(time_ms)),
            "B": np.zeros(len(time_ms)),
        }
        result = facts(capsys, write(tmp_path / "phone.csv", columns))
        assert result["column"] == "R"
        check(result, true)

    def test_the_column_asked_for(self, tmp_path: Path, capsys: Any) -> None:
        other = pulse(60, 95, seed=107)
        path = write(tmp_path / "a.csv", {"left": TRUE.samples, "right": other.samples})
        check(facts(capsys, path, "--rate", 100, "--column", "right"), other)

    def test_comments_and_blank_lines_are_passed_over(self, tmp_path: Path, capsys: Any) -> None:
        path = write(tmp_path / "a.csv", {"time": TIME, "ppg": TRUE.samples})
        path.write_text("# sensor one\n\n" + path.read_text().replace("\n", "\r\n") + "\n\n")
        check(facts(capsys, path))

    def test_a_few_missing_values_are_holes(self, tmp_path: Path, capsys: Any) -> None:
        samples = TRUE.samples.copy()
        samples[2000:2130] = np.nan
        result = facts(capsys, write(tmp_path / "a.csv", {"time": TIME, "ppg": samples}))
        assert result["accepted"]
        assert result["rmssd_ms"] == pytest.approx(TRUE.rmssd_ms, abs=4)
        beats = np.array(result["beat_times_s"])
        assert not ((beats > 20.1) & (beats < 21.2)).any()

    def test_a_poor_recording_is_a_result_with_a_reason(self, tmp_path: Path, capsys: Any) -> None:
        noise = np.random.default_rng(100).standard_normal(6000)
        result = facts(capsys, write(tmp_path / "a.csv", {"ppg": noise}), "--rate", 100)
        assert result["accepted"] is False
        assert result["reason"]
        assert result["heart_rate_bpm"] is result["rmssd_ms"] is result["sdnn_ms"] is None


class TestWfdb:
    def record(self, folder: Path, form: int) -> Path:
        ecg = 100 * np.sin(np.arange(len(TRUE.samples)) / 3)
        table = np.rint(np.stack((ecg, 3 * (TRUE.samples - 500)), axis=1)).astype(np.int32)
        if form == 16:
            (folder / "r.dat").write_bytes(table.astype("<i2").tobytes())
        else:
            pairs = table.reshape(-1, 2) & 0xFFF
            packed = np.stack(
                (pairs[:, 0] & 255, pairs[:, 0] >> 8 | pairs[:, 1] >> 8 << 4, pairs[:, 1] & 255),
                axis=1,
            )
            (folder / "r.dat").write_bytes(packed.astype(np.uint8).tobytes())
        lines = [f"r 2 100 {len(table)}", f"r.dat {form} 200/mV 12 0 0 0 0 II",
                 f"r.dat {form} 1250(-46)/NU 12 0 0 0 0 PLETH", "# a comment"]  # fmt: skip
        (folder / "r.hea").write_text("\r\n".join(lines))
        return folder / "r.hea"

    @pytest.mark.parametrize("form", [16, 212])
    def test_the_pleth_of_a_record(self, tmp_path: Path, capsys: Any, form: int) -> None:
        header = self.record(tmp_path, form)
        for path in (header, header.with_suffix(".dat")):
            result = facts(capsys, path)
            assert result["column"] == "PLETH"
            check(result)

    def test_a_record_that_overflowed_is_put_together(self, tmp_path: Path, capsys: Any) -> None:
        """A 16-bit wave forced into twelve bits goes round; the steps tell where."""
        wave = np.rint(12 * (TRUE.samples - 500)).astype(np.int32)
        assert wave.max() - wave.min() > 4096
        pairs = wave.reshape(-1, 2) & 0xFFF
        packed = np.stack(
            (pairs[:, 0] & 255, pairs[:, 0] >> 8 | pairs[:, 1] >> 8 << 4, pairs[:, 1] & 255), axis=1
        )
        (tmp_path / "r.dat").write_bytes(packed.astype(np.uint8).tobytes())
        (tmp_path / "r.hea").write_text(f"r 1 100 {len(wave)}\nr.dat 212 100 12 0 0 0 0 PLETH\n")
        check(facts(capsys, tmp_path / "r.hea"))

    @pytest.mark.parametrize(
        ("header", "hint"),
        [
            ("", "no WFDB header"),
            ("r two 100\n", "no WFDB header"),
            ("r 1 100 10\nr.dat 8 200 12 0 0 0 0 PLETH\n", "format 8"),
            ("r 1 100 10\nmissing.dat 16 200 12 0 0 0 0 PLETH\n", "missing.dat"),
        ],
    )
    def test_a_broken_header_is_said(
        self, tmp_path: Path, capsys: Any, header: str, hint: str
    ) -> None:
        (tmp_path / "r.dat").write_bytes(b"\0" * 64)
        (tmp_path / "r.hea").write_text(header)
        assert hint in complaint(capsys, tmp_path / "r.hea")


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("mark", [";", "\t"])
def test_decimal_commas_and_units_in_brackets_as_spreadsheets_and_phones_write_them(
    tmp_path: Path, capsys: Any, mark: str, header: bool
) -> None:
    columns = {"Time (s)": TIME, "Red (a.u.)": TRUE.samples + 0.25, "Clock [ms]": 1e3 * TIME}
    path = write(tmp_path / "phone.csv", columns, mark, header=header)
    path.write_text(path.read_text().replace(".", ",").replace("a,u,", "a.u."))
    asked = () if header else ("--rate", "100", "--column", "2")
    result = facts(capsys, path, *asked)
    check(result)
    assert result["column"] == ("Red (a.u.)" if header else "2")


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "hint"),
        [
            (b"", "empty"),
            (b"\n\n\n", "empty"),
            (b"this is a letter to you\nand no recording\n", "no table of numbers"),
            (b"time,ppg\n", "no table of numbers"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\xff\xfe", "no text"),
            (b"time,ppg\n" + b"0,nan\n1,nan\n2,nan\n" * 300, "no numbers"),
            (b"time,ppg\n0,1\n0.01,2\n0.02,1\n", "at least 5 s"),
            (b"time,ppg\n" + b"7,1\n" * 900, "do not go forward"),
            (b"time,ppg\n" + b"2026-01-01T10:00:00,1\n" * 900, "are no numbers: seconds"),
            (b"time,ppg\n" + b"".join(b"%d,%d\n" % (60 * n, n % 7) for n in range(900)), "rate"),
        ],
    )
    def test_each_is_one_clear_line(
        self, tmp_path: Path, capsys: Any, content: bytes, hint: str
    ) -> None:
        path = tmp_path / "bad.csv"
        path.write_bytes(content)
        said = complaint(capsys, path)
        assert str(path) in said
        assert hint in said

    def test_a_file_that_is_not_there(self, tmp_path: Path, capsys: Any) -> None:
        assert "No such file" in complaint(capsys, tmp_path / "gone.csv")
        assert "folder" in complaint(capsys, tmp_path)
        assert "gone.hea" in complaint(capsys, tmp_path / "gone.hea")

    def test_a_wrong_column_gets_a_hint(self, tmp_path: Path, capsys: Any) -> None:
        path = write(tmp_path / "a.csv", {"time": TIME, "pleth": TRUE.samples})
        assert "did you mean pleth?" in complaint(capsys, path, "--column", "plth")

    def test_no_time_and_no_rate(self, tmp_path: Path, capsys: Any) -> None:
        path = write(tmp_path / "a.csv", {"ppg": TRUE.samples})
        assert "--rate HZ" in complaint(capsys, path)

    @pytest.mark.parametrize("rate", ["0", "-5", "1e9", "3", "nan", "inf"])
    def test_an_absurd_rate(self, tmp_path: Path, capsys: Any, rate: str) -> None:
        path = write(tmp_path / "a.csv", {"ppg": TRUE.samples})
        assert "--rate" in complaint(capsys, path, "--rate", rate)

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        content=st.one_of(
            st.binary(max_size=300),
            st.text(alphabet="0123456789.,;-enaif\n\t timepg#\"'", max_size=400).map(str.encode),
        ),
        rate_hz=st.sampled_from([None, 100.0, 30.0]),
        suffix=st.sampled_from([".csv", ".hea", ".txt"]),
    )
    def test_no_bytes_break_it(
        self, tmp_path: Path, content: bytes, rate_hz: float | None, suffix: str
    ) -> None:
        path = tmp_path / f"junk{suffix}"
        path.write_bytes(content)
        try:
            _, found = analyse_file(path, rate_hz)
        except CommandError as error:
            assert "\n" not in str(error)
        else:
            assert 0 <= found.quality <= 1


def test_people_get_a_table(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "a.csv", {"time": TIME, "ppg": TRUE.samples})
    assert cli.main(["pulse", "analyse", str(path)]) == 0
    said = capsys.readouterr().out
    assert "heart rate" in said
    assert "RMSSD" in said
    assert f"{TRUE.heart_rate_bpm:.0f}" in said


def test_a_name_cannot_steer_the_terminal(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "\x1b[2Ja.csv", {"time": TIME, "ppg": TRUE.samples})
    assert cli.main(["pulse", "analyse", str(path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_picture_is_drawn_and_with_sudo_it_is_of_whoever_asked(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    path = write(tmp_path / "a.csv", {"time": TIME, "ppg": TRUE.samples})
    picture = tmp_path / "pulse.png"
    handed = as_with_sudo(monkeypatch)
    check(facts(capsys, path, "--plot", picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert handed == [(picture, *ASKER)]
    check(facts(capsys, path, "--plot", picture.with_suffix("")))
    assert picture.with_suffix("").read_bytes().startswith(b"\x89PNG")
    assert "no-such-folder" in complaint(capsys, path, "--plot", tmp_path / "no-such-folder/x.png")


def test_the_picture_says_what_a_minute_with_its_rate_alone_is_good_for() -> None:
    rate_alone = PulseAnalysis(60, 0.45, False, PulseAdvice.STILL, Hrv(heart_rate_bpm=72.0))
    assert _headline(rate_alone) == (
        "quality 45%   ·   good for the heart rate alone: hold still   ·   heart rate 72.0 bpm"
    )
    assert "not accepted" in _headline(PulseAnalysis(60, 0.1, False, PulseAdvice.STILL))
