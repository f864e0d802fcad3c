"""Which music of the library may lie under a voice: near the mood, and nobody sings.

Nothing hears singing here; it is told by what is known of a track. Lyrics mean that somebody
sings. A genre or a title that names instrumental music means that nobody does. Of the rest
it is not known, and they stand back behind tracks that are surely instrumental.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from catalog.builder.tags import Tags, read_tags
from catalog.emotions import EmotionPoint
from catalog.folders import leads_out
from catalog.library import Library, Match
from catalog.track import Track

UNKNOWN_PENALTY = 0.25
"""In the emotion space, where half of a library lies within about 0.5 of a typical target: so
much farther away a surely instrumental track is still preferred."""

CANDIDATES = 200
SHORTEST_BED_S = 20.0

_INSTRUMENTAL = re.compile(
    r"\b(instrumental\w*|ambient|classical|baroque|orchestra\w*|symphon\w+|soundtracks?|score"
    r"|piano|new[ -]age|lo-?fi|chamber|sonata|nocturne|pr[eé]lude|etude|concerto|drone"
    r"|meditation|karaoke|backing track|ost|post-rock|game music)\b"
    r"|纯音乐|轻音乐|伴奏|инструментал\w*|연주곡|경음악|klassik|klavier",
    re.IGNORECASE,
)
_SUNG = re.compile(
    r"\b(vocals?|sing(?:er|ing)?|song|a ?capp?ella|opera|aria|choir|choral|rap|hip[ -]?hop"
    r"|feat|ft)\b",
    re.IGNORECASE,
)


class Singing(IntEnum):
    """What is known about singing in a track, from best to worst for this purpose."""

    NONE = 0
    UNKNOWN = 1
    SURE = 2


@dataclass(frozen=True, slots=True)
class Pick:
    """A track to lie under a voice, and why."""

    track: Track
    distance: float
    singing: Singing
    reason: str


def singing_in(genre: str, tags: Tags) -> tuple[Singing, str]:
    """Return what is known about singing, and from what."""
    if tags.lyrics:
        return Singing.SURE, "it has lyrics"
    for what, text in (("genre", genre), ("title", tags.title), ("album", tags.album)):
        if found := _INSTRUMENTAL.search(text):
            return Singing.NONE, f"its {what} says “{found.group()}”"
    for what, text in (("genre", genre), ("title", tags.title)):
        if found := _SUNG.search(text):
            return Singing.SURE, f"its {what} says “{found.group()}”"
    return Singing.UNKNOWN, "it has no lyrics, but nothing says that it is instrumental"


def read_tags_beside(path: Path) -> Tags:
    """Return the tags of a file with the lyrics beside it, as the catalogue reads them."""
    beside = (path.with_suffix(ending) for ending in (".lrc", ".txt"))
    return read_tags(path, next((one for one in beside if one.exists()), None))


def choose(
    matches: Iterable[Match], count: int, tags_of: Callable[[Path], Tags] = read_tags_beside
) -> list[Pick]:
    """Return up to ``count`` picks, best first; tracks with singing only where all have it."""
    picks = []
    for match in matches:
        track = match.track
        if not track.path.exists() or track.duration_s < SHORTEST_BED_S:
            continue
        if leads_out(track.path, track.within):
            continue
        singing, reason = singing_in(track.genre, tags_of(track.path))
        picks.append(Pick(track, match.distance, singing, reason))
        if sum(pick.singing is Singing.NONE for pick in picks) >= 2 * count:
            break
    quiet = [pick for pick in picks if pick.singing is not Singing.SURE] or picks
    quiet.sort(key=lambda pick: pick.distance + UNKNOWN_PENALTY * (pick.singing > 0))
    return quiet[:count]


def nearest(library: Library, point: EmotionPoint, count: int) -> list[Pick]:
    """Return the picks of a library for a place in the emotion space."""
    return choose(library.nearest(point, CANDIDATES), count)
