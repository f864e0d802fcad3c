"""Jobs and results as lines of JSON between the build and its worker processes."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from catalog.analysis import CatalogError, EvidencePart, TrackAnalysis, pack_point, unpack_point

READY = b"ready\n"
"""A worker's first line: everything it needs is loaded."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be analysed."""

    path: Path
    sidecar: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: an analysis, or the reason why there is none."""

    analysis: TrackAnalysis | None
    failure: str = ""
    notice: str = ""
    """A shortcoming of the worker itself, the same for every file."""
    passing: bool = False
    """The failure is the machine's (no memory, no right, a disk): the next build tries again."""


def encode_job(job: Job) -> bytes:
    """Return a job as one line."""
    sidecar = str(job.sidecar) if job.sidecar else None
    return _line({"path": str(job.path), "sidecar": sidecar})


def decode_job(line: bytes) -> Job:
    """Return the job of a line."""
    data = json.loads(line)
    return Job(Path(data["path"]), Path(data["sidecar"]) if data["sidecar"] else None)


def encode_outcome(outcome: Outcome) -> bytes:
    """Return an outcome as one line."""
    analysis = outcome.analysis
    return _line({
        "analysis": None if analysis is None else _encode_analysis(analysis),
        "failure": outcome.failure,
        "notice": outcome.notice,
        "passing": outcome.passing,
    })  # fmt: skip


def decode_outcome(line: bytes) -> Outcome:
    """Return the outcome of a line; raises ValueError when it is none."""
    try:
        data = json.loads(line)
        analysis = data["analysis"]
        found = None if analysis is None else _decode_analysis(analysis)
        return Outcome(found, data["failure"], data["notice"], data["passing"])
    except (KeyError, TypeError, RecursionError, CatalogError) as error:
        raise ValueError(f"no outcome: {error}") from error


def _encode_analysis(analysis: TrackAnalysis) -> dict[str, Any]:
    data = {field.name: getattr(analysis, field.name) for field in fields(analysis)}
    data["digest"] = analysis.digest.hex()
    data["point"] = None if analysis.point is None else _text(pack_point(analysis.point))
    data["evidence"] = [
        [part.source, part.weight, part.confidence, _text(pack_point(part.point)), part.detail]
        for part in analysis.evidence
    ]
    return data


def _decode_analysis(data: dict[str, Any]) -> TrackAnalysis:
    data["digest"] = bytes.fromhex(data["digest"])
    data["point"] = None if data["point"] is None else unpack_point(_bytes(data["point"]))
    data["evidence"] = tuple(
        EvidencePart(source, weight, confidence, unpack_point(_bytes(vector)), detail)
        for source, weight, confidence, vector, detail in data["evidence"]
    )
    return TrackAnalysis(**data)


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"


def _text(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
