"""``attune catalog`` as a person uses it: what is printed, and one clear line for each fault."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.analysis import Failure, FileStamp
from catalog.emotions import point_from_va
from catalog.indexing import renew_index
from catalog.store_writer import StoreWriter
from device.commands import catalog as command
from device.commands.errors import CommandError
from tests.fakes.sudo import ASKER, as_with_sudo
from tests.fakes.synthetic_library import analysis, make_library
from tests.fakes.tagged_sounds import write_samples, write_tone

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models_tflite/downloads/face_detection_full_range_sparse.tflite"


def attune(*words: str | Path) -> int:
    parser = argparse.ArgumentParser(prog="attune")
    command.register(parser.add_subparsers())
    arguments = parser.parse_args(["catalog", *map(str, words)])
    return int(arguments.run(arguments))


def answer(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    capsys.readouterr()
    assert attune(*words, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("made"), 300)


def test_build_query_explain_info_in_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music, folder = tmp_path / "music", tmp_path / "catalogue"
    for number, mood in enumerate(("happy", "sad", "angry")):
        tags = {"title": f"{mood} song", "artist": "Somebody", "album": "x", "mood": mood}
        write_tone(music / f"{mood}.flac", 1.5, frequency_hz=400 + 50 * number, tags=tags)
    (music / "broken.mp3").write_bytes(b"no sound")

    built = answer(capsys, "build", music, "--folder", folder, "--workers", "1")
    assert (built["found"], built["analysed"], built["in_index"]) == (4, 3, 3)
    assert [one["path"] for one in built["failures"]] == [str(music / "broken.mp3")]

    found = answer(capsys, "query", "--text", "I am so sad", "--k", "2", "--folder", folder)
    assert found["mood"]["valence"] < 0
    assert sum(found["mood"]["emotions"].values()) == pytest.approx(1, abs=1e-4)
    assert [len(found["mood"]["emotions"]), len(found["tracks"])] == [21, 2]
    first = found["tracks"][0]
    assert first["title"] == "sad song"
    assert first["artist"] == "Somebody"
    assert first["path"] == str(music / "sad.flac")
    assert first["distance"] <= found["tracks"][1]["distance"]
    assert f"{first['distance']:.2f} away" in first["reason"]

    why = answer(capsys, "explain", str(first["track_id"]), "--folder", folder)
    assert why["title"] == "sad song"
    assert {"mood tag", "title"} <= {part["source"] for part in why["evidence"]}
    assert sum(part["share"] for part in why["evidence"]) == pytest.approx(1)
    assert attune("explain", music / "happy.flac", "--folder", folder) == 0
    assert "happy song by Somebody" in capsys.readouterr().out

    info = answer(capsys, "info", "--folder", folder)
    assert (info["in_index"], len(info["failures"])) == (3, 1)
    assert attune("info", "--failures", "--folder", folder) == 0
    assert "broken.mp3: is not a sound file" in capsys.readouterr().out


def test_music_of_kinds_that_are_not_read_is_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music, words = tmp_path / "music", ("--folder", tmp_path / "c", "--workers", "1")
    music.mkdir()
    for name in ("1.mid", "2.dff", "3.DFF", "cover.jpg", "list.m3u"):
        (music / name).write_bytes(b"x")
    assert attune("build", music, *words) == 0
    said = capsys.readouterr()
    line = "3 not taken: .dff (2), .mid (1): kinds that are not read; convert what is music"
    assert line in said.out
    assert f"no music files that are read in {music}" in said.err
    built = answer(capsys, "build", music, *words)
    assert (built["found"], built["not_taken"]) == (0, {".dff": 2, ".mid": 1})


def test_tracks_left_out_for_one_reason_are_one_line_and_steer_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        click = np.zeros((2, 44_100 * 4))
        click[:, 44_100 + number] = 0.05  # Sound for the meter, but nothing to listen to.
        tags = {"title": f"T{number}", "artist": "a", "album": "b"}
        write_samples(tmp_path / f"music/\x1b]0;x\x07{number}.flac", click, 44_100, tags)
    words = ("--folder", tmp_path / "c")
    assert attune("build", tmp_path / "music", *words, "--workers", "1") == 0
    reason = "no words about a mood in its tags, and its sound could not be analysed: it is silent"
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if reason in line] == [
        f"3 not in the index: {reason} all through"
    ]
    with StoreWriter(tmp_path / "c") as store, store.batch():  # As an Attune before wrote it.
        old = analysis(9, None, no_evidence="m/\x1b]0;x\x07.flac: is silent")
        store.put_track(tmp_path / "old.flac", FileStamp(1, 1), old)
        bad = Failure(tmp_path / "bad.flac", FileStamp(1, 1), "failed: \x1b[31m", "synthetic")
        store.put_failure(bad)
    assert attune("info", "--failures", *words) == 0
    said += capsys.readouterr().out
    assert "failed: \ufffd[31m" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("va", ["-0.6,-0.4", "0.7,0.5", "-1,-1", "0,0", "-.5,.25"])
def test_valence_and_arousal_may_be_negative(
    folder: Path, capsys: pytest.CaptureFixture[str], va: str
) -> None:
    found = answer(capsys, "query", "--va", va, "--k", "3", "--folder", folder)
    valence, arousal = (float(part) for part in va.split(","))
    assert found["mood"]["valence"] == pytest.approx(valence)
    assert found["mood"]["arousal"] == pytest.approx(arousal)
    assert len(found["tracks"]) == 3


def test_a_genre_restricts_and_an_unknown_one_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "query", "--va", "0,0", "--genre", "pop", "--folder", folder)
    assert {track["genre"] for track in found["tracks"]} == {"pop"}
    with pytest.raises(CommandError, match="no track of 'polka'"):
        attune("query", "--va", "0,0", "--genre", "polka", "--folder", folder)


def test_a_banned_track_never_comes_until_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_library(tmp_path, 40)
    ask = ("query", "--va", "-0.4,0.3", "--k", "40", "--folder", folder)
    first = answer(capsys, *ask)["tracks"][0]["track_id"]
    assert answer(capsys, "ban", str(first), "--folder", folder)["in_index"] == 39
    assert first not in [one["track_id"] for one in answer(capsys, *ask)["tracks"]]
    assert answer(capsys, "info", "--folder", folder)["banned"] == [first]
    answer(capsys, "allow", str(first), "--folder", folder)
    assert answer(capsys, *ask)["tracks"][0]["track_id"] == first


def test_a_picture_without_a_face_and_one_that_is_none_are_named(
    folder: Path, tmp_path: Path
) -> None:
    import cv2
    import numpy as np

    if importlib.util.find_spec("device.sensing.face") is None or not MODEL.exists():
        pytest.skip("needs the face detector's model: make setup")
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((240, 320, 3), 127, np.uint8))
    with pytest.raises(CommandError, match=r"grey\.png: no face found"):
        attune("query", "--image", tmp_path / "grey.png", "--folder", folder)
    with pytest.raises(CommandError, match=r"gone\.png"):
        attune("query", "--image", tmp_path / "gone.png", "--folder", folder)


def test_the_text_answer_has_a_reason_for_each_track(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attune("query", "--va", "0.5,0.5", "--k", "4", "--folder", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mood: ")
    assert sum(" away" in line for line in lines) == 4


@pytest.mark.parametrize(
    "words",
    [("--va", "2,0"), ("--va", "x"), ("--va", "1"), ("--k", "0"), ("--k", "many"),
     ("--dlut", "none.xlsx")],
)  # fmt: skip
def test_wrong_arguments_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stop:
        attune("query", "--text", "x", *words)
    assert stop.value.code == 2


def test_a_column_for_a_field_that_there_is_not_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It was left aside in silence, and every row counted by its title alone."""
    with pytest.raises(SystemExit) as stop:
        attune("import", "labels", "x.csv", "--map", "arist=band")
    assert stop.value.code == 2
    assert "no field arist; there are title, artist" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("query", "--va", "0,0"), ("explain", "1"), ("info",), ("map", "x.png")]
)
def test_without_a_catalogue_the_remedy_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"no catalogue in .*: run `attune catalog build DIR`"):
        attune(*words, "--folder", tmp_path / "none")


def test_a_catalogue_below_the_home_of_nobody_is_no_catalogue() -> None:
    with pytest.raises(CommandError, match="no catalogue in ~no such user/cat: run `attune"):
        attune("info", "--folder", "~no such user/cat")


def test_words_without_a_mood_and_unknown_tracks_are_named(folder: Path) -> None:
    with pytest.raises(CommandError, match="no mood found in 'xyzzy 123'"):
        attune("query", "--text", "xyzzy 123", "--folder", folder)
    with pytest.raises(CommandError, match="no track 9999"):
        attune("explain", "9999", "--folder", folder)
    with pytest.raises(CommandError, match="there is no such folder"):
        attune("build", folder / "nothing", "--folder", folder)


def test_filters_that_leave_nothing_are_named_and_not_the_catalogue_called_empty(
    folder: Path,
) -> None:
    for words, named in ((("--genre", ""), "''"), (("--language", "ko", "--clean"), "'ko'")):
        with pytest.raises(CommandError, match=f"no track of {named}"):
            attune("query", "--va", "0,0", *words, "--folder", folder)


def test_a_build_without_options_takes_folders_and_ontology_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the hourly build would read all anew what was built with an ontology."""
    music, settings = tmp_path / "music", tmp_path / "kiosk.toml"
    write_tone(music / "a.flac", 1.2, tags={"title": "Joy", "artist": "A", "album": "B"})
    (tmp_path / "ontology.xlsx").write_text("no spreadsheet")
    monkeypatch.setenv("ATTUNE_CONFIG", str(settings))
    words = f'[catalog]\nfolder = "{tmp_path}/c"\nmusic = ["{music}", "{tmp_path}/stick"]\n'
    settings.write_text(words)
    assert answer(capsys, "build", "--workers", "1")["in_index"] == 1
    settings.write_text(f'{words}dlut_lexicon = "{tmp_path}/ontology.xlsx"\n')
    with pytest.raises(CommandError, match=r"ontology\.xlsx: is no readable"):
        attune("build", "--workers", "1")


def test_files_that_cannot_be_heard_are_named_apart_from_what_is_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_tone(tmp_path / "a.flac", 3.0)
    (tmp_path / "empty.mp3").touch()
    names = (str(tmp_path / "none.mp3"), str(good), str(tmp_path / "empty.mp3"))
    assert attune("annotate-audio", *names) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert said.out.startswith(f"{good}: ")
    assert said.err.splitlines() == [
        f"attune: {names[0]}: is not there any more",
        f"attune: {names[2]}: is empty (0 bytes)",
    ]
    assert attune("annotate-audio", *names, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert [one.get("error") for one in found] == [
        "is not there any more", None, "is empty (0 bytes)",
    ]  # fmt: skip


def test_the_map_is_a_picture_and_with_sudo_it_is_of_whoever_asked(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import cv2

    out = tmp_path / "map.png"
    given = as_with_sudo(monkeypatch)
    assert answer(capsys, "map", out, "--folder", folder) == {"out": str(out), "tracks": 300}
    assert given == [(out, *ASKER)]
    picture = cv2.imread(str(out))
    assert picture is not None
    assert picture.std() > 5
    bare = tmp_path / "map"
    assert answer(capsys, "map", bare, "--folder", folder)["out"] == str(bare)
    assert bare.read_bytes() == out.read_bytes()
    with pytest.raises(CommandError, match="cannot be written"):
        attune("map", tmp_path / "none" / "map.png", "--folder", folder)
    with pytest.raises(CommandError, match=r"map\.xyz"):
        attune("map", tmp_path / "map.xyz", "--folder", folder)


def test_without_matplotlib_the_remedy_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(CommandError, match="a map needs matplotlib"):
        attune("map", tmp_path / "map.png", "--folder", folder)


def test_titles_are_written_as_they_are_whatever_is_in_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    """A dollar begins a formula in matplotlib; a letter without a font is warned of once."""
    titles = (r"Cash $\frac{$ rules", "후회", "Plain", "\U0001fadf and \u13a0")
    with StoreWriter(tmp_path) as store:
        with store.batch():
            for number, title in enumerate(titles):
                point = point_from_va(0.5 - 0.3 * number, 0.3 * number - 0.5)
                found = analysis(number, point, title=title)
                store.put_track(Path(f"/music/{number}.mp3"), FileStamp(1, 1), found)
        renew_index(store, tmp_path)
    drawn = answer(capsys, "map", tmp_path / "map.png", "--folder", tmp_path)
    assert drawn["tracks"] == len(titles)
    assert not [one for one in recwarn if "Glyph" in str(one.message)]


# --- demo albums ------------------------------------------------------------------------


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Debian whose archive is a folder: real dpkg-deb packages, an apt-get that copies them."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb")
    archive, tools = tmp_path / "archive", tmp_path / "bin"
    archive.mkdir()
    tools.mkdir()
    for package, music in (
        ("wesnoth-1.9-music", "usr/share/games/wesnoth/1.9/data/core/music/battle_hymn.flac"),
        ("wesnoth-1.18-music", "usr/share/games/wesnoth/1.18/data/core/music/battle_hymn.flac"),
        ("hyperrogue-music", "usr/share/hyperrogue/music/hr-domina-sad_hunt.flac"),
    ):
        tree = tmp_path / package
        write_tone(tree / music, 1.5, frequency_hz=300 + len(package))
        licence = tree / "usr/share/doc" / package / "copyright"
        licence.parent.mkdir(parents=True)
        licence.write_text(f"licence of {package}\n")
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(
            f"Package: {package}\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\n"
            "Description: test\n"
        )
        build = ["dpkg-deb", "--build", str(tree), str(archive / f"{package}_1_all.deb")]
        subprocess.run(build, check=True, capture_output=True)
    (tools / "apt-cache").write_text(
        f"#!/bin/sh\ncd {archive} && ls | sed 's/_.*//'; echo wesnoth-music\n"
    )
    (tools / "apt-get").write_text(
        "#!/bin/sh\n"
        f"archive={archive}\n"
        'print=""\n'
        'for word in "$@"; do case $word in\n'
        "  --print-uris) print=1 ;;\n"
        "  download|-o|*=*|update|-qq) ;;\n"
        '  *) file=$(echo "$archive/$word"_*.deb)\n'
        '     [ -f "$file" ] || { echo "E: Unable to locate package $word" >&2; exit 100; }\n'
        '     if [ "$print" ]; then\n'
        '       echo "\'file:$file\' $(basename "$file") $(stat -c %s "$file") SHA256:0"\n'
        '     else cp "$file" .; fi ;;\n'
        "esac; done\n"
    )
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return archive


def test_the_demo_fetches_builds_and_does_so_once(
    debian: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music, folder = tmp_path / "demo music", tmp_path / "catalogue"
    words = ("demo", "--music", music, "--folder", folder, "--workers", "1")
    built = answer(capsys, *words)
    assert built["found"] == 2  # The newer of two numbered packages, and the unnumbered one.
    licences = {path.name for path in music.rglob("LICENCE-*")}
    assert licences == {"LICENCE-wesnoth-1.18-music.txt", "LICENCE-hyperrogue-music.txt"}
    hunt = answer(
        capsys, "explain", music / "Lincoln Domina - HyperRogue/sad_hunt.flac", "--folder", folder
    )
    assert (hunt["title"], hunt["artist"]) == ("Sad hunt", "Lincoln Domina")
    shutil.rmtree(debian)  # A second run needs no network for what is there.
    (tmp_path / "bin/apt-cache").write_text("#!/bin/sh\nexit 1\n")
    again = answer(capsys, *words)
    assert (again["found"], again["analysed"]) == (2, 0)
    assert not list(music.glob(".fetch-*"))


def test_without_packages_or_network_the_demo_says_what_to_do(debian: Path, tmp_path: Path) -> None:
    for package in debian.iterdir():
        package.unlink()
    with pytest.raises(CommandError, match=r"sudo apt-get update.*attune catalog build DIR"):
        attune("demo", "--music", tmp_path / "m", "--folder", tmp_path / "c")


def test_a_download_that_breaks_leaves_nothing_behind(debian: Path, tmp_path: Path) -> None:
    script = tmp_path / "bin/apt-get"
    script.write_text(
        script.read_text().replace('cp "$file" .', "echo 'E: Failed to fetch' >&2; exit 100")
    )
    with pytest.raises(CommandError, match="cannot download the albums: Failed to fetch"):
        attune("demo", "--music", tmp_path / "m", "--folder", tmp_path / "c")
    assert not list((tmp_path / "m").iterdir())


def test_where_there_is_no_apt_the_demo_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="there is no apt-get here"):
        attune("demo", "--music", tmp_path / "m", "--folder", tmp_path / "c")


def test_the_whole_command_prints_one_line_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device.cli", "catalog", "info", "--folder", str(tmp_path / "x")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"attune: no catalogue in {tmp_path / 'x'}: run `attune catalog build DIR`"
    )
