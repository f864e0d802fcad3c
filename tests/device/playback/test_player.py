"""The worker and its engine as a real process: files, a WAV output and real PortAudio."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.track import Track
from device.commands import play
from device.commands.errors import CommandError
from device.config import PlaybackSettings
from device.playback import messages as m
from device.playback import process, wire
from device.playback.output import OutputError, list_outputs, open_output
from device.playback.player import EngineLostError, PlayerWorker
from device.readings import PlayerState
from tests.device.playback.player_at_work import RATE_HZ, Playing, a_track
from tests.fakes.sounds import sine, write_sound


@pytest.fixture(scope="module", name="songs")
def _songs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Track]]:
    folder = tmp_path_factory.mktemp("songs")
    yield [
        a_track(write_sound(folder / "a.flac", sine(1.8)), 1, 1.8),
        a_track(write_sound(folder / "b.ogg", sine(1.2, hz=660)), 2, 1.2),
    ]


def test_tracks_are_played_asked_for_and_reported(songs: list[Track], tmp_path: Path) -> None:
    out = tmp_path / "played.wav"
    with Playing(output=str(out), crossfade_s=0.5) as playing:
        playing.orders.put(m.PlayNow(songs[0]))
        state = playing.until(lambda s: s.status == "playing" and s.position_s > 0.5)
        assert state.track == songs[0]
        assert any(isinstance(event, m.WantsNext) for event in playing.heard)
        playing.orders.put(m.QueueNext(songs[1]))
        playing.until(lambda s: s.track == songs[1])
        playing.until(lambda s: s.status == "idle")
    ended = [event for event in playing.heard if isinstance(event, m.TrackEnded)]
    assert [(event.track_id, event.why) for event in ended] == [(1, "finished"), (2, "finished")]
    assert [e.track_id for e in playing.heard if isinstance(e, m.TrackStarted)] == [1, 2]
    with wave.open(str(out)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768
    loud = np.flatnonzero(np.abs(sound[:, 0]) > 0.05)
    assert (loud[-1] - loud[0]) / RATE_HZ == pytest.approx(2.5, abs=0.1)


def test_a_volume_set_is_kept_when_the_engine_is_killed_and_play_goes_on(
    songs: list[Track],
) -> None:
    with Playing(output="null") as playing:
        playing.orders.put(m.PlayNow(songs[0]))
        playing.orders.put(m.SetPlaybackVolume(33.0))
        playing.until(lambda s: s.volume_percent == 33 and s.position_s > 0.3)
        for engine in _engines():
            os.kill(engine, signal.SIGKILL)
        state = playing.until(lambda s: s.position_s > 1.0)
        # The same track goes on; nobody is told of an end or of a new start.
        told = [event for event in playing.heard if not isinstance(event, m.WantsNext)]
        assert [type(event) for event in told] == [m.TrackStarted]
        assert state.track == songs[0]
        assert state.volume_percent == 33


def test_what_was_recorded_before_a_crash_is_kept(songs: list[Track], tmp_path: Path) -> None:
    out, lengths_s = tmp_path / "played.wav", []
    with Playing(output=str(out)) as playing:
        playing.orders.put(m.PlayNow(songs[0]))
        playing.until(lambda s: s.status == "playing" and s.position_s > 0.8)
        for engine in _engines():
            os.kill(engine, signal.SIGKILL)
        state = playing.until(lambda s: s.output.endswith("-2.wav") and s.status == "idle")
    for path in (out, Path(state.output)):
        with wave.open(str(path)) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")[::2] / 32768
        # With the gaps of a machine that was busy: of sound alone there may be less.
        lengths_s.append(len(sound) / RATE_HZ)
        assert np.count_nonzero(np.abs(sound) > 0.01) > 0.2 * RATE_HZ
    assert lengths_s[0] > 0.7
    assert sum(lengths_s) > 1.4


def _engines() -> list[int]:
    """Return the children of this process that are sound engines."""
    children = [
        int(child)
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    engines = [
        child
        for child in children
        if "device.playback.engine" in Path(f"/proc/{child}/cmdline").read_text()
    ]
    assert engines
    return engines


@pytest.mark.parametrize("wish", ["stop", "skip"])
def test_what_was_ordered_while_the_engine_hung_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    long = [
        a_track(write_sound(tmp_path / f"{number}.wav", sine(30.0)), number, 30.0)
        for number in (1, 2)
    ]
    monkeypatch.setattr(process, "SILENT_MAX_S", 1.0)
    with Playing(output="null") as playing:
        playing.orders.put(m.PlayNow(long[0]))
        playing.until(lambda s: s.status == "playing" and s.position_s > 0.5)
        (hung,) = _engines()
        os.kill(hung, signal.SIGSTOP)
        playing.orders.put(m.StopPlayback() if wish == "stop" else m.PlayNow(long[1]))
        if wish == "stop":
            state = playing.until(lambda s: s.status == "idle")
            assert state.track is None
        else:
            playing.until(lambda s: s.track == long[1] and s.position_s > 0.5)
    why = "stopped" if wish == "stop" else "replaced"
    told = [event for event in playing.heard if not isinstance(event, m.WantsNext)]
    started = [event.track_id for event in told if isinstance(event, m.TrackStarted)]
    assert started == ([1] if wish == "stop" else [1, 2])
    assert [event.why for event in ended(playing, 1)] == [why]


def test_an_output_that_is_not_there_is_said_and_taken_when_it_comes(
    songs: list[Track], tmp_path: Path
) -> None:
    folder = tmp_path / "stick"
    folder.write_text("in the way")
    with Playing(output=str(folder / "out.wav")) as playing:
        playing.orders.put(m.PlayNow(songs[0]))
        state = playing.until(lambda s: s.status == "no_output")
        assert "cannot be written" in state.message
        folder.unlink()
        state = playing.until(lambda s: s.status == "playing" and s.position_s > 0.3)
        assert state.message == ""


def test_a_card_that_is_not_there_is_named_with_advice() -> None:
    with pytest.raises(OutputError, match="No_Such_Card is not there: plug it in"):
        open_output("No_Such_Card")


def test_real_portaudio_plays_through_alsa_into_a_file(
    songs: list[Track], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = tmp_path / "recorded.raw"
    config = tmp_path / "asound.conf"
    config.write_text(
        f"""
        pcm.!default {{ type plug
            slave {{ pcm "tofile" format S16_LE channels 2 rate {RATE_HZ} }} }}
        pcm.tofile {{ type file slave.pcm "nothing" file "{recorded}" format "raw" }}
        pcm.nothing {{ type null }}
        ctl.!default {{ type null }}
        """
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    with Playing(output="auto", crossfade_s=0, volume_percent=100) as playing:
        playing.orders.put(m.PlayNow(songs[0]))
        playing.until(lambda _: any(isinstance(e, m.TrackEnded) for e in playing.heard))
    sound = np.fromfile(recorded, "<i2")
    sound = sound[: len(sound) // 2 * 2].reshape(-1, 2) / 32768
    loud = np.flatnonzero(np.abs(sound[:, 0]) > 0.05)
    heard = sound[loud[0] : loud[-1] + 1, 0]
    assert len(heard) / RATE_HZ == pytest.approx(1.8, abs=0.02)
    peak_hz = np.abs(np.fft.rfft(heard[:RATE_HZ])).argmax()
    assert peak_hz == pytest.approx(440, abs=1)


def test_a_track_deleted_while_it_plays_goes_on_and_one_deleted_before_is_said(
    songs: list[Track], tmp_path: Path
) -> None:
    paths = [shutil.copy(songs[0].path, tmp_path / f"{n}.flac") for n in range(3)]
    tracks = [a_track(Path(path), number, 1.8) for number, path in enumerate(paths, 1)]
    with Playing(output="null", crossfade_s=0) as playing:
        playing.orders.put(m.PlayNow(tracks[0]))
        playing.until(lambda s: s.position_s > 0.3)
        for path in paths[:2]:
            Path(path).unlink()
        playing.orders.put(m.QueueNext(tracks[1]))
        playing.until(lambda _: any(ended(playing, 2)))
        playing.orders.put(m.QueueNext(tracks[2]))
        playing.until(lambda s: s.track == tracks[2])
    assert [event.why for event in ended(playing, 1)] == ["finished"]
    (failed,) = ended(playing, 2)
    assert failed.why == "failed"
    assert failed.message == f"{paths[1]}: is not there any more"


@pytest.mark.slow
def test_what_became_a_link_out_of_the_music_folders_is_not_played(
    songs: list[Track], tmp_path: Path
) -> None:
    (tmp_path / "song.flac").symlink_to(songs[0].path)
    stray = replace(songs[0], path=tmp_path / "song.flac", within=(tmp_path,))
    with Playing(output="null") as playing:
        playing.orders.put(m.PlayNow(stray))
        playing.until(lambda s: "leads out of the music folders" in s.message)
        playing.orders.put(m.PlayNow(replace(stray, within=(tmp_path, songs[0].path.parent))))
        playing.until(lambda s: s.status == "playing" and s.position_s > 0.2)


TRACER = """
import ctypes, sys, time
PTRACE_SEIZE = 0x4206
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
seized = libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), 0, 0) == 0
print(int(seized), flush=True)
time.sleep(60)
"""


def test_an_audio_process_that_cannot_be_ended_does_not_hold_up_the_player(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits for a disk in the kernel; here its end is kept from us by a tracer."""
    monkeypatch.setattr(process, "KILLED_S", 0.2)
    engine = process.EngineProcess(PlaybackSettings(output="null"), 50.0, time.monotonic)
    with engine:
        assert engine.receive(20) is not None
        os.kill(engine.pid, signal.SIGSTOP)
        tracer = subprocess.Popen(
            [sys.executable, "-c", TRACER, str(engine.pid)], stdout=subprocess.PIPE
        )
        assert tracer.stdout is not None
        if tracer.stdout.readline() != b"1\n":
            tracer.kill()
            pytest.skip("may not trace")
        began = time.monotonic()
    took_s = time.monotonic() - began
    tracer.kill()
    tracer.communicate()
    assert took_s < 4
    assert f"the audio process {engine.pid} does not end; going on without it" in caplog.text


def test_a_file_that_is_emptied_while_it_plays_is_left_with_a_message(tmp_path: Path) -> None:
    """As when a memory stick is pulled out: what was read ahead is played, then it is said."""
    path = write_sound(tmp_path / "long.wav", sine(60.0, rate_hz=RATE_HZ), RATE_HZ)
    with Playing(output="null", crossfade_s=0) as playing:
        playing.orders.put(m.PlayNow(a_track(path, 1, 60.0)))
        playing.until(lambda s: s.position_s > 0.2)
        os.truncate(path, 1000)
        playing.until(lambda _: any(ended(playing, 1)), 20)
        assert any(isinstance(event, m.WantsNext) for event in playing.heard)
    (failed,) = ended(playing, 1)
    assert failed.why == "failed"
    assert "cut off" in failed.message


def ended(playing: Playing, track_id: int) -> list[m.TrackEnded]:
    found = [event for event in playing.heard if isinstance(event, m.TrackEnded)]
    return [event for event in found if event.track_id == track_id]


def test_the_engine_ends_with_the_daemon(songs: list[Track]) -> None:
    with Playing(output="null") as playing:
        playing.until(lambda s: s.status == "idle")
        (engine,) = _engines()
    assert not Path(f"/proc/{engine}/cmdline").exists()


def test_the_end_of_the_daemon_fades_the_music_out(songs: list[Track], tmp_path: Path) -> None:
    out = tmp_path / "played.wav"
    with Playing(output=str(out), volume_percent=100) as playing:
        playing.orders.put(m.PlayNow(songs[0]))
        playing.until(lambda s: s.position_s > 0.4)
    assert_faded_at_the_end(out)


def test_an_audio_process_told_to_end_fades_too(songs: list[Track], tmp_path: Path) -> None:
    """systemd sends SIGTERM to every process of the unit, the kernel when the parent died."""
    out = tmp_path / "played.wav"
    command = [
        sys.executable, "-m", "device.playback.engine", f"--output={out}", "--volume=100",
        "--crossfade=0", "--duck=-18", "--limit=-1",
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
        assert engine.stdin is not None
        assert engine.stdout is not None
        engine.stdin.write(wire.encode(wire.PlayOrder(1, str(songs[0].path), 0.0, None, 0.0, True)))
        engine.stdin.flush()
        while True:
            report = wire.decode(engine.stdout.readline())
            if isinstance(report, wire.Report) and report.position_s > 0.3:
                break
        engine.terminate()
        assert engine.wait(3) == 0
    assert_faded_at_the_end(out)


def assert_faded_at_the_end(recording: Path) -> None:
    with wave.open(str(recording)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768
    steepest = 0.5 * 2 * np.pi * 440 / RATE_HZ
    assert np.abs(np.diff(sound, axis=0)).max() < 1.05 * steepest
    assert np.abs(sound).max() > 0.45
    assert np.abs(sound[-100:]).max() < 1e-3


def test_outputs_are_listed_without_opening_any() -> None:
    names = [output.name for output in list_outputs()]
    assert len(set(names)) == len(names)
    assert not any(name.isdigit() for name in names)


def test_play_by_hand(
    songs: list[Track], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"junk" * 500)
    out = tmp_path / "out.wav"
    command = ["--output", str(out), "--crossfade", "0", str(broken), str(songs[1].path)]
    assert by_hand(command) == 1
    assert f"{broken}: is not a sound file" in capsys.readouterr().err
    with wave.open(str(out)) as file:
        assert file.getnframes() > 1.1 * RATE_HZ
    with pytest.raises(CommandError, match="no such file"):
        by_hand([str(tmp_path / "none.mp3")])


def test_play_by_hand_does_not_record_over_what_it_plays(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "song.wav", sine(1.2))
    before = song.read_bytes()
    with pytest.raises(CommandError, match=r"the output is .*song\.wav itself"):
        by_hand(["--output", str(song), "--as-is", str(song)])
    assert song.read_bytes() == before


def test_play_by_hand_begins_before_the_second_file_is_measured(
    songs: list[Track], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An album of ten songs was silent for twenty seconds."""
    sounds, in_time, measure = threading.Event(), [], play._track

    def track(number: int, path: Path, as_is: bool) -> Track:
        if number == 2:
            in_time.append(sounds.wait(20))
        return measure(number, path, as_is)

    def show(playing: play.Playing) -> None:
        if (state := playing._states.latest()) is not None and state.track is not None:
            sounds.set()

    monkeypatch.setattr(play, "_track", track)
    monkeypatch.setattr(play.Playing, "_show", show)
    assert by_hand(["--output", "null", str(songs[0].path), str(songs[1].path)]) == 0
    assert in_time == [True]


def test_the_line_of_play_fits_the_terminal_whatever_the_file_is_called(
    songs: list[Track], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    track = replace(songs[0], path=Path("/music/a\n\x1b[31m" + "long name " * 20))
    playing = play.Playing(PlaybackSettings(), play.Ahead([], as_is=True))
    playing._states.put(PlayerState("playing", track=track))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    playing._show()
    line = capsys.readouterr().out.removeprefix("\r\x1b[K")
    assert line.startswith("0:00  a\ufffd\ufffd[31mlong name")
    assert len(line) == 39


def test_a_player_that_stops_for_good_is_one_line_by_hand(
    songs: list[Track], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = EngineLostError("the audio process ended (code 3)", False)

    def run(*_: object) -> None:
        raise lost

    monkeypatch.setattr(PlayerWorker, "run", run)
    assert by_hand(["--output", "null", "--as-is", str(songs[0].path)]) == 1
    assert capsys.readouterr().err == f"attune: the player has stopped: {lost}\n"


def by_hand(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    play.register(parser.add_subparsers())
    parsed = parser.parse_args(["play", *arguments])
    return int(parsed.run(parsed))


def test_two_busy_threads_do_not_disturb_the_sound(songs: list[Track], tmp_path: Path) -> None:
    """The engine has an interpreter of its own: the recorded wave has no hole."""
    out = tmp_path / "played.wav"
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    spinners = [threading.Thread(target=spin, daemon=True) for _ in range(2)]
    with Playing(output=str(out), crossfade_s=0, volume_percent=100) as playing:
        for spinner in spinners:
            spinner.start()
        playing.orders.put(m.PlayNow(songs[0]))
        playing.until(lambda _: any(isinstance(e, m.TrackEnded) for e in playing.heard), 20)
        stop.set()
    with wave.open(str(out)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768
    loud = np.flatnonzero(np.abs(sound[:, 0]) > 0.05)
    assert len(sound[loud[0] : loud[-1]]) / RATE_HZ == pytest.approx(1.8, abs=0.02)
