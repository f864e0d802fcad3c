"""Measured on the written file: the music gives way, comes back, ends; nothing clicks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.builder.tags import Tags
from catalog.emotions import neutral_point
from catalog.library import Match
from catalog.track import Track
from device.commands import underlay as command
from device.commands.errors import CommandError
from device.playback.decode import SoundFile
from device.playback.encode import CODECS, EncodeError, SoundWriter
from device.playback.instrumental import Singing, choose, singing_in
from device.playback.speech import Stretch
from device.playback.underlay import Bed, Plan, UnderlayError, lay_under
from tests.fakes.sounds import sine, write_sound
from tests.fakes.spoken import RATE_HZ, quiet, speech

MUSIC_HZ = 3000.0
MUSIC_LEVEL = 0.2
LEAD_S, TAIL_S = 1.5, 2.0


@pytest.fixture(scope="module", name="voice")
def _voice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    sound = np.concatenate([quiet(0.5), speech(3.0), quiet(4.0), speech(2.0), quiet(0.5)])
    yield write_sound(tmp_path_factory.mktemp("voice") / "voice.wav", sound, codec="pcm_f32le")


@pytest.fixture(scope="module", name="music")
def _music(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    tone = sine(12.0, MUSIC_HZ, MUSIC_LEVEL)
    yield write_sound(tmp_path_factory.mktemp("music") / "tone.flac", tone)


def plan(voice: Path, *music: Path) -> Plan:
    return Plan(
        voice=voice,
        voice_gain_db=0.0,
        voice_s=10.0,
        speech=(Stretch(0.5, 3.5), Stretch(7.5, 9.5)),
        beds=tuple(Bed(path, 0.0, None, 0.0) for path in music),
        crossfade_s=2.0,
        lead_s=LEAD_S,
        tail_s=TAIL_S,
    )


def read(path: Path) -> NDArray[np.float32]:
    with SoundFile(path, RATE_HZ) as sound:
        return np.concatenate(list(sound.blocks()))


def tone_level_db(sound: NDArray[np.float32], at_s: float, width_s: float = 0.2) -> float:
    """Return the level of the music's tone against its own, from ``at_s`` of the file."""
    part = sound[round(at_s * RATE_HZ) : round((at_s + width_s) * RATE_HZ), 0]
    turning = np.exp(-2j * np.pi * MUSIC_HZ / RATE_HZ * np.arange(len(part)))
    amplitude = 2 * abs((part * turning * np.hanning(len(part)) * 2).mean())
    return float(20 * np.log10(max(amplitude, 1e-9) / MUSIC_LEVEL))


def test_the_music_gives_way_before_the_first_word_and_comes_back(
    voice: Path, music: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.wav"
    result = lay_under(plan(voice, music), out)
    sound = read(out)
    assert len(sound) == round((LEAD_S + 10.0 + TAIL_S) * RATE_HZ)
    assert tone_level_db(sound, 0.5) == pytest.approx(0, abs=0.2)
    # All the way down when the first word is said, and until the last one.
    for at_s in (0.4, 1.5, 2.9, 7.4):
        assert tone_level_db(sound, LEAD_S + at_s) == pytest.approx(-18, abs=0.7), at_s
    assert tone_level_db(sound, LEAD_S + 5.5) == pytest.approx(0, abs=0.7)
    assert np.abs(sound[-100:]).max() < 1e-4
    assert result.voice_over_music_db is not None
    assert result.used == (music, music)  # The piece of 12 s is followed by itself.


def test_the_voice_is_not_touched(voice: Path, music: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    lay_under(plan(voice, music), out)
    mixed, alone = read(out), read(voice)
    start, end = round(0.6 * RATE_HZ), round(3.4 * RATE_HZ)
    offset = round(LEAD_S * RATE_HZ)
    under = mixed[offset + start : offset + end] - alone[start:end]
    # What is left after the voice is taken out is the ducked music alone.
    assert np.abs(under).max() < MUSIC_LEVEL * 10 ** (-17 / 20)


def test_nothing_clicks(music: Path, tmp_path: Path) -> None:
    silent = write_sound(tmp_path / "silent.wav", np.zeros((10 * RATE_HZ, 2)))
    out = tmp_path / "out.wav"
    lay_under(plan(silent, music), out)
    steepest = MUSIC_LEVEL * 2 * np.pi * MUSIC_HZ / RATE_HZ
    # In a crossfade of a tone with itself two of them add up.
    assert np.abs(np.diff(read(out), axis=0)).max() < 1.45 * steepest


def test_broken_music_is_left_out_and_without_any_it_is_said(
    voice: Path, music: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"junk" * 500)
    result = lay_under(plan(voice, broken, music), tmp_path / "out.wav")
    assert set(result.used) == {music}
    with pytest.raises(UnderlayError, match=r"broken\.mp3: is not a sound file"):
        lay_under(plan(voice, broken), tmp_path / "none.wav")
    assert not (tmp_path / "none.wav").exists()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("ending", sorted(CODECS))
def test_every_format_that_can_be_written_can_be_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    sound = sine(1.0, 440, 0.5, RATE_HZ).astype(np.float32)
    with SoundWriter(path) as writer:
        for at in range(0, len(sound), 1000):
            writer.write(sound[at : at + 1000])
    heard = read(path)
    assert len(heard) == pytest.approx(RATE_HZ, abs=1500)
    # LAME lowers what it encodes by 0.4 dB.
    assert np.sqrt(np.mean(heard[9000:39000] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.06)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match=r"out\.doc: the name must end in \.wav"):
        SoundWriter(tmp_path / "out.doc")
    with pytest.raises(EncodeError, match=r"out\.wav: cannot be written: No such file"):
        SoundWriter(tmp_path / "none" / "out.wav")


def tags(title: str = "One", lyrics: str = "", album: str = "") -> Tags:
    return Tags(title, "", album, "", lyrics=lyrics)


@pytest.mark.parametrize(
    ("genre", "known", "expected"),
    [
        ("Ambient", tags(), Singing.NONE),
        ("Rock", tags("Theme (Instrumental)"), Singing.NONE),
        ("Rock", tags(album="Nocturnes for Piano"), Singing.NONE),
        ("Classical", tags(lyrics="la la la"), Singing.SURE),
        ("Opera", tags(), Singing.SURE),
        ("Rock", tags("Home feat. Somebody"), Singing.SURE),
        ("Pop", tags(), Singing.UNKNOWN),
        ("Postrock", tags("Costa"), Singing.UNKNOWN),
    ],
)
def test_what_is_known_about_singing(genre: str, known: Tags, expected: Singing) -> None:
    assert singing_in(genre, known)[0] is expected


def test_instrumental_music_a_little_farther_away_is_preferred(tmp_path: Path) -> None:
    matches = []
    for number, genre in enumerate(("Vocal", "Pop", "Piano", "Ambient")):
        path = tmp_path / f"{number}.mp3"
        path.touch()
        track = Track(number, path, "", "", "", genre, 100.0, neutral_point())
        matches.append(Match(track, 0.1 * number))
    picks = choose(matches, 5, lambda _: tags())
    assert [pick.track.genre for pick in picks] == ["Piano", "Ambient", "Pop"]
    only_sung = choose(matches[:1], 5, lambda _: tags())
    assert [pick.singing for pick in only_sung] == [Singing.SURE]
    kept = replace(matches[2], track=replace(matches[2].track, within=(tmp_path / "music",)))
    assert [pick.track.genre for pick in choose([kept], 1, lambda _: tags())] == ["Piano"]
    (tmp_path / "2.mp3").rename(tmp_path / "elsewhere.mp3")
    (tmp_path / "2.mp3").symlink_to(tmp_path / "elsewhere.mp3")  # It leads out of the music.
    assert choose([kept], 1, lambda _: tags()) == []
    (tmp_path / "2.mp3").unlink()
    assert [pick.track.genre for pick in choose(matches, 1, lambda _: tags())] == ["Ambient"]


def attune(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    parsed = parser.parse_args(["underlay", *arguments])
    return int(parsed.run(parsed))


def test_by_hand(
    voice: Path, music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "card.flac"
    given = [str(voice), "--out", str(out), "--music", str(music)]
    assert attune(*given, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["music"][0]["path"] == str(music)
    assert [len(told["speech"]), told["length_s"]] == [2, pytest.approx(16.0, abs=0.01)]
    assert 15 < told["voice_over_music_db"] < 25
    with pytest.raises(CommandError, match="--force"):
        attune(*given)
    assert attune(*given, "--force", "--duck=-6") == 0


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--va=9,0"], "two numbers"),
        (["--va=calm"], "two numbers"),
        (["--text", "xyzzy"], "no mood that I know"),
        (["--text", "calm", "--catalogue", "/nowhere"], "no catalogue in /nowhere"),
        (["--text", "calm", "--duck", "5"], "--duck must be"),
        (["--music", "/nowhere.mp3"], "no such file"),
    ],
)
def test_wrong_orders_are_told_in_one_line(
    voice: Path, tmp_path: Path, arguments: list[str], fault: str
) -> None:
    with pytest.raises(CommandError, match=fault):
        attune(str(voice), "--out", str(tmp_path / "out.wav"), *arguments)


def test_a_recording_without_a_voice_is_named(tmp_path: Path, music: Path) -> None:
    silent = write_sound(tmp_path / "silent.wav", np.zeros((2 * RATE_HZ, 2)))
    with pytest.raises(CommandError, match=r"silent\.wav: nobody is heard"):
        attune(str(silent), "--out", str(tmp_path / "out.wav"), "--music", str(music))
