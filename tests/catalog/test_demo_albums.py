"""All the demo albums, for real: fetched, built, asked, played. ``make test-slow`` only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from catalog.builder.building import BuildOptions, BuildReport, build
from catalog.builder.scan import scan
from catalog.demo_albums import EVERY_ALBUM, DemoError, fetch
from catalog.emotions import ANCHORS_VAD, CODES, FAMILIES, point_from_va
from catalog.library import Library, Match
from catalog.words import read_mood
from device.playback.decode import DecodeError, SoundFile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

ALBUMS = 9
FEWEST_TRACKS = 190
RATE_HZ = 44_100

Built = tuple[Path, Path, BuildReport]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch the albums (757 MB) into $ATTUNE_DEMO_MUSIC, or for this once."""
    kept = os.environ.get("ATTUNE_DEMO_MUSIC")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("albums")
    try:
        fetch(EVERY_ALBUM, folder, print)
    except DemoError as error:
        pytest.skip(f"the demo albums (Debian packages) cannot be fetched: {error}")
    return folder


@pytest.fixture(scope="module")
def built(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("catalogue")
    return music, folder, build([music], folder, BuildOptions())


def near(folder: Path, text: str, k: int = 10) -> list[Match]:
    point = read_mood(text).point
    assert point is not None
    with Library.open(folder) as library:
        return library.nearest(point, k)


def test_every_album_is_built_but_for_the_silent_track(built: Built) -> None:
    music, folder, report = built
    marks = [json.loads(mark.read_text()) for mark in (music / ".fetched").iterdir()]
    if len(marks) < ALBUMS:
        pytest.skip(f"this release of Debian has {len(marks)} of the {ALBUMS} albums")
    assert report.found == sum(mark["tracks"] for mark in marks) >= FEWEST_TRACKS
    reasons = {one.path.name: one.reason for one in report.failures}
    assert reasons == {"silence.ogg": "is silent from beginning to end"}
    assert report.in_index == report.found - 1
    with Library.open(folder) as library:
        info = library.info()
        tracks = list(library.tracks())
    assert info.evidence["sound"] == report.in_index
    assert all(track.title and track.album for track in tracks)
    assert all(track.integrated_loudness_lufs is not None for track in tracks)


def test_a_second_build_touches_nothing(built: Built) -> None:
    music, folder, report = built
    again = build([music], folder, BuildOptions())
    assert (again.analysed, again.unchanged) == (0, report.found)


def test_every_emotion_and_every_corner_finds_tracks(built: Built) -> None:
    _, folder, report = built
    with Library.open(folder) as library:
        for name, codes in FAMILIES.items():
            for code in codes:
                valence, arousal = map(float, ANCHORS_VAD[CODES.index(code), :2])
                found = library.nearest(point_from_va(valence, arousal), 5)
                assert len({one.track.track_id for one in found}) == 5, f"{name}: {code}"
        corners = {
            (v, a): library.nearest(point_from_va(v, a), 10)
            for v in (-0.6, 0.6)
            for a in (-0.5, 0.5)
        }
        for genre in ("classical", "electronic", "pop", "rock"):
            assert library.nearest(point_from_va(0, 0), 3, genre=genre), genre
        every = library.nearest(point_from_va(0, 0), 1000)
    assert len(every) == report.in_index
    for (valence, arousal), found in corners.items():
        points = [one.track.point for one in found]
        assert sum(valence * point.valence > 0 for point in points) >= 8
        assert sum((point.arousal > -0.1) == (arousal > 0) for point in points) >= 8


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("sad, grieving", {"Sad", "Defeat", "Weight of Revenge"}),
        ("tender love", {"Love Theme"}),
        ("calm and peaceful", {"Snow", "Hedgewars Nature", "Transience"}),
        ("proud, triumphant, heroic", {"Victory", "Battle Epic"}),
        ("afraid, tense", {"Frantic"}),
        ("happy and full of energy", {"Land of Eternal Motion", "Battle Theme"}),
    ],
)
def test_a_typed_mood_finds_what_a_person_would_pick(
    built: Built, words: str, titles: set[str]
) -> None:
    """Of titles that name a mood, one at least is among the ten nearest."""
    _, folder, _ = built
    assert titles & {one.track.title for one in near(folder, words)}


def test_all_that_was_taken_is_played_to_its_end(built: Built) -> None:
    music, folder, _ = built
    with Library.open(folder) as library:
        lengths = {track.path: track.duration_s for track in library.tracks()}
    faults = []
    for file in scan([music]).files:
        if file.path not in lengths:
            continue
        try:
            with SoundFile(file.path, RATE_HZ) as sound:
                played_s = sum(map(len, sound.blocks())) / RATE_HZ
        except DecodeError as error:
            faults.append(str(error))
        else:
            if abs(played_s - lengths[file.path]) > 0.5:
                faults.append(f"{file.path}: {played_s:.1f} s of {lengths[file.path]:.1f} s")
    assert not faults
