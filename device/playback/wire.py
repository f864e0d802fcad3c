"""Orders and events between the daemon and its audio process: one JSON object a line.

Nothing but these records passes the pipe; anything else raises :class:`WireError`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TypeAlias

LINE_MAX_BYTES = 262_144
"""A path has at most 4096 bytes (PATH_MAX), each written with at most 6 characters: that of a track
and of nine music folders, or of thousands with names as people give them."""

MESSAGE_MAX = 400


class WireError(ValueError):
    """A line is not one of the known records."""


@dataclass(frozen=True, slots=True)
class PlayOrder:
    """Play a file: at once (``now``, with a crossfade) or after the one that plays."""

    voice: int
    path: str
    start_s: float
    end_s: float | None
    gain_db: float
    now: bool
    within: list[str] = field(default_factory=list)
    """The music folders, out of which the file may not lead; empty: it may lie anywhere."""


@dataclass(frozen=True, slots=True)
class PauseOrder:
    pass


@dataclass(frozen=True, slots=True)
class ResumeOrder:
    pass


@dataclass(frozen=True, slots=True)
class StopOrder:
    fade_s: float


@dataclass(frozen=True, slots=True)
class VolumeOrder:
    percent: float


@dataclass(frozen=True, slots=True)
class DuckOrder:
    on: bool


@dataclass(frozen=True, slots=True)
class Started:
    voice: int


@dataclass(frozen=True, slots=True)
class Ended:
    voice: int
    why: str
    played_s: float
    message: str


@dataclass(frozen=True, slots=True)
class NearsEnd:
    """The voice that plays nears its end and none is queued."""

    voice: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the audio process does now; comes at least four times a second."""

    status: str
    voice: int | None
    position_s: float
    output: str
    message: str
    ducked: bool
    underruns: int
    starved: int
    microphone_fault: str = ""


Order: TypeAlias = PlayOrder | PauseOrder | ResumeOrder | StopOrder | VolumeOrder | DuckOrder
Event: TypeAlias = Started | Ended | NearsEnd | Report
Record: TypeAlias = Order | Event

_KINDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (
        PlayOrder, PauseOrder, ResumeOrder, StopOrder, VolumeOrder, DuckOrder,
        Started, Ended, NearsEnd, Report,
    )
}  # fmt: skip

_ACCEPTED: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "str": (str,),
    "bool": (bool,),
    "list[str]": (list,),
}


def encode(record: Record) -> bytes:
    """Return the record as one line. Paths that are not UTF-8 survive (surrogate escapes)."""
    return json.dumps({"kind": type(record).__name__, **asdict(record)}).encode("ascii") + b"\n"


def decode(line: bytes) -> Record:
    """Return the record of one line.

    Raises:
        WireError: the line is too long, no JSON, of no known kind or its fields are wrong.
    """
    if len(line) > LINE_MAX_BYTES:
        raise WireError(f"a line of {len(line)} bytes")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError("no JSON") from error
    if not isinstance(found, dict):
        raise WireError("no JSON object")
    kind = _KINDS.get(str(found.pop("kind", "")))
    if kind is None:
        raise WireError("no known kind")
    expected = {one.name: str(one.type) for one in fields(kind)}
    if set(found) != set(expected):
        raise WireError(f"{kind.__name__} has other fields: {sorted(found)}")
    for name, value in found.items():
        accepted = _ACCEPTED[expected[name]]
        wrong_bool = isinstance(value, bool) and bool not in accepted
        wrong_item = isinstance(value, list) and not all(isinstance(one, str) for one in value)
        if wrong_bool or wrong_item or not isinstance(value, accepted):
            raise WireError(f"{kind.__name__}.{name} is {type(value).__name__}")
    return kind(**found)
