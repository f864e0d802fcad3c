"""Folders that are away, empty, locked or oddly named: they cost no track and stop no other."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from catalog.analysis import CatalogError
from catalog.builder.building import BuildOptions, build
from catalog.builder.scan import AWAY, BARE
from tests.fakes.builds import HAPPY, ONE, reasons, titles
from tests.fakes.plain_user import as_plain_user
from tests.fakes.tagged_sounds import write_tone

REMEMBERED = BuildOptions(workers=1, may_be_away=True)


def test_a_link_to_a_stick_that_is_away_keeps_the_tracks_below_it(
    music: Path, catalogue: Path
) -> None:
    """What the link leads to is found under the link, for that is met first."""
    stick = music.parent / "stick"
    write_tone(stick / "third.flac", 1.2, tags=HAPPY | {"title": "Third joy"})
    (music / "stick").symlink_to(stick)
    assert build([music, stick], catalogue, ONE).in_index == 3
    stick.rename(music.parent / "drawer")
    report = build([music, stick], catalogue, REMEMBERED)
    assert (report.removed, report.in_index) == (0, 3)
    assert {(one.path, one.reason) for one in report.failures} == {
        (stick, AWAY),
        (music / "stick", AWAY),
    }
    (music.parent / "drawer").rename(stick)
    report = build([music, stick], catalogue, REMEMBERED)
    assert (report.unchanged, report.failures) == (3, [])


def test_a_link_whose_target_was_deleted_keeps_nothing(music: Path, catalogue: Path) -> None:
    (music / "best").symlink_to(music / "old")
    write_tone(music / "old/third.flac", 1.2, tags=HAPPY | {"title": "Third joy"})
    assert build([music], catalogue, ONE).in_index == 3
    shutil.rmtree(music / "old")
    report = build([music], catalogue, REMEMBERED)
    assert (report.removed, report.in_index, report.failures) == (1, 2, [])


@pytest.mark.parametrize("named", [True, False])
def test_an_empty_mount_point_keeps_the_tracks_of_its_disk(
    music: Path, catalogue: Path, named: bool
) -> None:
    """Named by the settings (``named``) or by an earlier build."""
    build([music], catalogue, ONE)
    disk = music.rename(music.parent / "disk")
    music.mkdir()
    report = build([music], catalogue, REMEMBERED) if named else build([], catalogue, ONE)
    assert (report.found, report.removed, report.in_index) == (0, 0, 2)
    assert reasons(report) == {"music": BARE}
    music.rmdir()
    disk.rename(music)
    report = build([], catalogue, ONE)
    assert (report.unchanged, report.failures) == (2, [])


def test_an_emptied_folder_is_forgotten_by_who_says_so(music: Path, catalogue: Path) -> None:
    build([music], catalogue, ONE)
    shutil.rmtree(music)
    music.mkdir()
    assert build([music], catalogue, REMEMBERED).in_index == 2
    report = build([music], catalogue, ONE)  # As BARE says: the folder is typed.
    assert (report.removed, report.in_index, report.failures) == (2, 0, [])
    assert not build([music], catalogue, REMEMBERED).failures


def test_an_emptied_folder_is_forgotten_with_only(music: Path, catalogue: Path) -> None:
    build([music], catalogue, ONE)
    shutil.rmtree(music)
    music.mkdir()
    only = BuildOptions(workers=1, may_be_away=True, only_these=True)
    assert build([music], catalogue, only).in_index == 0


def test_one_name_that_is_not_utf8_stops_no_build(music: Path, catalogue: Path) -> None:
    elsewhere = os.fsencode(music.parent) + b"/M\xfcsik"
    os.mkdir(elsewhere)  # noqa: PTH102 - the name is bytes
    (music / "album").symlink_to(os.fsdecode(elsewhere))
    report = build([music], catalogue, ONE)
    assert report.in_index == 2
    assert "M\\xfcsik: name that folder" in reasons(report)["album"]
    again = build([music, Path(os.fsdecode(elsewhere))], catalogue, ONE)
    assert (again.unchanged, again.failures) == (2, [])
    notices = build([music], catalogue, REMEMBERED).notices
    assert "M\\xfcsik" in notices[0]


LOCKED = """\
import json, sys
from pathlib import Path
from catalog.builder.building import BuildOptions, CatalogError, build
music, locked, catalogue = map(Path, sys.argv[1:4])
remembered = BuildOptions(workers=1, may_be_away=True)
report = build([music, locked], catalogue, remembered)
print(report.in_index, report.removed, [one.reason for one in report.failures])
try:
    build([locked], catalogue, BuildOptions(workers=1))
except CatalogError as error:
    print(error)
"""


def test_a_folder_that_may_not_be_entered_stops_no_other(music: Path, catalogue: Path) -> None:
    locked = music.parent / "private/music"
    write_tone(locked / "third.flac", 1.2, tags=HAPPY | {"title": "Third joy"})
    build([music, locked], catalogue, ONE)
    locked.parent.chmod(0)
    try:
        done = as_plain_user(LOCKED, music, locked, catalogue)
    finally:
        locked.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "3 0 ['cannot be read: Permission denied']",
        f"{locked}: cannot be looked at: Permission denied; name a folder that you may enter",
    ]
    assert len(titles(catalogue)) == 3


def test_a_home_that_nobody_has_is_named(catalogue: Path) -> None:
    folder = Path("~nobody-of-this-name/music")
    for options in (ONE, REMEMBERED):
        with pytest.raises(CatalogError, match=f"^{folder}: nobody .* write the whole path"):
            build([folder], catalogue, options)
