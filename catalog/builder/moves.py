"""Music that moved: what was analysed before is known again by other names and in other tags."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from catalog.analysis import KnownFile, TrackAnalysis
from catalog.builder.analyse import digest_of
from catalog.builder.progress import Progress
from catalog.builder.scan import FoundFile
from catalog.sound_file import SoundFileError
from catalog.store_writer import StoreWriter


@dataclass(slots=True)
class Moves:
    """What the contents of new and changed files told."""

    to_analyse: list[FoundFile] = field(default_factory=list)
    count: int = 0
    """Files whose content was known, and is theirs now without an analysis."""
    with_track: set[Path] = field(default_factory=set)
    """Of those to analyse: the track that they have is that of their content."""


def take_moved(
    store: StoreWriter,
    todo: Sequence[FoundFile],
    known: Mapping[str, KnownFile],
    fingerprint: str,
) -> Moves:
    """Give the files whose content is known to its track, and return what is to be analysed.

    A content can be known and be analysed all the same, for what its place adds to it: lyrics,
    a name instead of tags. Its track then has the file at once: where files changed names, no
    other music is taken for that track in new tags, and takes its ban with it.
    """
    digests = _digests(store, todo, known)
    tracks = {path: store.find_content(digest) for path, digest in digests.items()}
    moves = Moves()
    with store.batch():
        store.forget_paths(_left_behind(todo, known, tracks))
        for file in todo:
            digest, track_id = digests.get(file.path), tracks.get(file.path)
            if digest and store.put_known(file.path, file.stamp, digest, fingerprint):
                moves.count += 1
                continue
            moves.to_analyse.append(file)
            if track_id is not None:
                store.hold_place(file.path, track_id)
            if track_id is not None or _is_as_before(file, known):
                moves.with_track.add(file.path)
    return moves


def take_retagged(store: StoreWriter, path: Path, analysis: TrackAnalysis) -> None:
    """Let a sound that is known keep its track, where its files are gone and it has other tags.

    Taggers rename and write tags at once: neither the content nor the name is known then.
    """
    for track_id, files in store.same_sound(analysis).items():
        if not any(file != path and os.path.exists(file) for file in files):  # noqa: PTH110 - Path's raises where one may not look
            store.change_content(track_id, analysis.digest)
            return


def _digests(
    store: StoreWriter, todo: Sequence[FoundFile], known: Mapping[str, KnownFile]
) -> dict[Path, bytes]:
    """Return the digests of the files that may hold a known content."""
    sizes = store.known_sizes() if todo else set()
    maybe = [file for file in todo if file.stamp.size in sizes and not _is_as_before(file, known)]
    digests = {}
    with Progress(len(maybe), "files looked for among what is known") as progress:
        for file in maybe:
            with suppress(SoundFileError):  # The analysis will meet it again and say why.
                digests[file.path] = digest_of(file.path)
            progress.step(file.path.name)
    return digests


def _is_as_before(file: FoundFile, known: Mapping[str, KnownFile]) -> bool:
    """Return whether a file did not change, and only its analysis is an old one."""
    before = known.get(str(file.path))
    return before is not None and before.stamp == file.stamp


def _left_behind(
    todo: Sequence[FoundFile],
    known: Mapping[str, KnownFile],
    tracks: Mapping[Path, int | None],
) -> list[str]:
    """Return the changed files whose former content is under another name now."""
    before = {file.path: known[str(file.path)] for file in todo if str(file.path) in known}
    elsewhere = {
        track_id
        for path, track_id in tracks.items()
        if path not in before or before[path].track_id != track_id
    }
    return [
        str(file.path)
        for file in todo
        if file.path in before
        and before[file.path].track_id in elsewhere
        and tracks.get(file.path) != before[file.path].track_id
        and before[file.path].stamp != file.stamp
    ]
