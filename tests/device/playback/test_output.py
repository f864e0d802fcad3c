"""Real PortAudio on ALSA devices without hardware, and the outputs without a device."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from device.playback import clocked
from device.playback import messages as m
from device.playback.cards import fresh_portaudio, output_in_sight, stable_name
from device.playback.clocked import BUFFER_S, NullOutput, Pacer
from device.playback.output import (
    OutputDevice,
    OutputError,
    _CardOutput,
    list_outputs,
    open_output,
)
from tests.device.playback.player_at_work import RATE_HZ, Playing, a_track
from tests.fakes.alsa_devices import AlsaConfig, PulseServer
from tests.fakes.sounds import noise, sine, write_sound
from tests.fakes.spoken import speech


@pytest.fixture
def alsa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AlsaConfig]:
    yield AlsaConfig(tmp_path, monkeypatch)


def test_cards_have_the_name_that_alsa_gives_them(tmp_path: Path) -> None:
    (tmp_path / "card2").mkdir()
    (tmp_path / "card2" / "id").write_text("DAC\n")
    assert stable_name("USB DAC: Audio (hw:2,0)", tmp_path)[0] == "DAC"
    assert stable_name("USB DAC: Audio #1 (hw:2,1)", tmp_path)[0] == "DAC,1"
    assert stable_name("Gone: Audio (hw:7,0)", tmp_path)[0] == "Gone"
    assert stable_name("pulse", tmp_path)[0] == "pulse"
    for plumbing in ("dmix", "surround51", "sysdefault", "null"):
        assert stable_name(plumbing, tmp_path)[0] == ""


def test_a_card_or_a_sound_server_is_seen_without_asking_it(tmp_path: Path) -> None:
    assert not output_in_sight(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)})
    (tmp_path / "pcm").write_text("00-00: Webcam : Webcam : capture 1\n")
    assert not output_in_sight(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)})
    (tmp_path / "pcm").write_text("00-00: bcm2835 Headphones : : playback 8\n")
    assert output_in_sight(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)})
    (tmp_path / "pcm").unlink()
    (tmp_path / "pulse").mkdir()
    (tmp_path / "pulse" / "native").touch()
    assert output_in_sight(tmp_path, {"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_card_appears_and_goes_without_a_restart(alsa: AlsaConfig) -> None:
    assert list_outputs() == []
    with pytest.raises(OutputError, match="no sound card: plug one in"):
        open_output("auto")
    alsa.plug_in("desk")
    assert "desk" in [output.name for output in list_outputs()]
    with pytest.raises(OutputError, match=r"sound card kitchen is not there.*there now: .*desk"):
        open_output("kitchen")
    alsa.unplug()
    assert list_outputs() == []


def test_portaudio_that_could_not_start_once_is_started_the_next_time(
    alsa: AlsaConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    alsa.plug_in("desk")
    portaudio = fresh_portaudio()

    def fail() -> None:
        raise portaudio.PortAudioError("Error initializing PortAudio: Unanticipated host error")

    with monkeypatch.context() as patch:
        patch.setattr(portaudio, "_initialize", fail)
        with pytest.raises(OutputError, match=r"does not start: .*Unanticipated"):
            open_output("desk")
    open_output("desk").close()


def test_portaudio_gets_every_sample_at_the_pace_of_time(alsa: AlsaConfig) -> None:
    alsa.plug_in("desk")
    output = open_output("desk")
    sound = sine(3, 440, 0.5, output.rate_hz).astype(np.float32)
    for at in range(0, len(sound), 2048):
        assert output.write(sound[at : at + 2048])
    output.close()
    heard = alsa.played()[: len(sound)]
    assert output.rate_hz == RATE_HZ
    np.testing.assert_allclose(heard, sound[: len(heard)], atol=2e-4)
    assert len(heard) > len(sound) - output.rate_hz


class FastCard:
    """A sounddevice whose one stream is a thousandth faster than the clock; time is ours."""

    PortAudioError = RuntimeError
    latency = 0.5

    def __init__(self) -> None:
        self.now_s = self._at_s = self._held_s = 0.0

    def check_output_settings(self, **_: object) -> None:
        """All that is asked for can be played."""

    def RawOutputStream(self, **_: object) -> FastCard:  # noqa: N802 - PortAudio's own name
        return self

    def start(self) -> None:
        self._at_s = self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def write(self, sound: np.ndarray) -> bool:
        self._held_s -= 1.001 * (self.now_s - self._at_s)
        ran_dry, self._held_s = self._held_s < 0 < self._at_s, max(0.0, self._held_s)
        block_s = len(sound) / RATE_HZ
        too_much_s = max(0.0, self._held_s + block_s - self.latency)
        self.now_s += too_much_s / 1.001
        self._held_s += block_s - too_much_s
        self._at_s = self.now_s
        return ran_dry


def test_a_card_that_is_faster_than_the_clock_does_not_run_dry_after_hours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = FastCard()
    monkeypatch.setattr(clocked, "time", SimpleNamespace(sleep=card.sleep))
    output = _CardOutput(card, OutputDevice("DAC", "DAC", 0, RATE_HZ, 2), lambda: card.now_s)
    block = np.zeros((2048, 2), np.float32)
    while card.now_s < 3600:
        assert output.write(block), f"it ran dry after {card.now_s:.0f} s"
        card.now_s += 0.001


def test_without_a_card_music_waits_and_begins_when_one_is_there(
    alsa: AlsaConfig, tmp_path: Path
) -> None:
    song = a_track(write_sound(tmp_path / "a.flac", sine(20.0)), 1, 20.0)
    with Playing(output="desk", volume_percent=100) as playing:
        playing.orders.put(m.PlayNow(song))
        state = playing.until(lambda s: s.status == "no_output" and s.track == song)
        assert "sound card desk is not there: plug it in" in state.message
        assert state.position_s == 0
        assert playing.worker.note == state.message
        alsa.plug_in("desk")
        state = playing.until(lambda s: s.status == "playing" and s.position_s > 0.3)
        assert (state.message, state.output, playing.worker.note) == ("", "desk", "")


@pytest.fixture
def pulse(
    alsa: AlsaConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PulseServer]:
    alsa.use_pulse()
    server = PulseServer(tmp_path / "pulse")
    for key in ("XDG_RUNTIME_DIR", "HOME", "PULSE_SERVER"):
        monkeypatch.setenv(key, server.environment[key])
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
def test_a_card_that_goes_away_holds_the_position_and_resumes_by_itself(
    pulse: PulseServer, tmp_path: Path
) -> None:
    song = a_track(write_sound(tmp_path / "a.flac", noise(30.0, 0.1, 1)), 1, 30.0)
    with Playing(output="auto") as playing:
        playing.orders.put(m.PlayNow(song))
        playing.until(lambda s: s.position_s > 0.8)
        pulse.stop()
        lost = playing.until(lambda s: s.status == "no_output", 15)
        assert "plug" in lost.message
        assert lost.track == song
        held = playing.until(lambda s: s.status == "no_output" and s is not lost)
        pulse.start()
        back = playing.until(lambda s: s.status == "playing", 15)
        assert back.message == ""
        # What was on its way through the lost card, half a second, counts as not heard.
        assert -0.6 < back.position_s - held.position_s < 1.0
        playing.until(lambda s: s.position_s > held.position_s + 0.5)
    assert not any(isinstance(event, m.TrackEnded) for event in playing.heard)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("parec") is None, reason="needs pulseaudio-utils")
def test_what_comes_out_of_the_sink_has_no_hole(pulse: PulseServer, tmp_path: Path) -> None:
    song = a_track(write_sound(tmp_path / "a.mp3", sine(3.0, 440, 0.5)), 1, 3.0)
    recording = tmp_path / "room.wav"
    recorder = pulse.record(recording)
    with Playing(output="auto", volume_percent=100) as playing:
        playing.orders.put(m.PlayNow(song))
        playing.until(lambda _: any(isinstance(e, m.TrackEnded) for e in playing.heard))
        playing.pause_s(0.6)
        assert playing.worker.underruns == 0
    recorder.terminate()
    recorder.wait()
    with wave.open(str(recording)) as file:
        sound = np.frombuffer(file.readframes(2**26), "<i2").reshape(-1, 2) / 32768
    loud = np.flatnonzero(np.abs(sound[:, 0]) > 0.02)
    # The recorder's own buffer may swallow a part of the first or last tenth of a second.
    assert (loud[-1] - loud[0]) / RATE_HZ == pytest.approx(3.0, abs=0.15)
    inside = sound[loud[0] + RATE_HZ // 8 : loud[-1] - RATE_HZ // 8, 0]
    # Whatever is left out, doubled or silent turns the phase of the tone.
    turning = np.exp(-2j * np.pi * 440 / RATE_HZ * np.arange(len(inside)))
    windows = (inside * turning)[: len(inside) // 2205 * 2205].reshape(-1, 2205)
    assert np.abs(np.diff(np.unwrap(np.angle(windows.mean(axis=1))))).max() < 0.05
    assert np.abs(np.diff(inside)).max() < 1.1 * 0.5 * 2 * np.pi * 440 / RATE_HZ


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("paplay") is None, reason="needs pulseaudio-utils")
def test_a_voice_at_the_microphone_lowers_the_music(pulse: PulseServer, tmp_path: Path) -> None:
    song = a_track(write_sound(tmp_path / "a.flac", noise(60.0, 0.1, 1)), 1, 60.0)
    voice = write_sound(tmp_path / "voice.wav", speech(3.0, 0.1))
    with Playing(output="auto", microphone="mouth") as playing:
        playing.orders.put(m.PlayNow(song))
        playing.until(lambda s: s.position_s > 3.5 and not s.ducked)
        pulse.say(voice)
        playing.until(lambda s: s.ducked and not s.duck_wanted, 1)
        playing.until(lambda s: not s.ducked, 5)
        playing.orders.put(m.SetDucking(True))
        playing.until(lambda s: s.ducked and s.duck_wanted)
        assert playing.worker.note == ""


def test_a_microphone_that_is_not_there_is_said_and_the_music_plays(
    alsa: AlsaConfig, tmp_path: Path
) -> None:
    song = a_track(write_sound(tmp_path / "a.flac", sine(10.0)), 1, 10.0)
    with Playing(output="null", microphone="mouth") as playing:
        playing.orders.put(m.PlayNow(song))
        playing.until(lambda s: s.position_s > 0.2 and playing.worker.note != "")
        assert playing.worker.note.startswith("microphone mouth is not there: plug it in")


def test_sound_needs_no_writable_and_executable_memory(alsa: AlsaConfig) -> None:
    """Blocking writes work under systemd's MemoryDenyWriteExecute; callbacks do not."""
    alsa.plug_in("desk")
    program = """
import ctypes, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(77)
import numpy as np
from device.playback.output import open_output
output = open_output("desk")
output.write(np.full((2048, 2), 0.25, np.float32))
output.close()
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=30)
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert done.returncode == 0
    assert alsa.played()[:100].max() == pytest.approx(0.25, abs=1e-3)


def test_a_wav_file_is_whole_after_every_block(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.wav"
    output = open_output(str(path), paced=False)
    block = sine(0.1, 440, 0.5, RATE_HZ).astype(np.float32)
    for written in range(1, 4):
        output.write(block)
        with wave.open(str(path)) as file:
            assert file.getnframes() == written * len(block)
            assert file.getframerate() == output.rate_hz
    output.close()


def test_a_wav_file_that_is_there_is_kept_and_a_numbered_one_follows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each new audio process recorded over what the one before had played."""
    path = tmp_path / "out.wav"
    path.touch()
    block = sine(0.1, 440, 0.5, RATE_HZ).astype(np.float32)
    for number in (1, 2, 3):
        output = open_output(str(path), paced=False)
        for _ in range(number):
            output.write(block)
        output.close()
    for number, name in enumerate(("out.wav", "out-2.wav", "out-3.wav"), 1):
        with wave.open(str(tmp_path / name)) as file:
            assert file.getnframes() == number * len(block)
    assert caplog.messages == [
        f"{path} is kept; the sound is recorded in {tmp_path}/out-{number}.wav" for number in (2, 3)
    ]


def test_a_wav_file_that_is_full_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = sine(0.1, 440, 0.5, RATE_HZ).astype(np.float32)
    monkeypatch.setattr("device.playback.clocked.WAV_MAX_BYTES", 2 * 4 * len(block))
    output = open_output(str(tmp_path / "out.wav"), paced=False)
    for _ in range(5):
        output.write(block)
    output.close()
    lengths = []
    for name in ("out.wav", "out-2.wav", "out-3.wav"):
        with wave.open(str(tmp_path / name)) as file:
            lengths.append(file.getnframes() // len(block))
    assert lengths == [2, 2, 1]


def test_a_full_wav_file_stays_where_no_other_can_be_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    block = sine(0.1, 440, 0.5, RATE_HZ).astype(np.float32)
    monkeypatch.setattr("device.playback.clocked.WAV_MAX_BYTES", 4 * len(block))
    place = tmp_path / f"{'o' * 250}.wav"  # With a number it is longer than a name may be.
    output = open_output(str(place), paced=False)
    output.write(block)
    with pytest.raises(OSError, match="too long"):
        output.write(block)
    output.close()
    with wave.open(str(place)) as file:
        assert file.getnframes() == len(block)


def test_a_full_disk_is_not_filled_with_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, block = tmp_path / "out.wav", sine(0.1, 440, 0.5, RATE_HZ).astype(np.float32)
    path.write_bytes(b"kept")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
        for _ in range(3):  # As the audio process tries it again and again.
            output = open_output(str(path), paced=False)
            with pytest.raises(OSError, match="File too large"):
                output.write(block)
            output.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert [one.name for one in tmp_path.iterdir()] == ["out.wav"]
    assert path.read_bytes() == b"kept"
    assert not caplog.messages


def test_a_wav_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "out.wav").mkdir()
    with pytest.raises(OutputError, match=r"out\.wav cannot be written: Is a directory"):
        open_output(str(tmp_path / "out.wav"))


def test_a_wav_file_below_the_folder_of_an_unknown_user_is_named() -> None:
    with pytest.raises(OutputError, match=r"~nobody_here/out\.wav cannot be written"):
        open_output("~nobody_here/out.wav")


def test_the_null_output_takes_the_time_that_playing_takes() -> None:
    now_s, slept_s = 100.0, 0.0

    def clock() -> float:
        return now_s

    pacer = Pacer(clock, RATE_HZ, BUFFER_S)
    assert pacer.wait()
    pacer.add(RATE_HZ // 10)
    now_s += 0.05
    assert pacer.wait()
    now_s += 0.2
    assert not pacer.wait(), "the buffer ran dry and nobody noticed"
    assert pacer.wait()
    assert slept_s == 0.0
    assert NullOutput(clock).name == "null"
