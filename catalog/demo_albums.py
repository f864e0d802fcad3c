"""Freely licensed albums to try the kiosk with: soundtracks that Debian ships as packages.

All are in Debian's main archive, so free by the Debian Free Software Guidelines; apt checks the
digests. Nothing is installed: packages are downloaded and unpacked into a folder of the user's,
no root needed, and the licence of each stays beside its music.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from catalog.builder.kinds import EXTENSIONS
from catalog.builder.progress import Progress

MARKS = ".fetched"
"""Folder that notes which albums are complete."""

_POLL_S = 0.2
_ROOM = 2.5
"""Free space wanted, as a multiple of the packages' size: packed, unpacked, and some air."""

Say = Callable[[str], None]


class DemoError(Exception):
    """The albums cannot be fetched; one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Album:
    """A soundtrack and the package it comes in."""

    title: str
    package: str
    """Regular expression for the whole name: releases of Debian differ in the number in it."""
    music_folder: str
    """The folder in the package (the last parts of its path) that holds the music."""
    artists: tuple[tuple[str, str], ...] = field(default=())
    """(beginning of a file's name, artist) for files without tags, from the licence text."""


DEFAULT_ALBUMS: tuple[Album, ...] = (
    Album("The Battle for Wesnoth", r"wesnoth-[\d.]+-music", "core/music"),
    Album(
        "HyperRogue", "hyperrogue-music", "hyperrogue/music", (("hr-domina-", "Lincoln Domina"),)
    ),
    Album("Endgame Singularity", "singularity-music", "singularity/music"),
)
EVERY_ALBUM: tuple[Album, ...] = (
    *DEFAULT_ALBUMS,
    Album("Advanced Strategic Command", "asc-music", "asc/music"),
    Album("LinCity NG", "lincity-ng-data", "lincity-ng/music"),
    Album("Extreme Tux Racer", "extremetuxracer-data", "etr/music"),
    Album("Warzone 2100", "warzone2100-music", "warzone2100/music"),
    Album("Hedgewars", "hedgewars-data", "Data/Music"),
    Album("SuperTux", "supertux-data", "supertux2/music"),
)


@dataclass(frozen=True, slots=True)
class _Package:
    album: Album
    name: str
    size: int


def fetch(albums: Sequence[Album], music: Path, say: Say) -> None:
    """Put the albums that lack into folders below ``music``; those that are there stay.

    Raises:
        DemoError: not one album is there in the end; or the disk is too small.
    """
    wanted = [album for album in albums if not _mark(album, music).exists()]
    if not wanted:
        return
    try:
        _fetch(wanted, music, say)
    except DemoError as error:
        if len(wanted) == len(albums):
            raise
        say(f"some albums are missing: {error}")
    except OSError as error:
        raise DemoError(f"{music}: cannot be written: {error.strerror}") from error


def _fetch(wanted: Sequence[Album], music: Path, say: Say) -> None:
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DemoError(
                f"the demo albums are Debian packages and there is no {tool} here; take your own"
                " music: attune catalog build DIR"
            )
    packages = _resolve(wanted, say)
    music.mkdir(parents=True, exist_ok=True)
    total = sum(package.size for package in packages)
    if shutil.disk_usage(music).free < _ROOM * total:
        raise DemoError(
            f"{music}: the albums need {_ROOM * total / 1e6:.0f} MB of free space for a moment"
        )
    titles = ", ".join(package.album.title for package in packages)
    say(f"fetching {titles} ({total / 1e6:.0f} MB, once)")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=music) as place:
        _download(packages, Path(place), total)
        for package in packages:
            _unpack(package, Path(place), music)
            say(f"{package.album.title}: here")


def _resolve(albums: Sequence[Album], say: Say) -> list[_Package]:
    """Return the packages of the albums as this release of Debian calls them."""
    found = _offered(albums)
    if not found and os.geteuid() == 0:
        say("reading the lists of Debian packages")
        _run(["apt-get", "update", "-qq"])
        found = _offered(albums)
    if not found:
        raise DemoError(
            "no demo album among the known Debian packages: run `sudo apt-get update`, or take"
            " your own music: attune catalog build DIR"
        )
    for album in albums:
        if album not in found:
            say(f"{album.title}: this release of Debian has no package of it")
    lines = _run(["apt-get", "download", "--print-uris", *found.values()]).splitlines()
    sizes = {}
    for line in lines:
        match = re.fullmatch(r"'[^']*' (\S+?)_\S+ (\d+)(?: \S*)?", line.strip())
        if match:
            sizes[match.group(1)] = int(match.group(2))
    return [_Package(album, name, sizes.get(name, 0)) for album, name in found.items()]


def _offered(albums: Sequence[Album]) -> dict[Album, str]:
    names = _run(["apt-cache", "pkgnames"]).split()
    found = {}
    for album in albums:
        fitting = [name for name in names if re.fullmatch(album.package, name)]
        if fitting:
            found[album] = max(fitting, key=_numbers)
    return found


def _numbers(name: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", name)]


def _download(packages: Sequence[_Package], place: Path, total: int) -> None:
    command = ["apt-get", "download", *(package.name for package in packages)]
    if os.geteuid() == 0:  # Its own user cannot write into a folder of ours.
        command[1:1] = ["-o", "APT::Sandbox::User=root"]
    errors = place / "errors"
    with (
        errors.open("wb") as said,
        Progress(total // 1_000_000, "MB") as progress,
        subprocess.Popen(command, cwd=place, stdout=said, stderr=said) as process,  # noqa: S603
    ):
        try:
            while process.poll() is None:
                done = sum(path.stat().st_size for path in place.rglob("*.deb*"))
                progress.reach(done // 1_000_000)
                time.sleep(_POLL_S)
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise DemoError(f"apt-get cannot download the albums: {_first_error(errors)}")


def _first_error(path: Path) -> str:
    lines = path.read_text("utf-8", "replace").splitlines()
    errors = [line[3:] for line in lines if line.startswith("E: ")]
    return (errors or lines or ["no reason given"])[0]


def _unpack(package: _Package, place: Path, music: Path) -> None:
    archive = next(place.glob(f"{package.name}_*.deb"), None)
    if archive is None:
        raise DemoError(f"apt-get brought no {package.name}")
    tree = place / package.name
    _run(["dpkg-deb", "--extract", str(archive), str(tree)])
    album = package.album
    files = [
        path
        for path in sorted(tree.rglob("*"))
        if path.suffix.lower() in EXTENSIONS and f"/{album.music_folder}/" in f"{path}"
    ]
    if not files:
        raise DemoError(f"{package.name} holds no music where it used to be")
    targets: dict[Path, Path] = {}
    for path in files:
        target = _place(path, album, music)
        if target in targets:
            target = target.with_name(f"{path.parent.name} {target.name}")
        targets[target] = path
    licence = tree / "usr/share/doc" / package.name / "copyright"
    for folder in {target.parent for target in targets}:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(licence, folder / f"LICENCE-{package.name}.txt")
    for target, path in targets.items():
        path.replace(target)
    mark = _mark(album, music)
    mark.parent.mkdir(exist_ok=True)
    facts = {"package": archive.name.removesuffix(".deb"), "tracks": len(files)}
    mark.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    shutil.rmtree(tree)


def _place(path: Path, album: Album, music: Path) -> Path:
    """Return where a file goes; the names of folder and file stand in for missing tags."""
    for beginning, artist in album.artists:
        if path.name.startswith(beginning):
            return music / f"{artist} - {album.title}" / path.name.removeprefix(beginning)
    return music / album.title / path.name


def _mark(album: Album, music: Path) -> Path:
    return music / MARKS / f"{album.title}.json"


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise DemoError(f"{' '.join(command[:2])} failed: {lines[-1]}") from error
    return done.stdout
