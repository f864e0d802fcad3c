"""One file -> all that the catalogue keeps of it. Runs where the workers are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from catalog.analysis import TrackAnalysis
from catalog.builder.evidence import EvidenceFinder
from catalog.builder.kinds import MAYBE_FILM
from catalog.builder.loudness import measure
from catalog.builder.tags import read_tags
from catalog.builder.wire import Job, Outcome
from catalog.sound_file import SoundFileError, open_sound
from catalog.store_writer import naming
from models_tflite.runtime import ModelError

_READ_BYTES = 1 << 20

_UNHEARD = " without sound"
"""Marks what was analysed without the network: a build that has it analyses it again."""


def digest_of(path: Path) -> bytes:
    """Return the digest that identifies a content; raises SoundFileError when it cannot be read."""
    digest = hashlib.blake2b(digest_size=20)
    try:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
    except OSError as error:
        raise SoundFileError(f"cannot be read: {error.strerror}", passing=True) from error
    return digest.digest()


def analyse(
    path: Path, sidecar: Path | None, fingerprint: str, finder: EvidenceFinder
) -> TrackAnalysis:
    """Read, measure and judge one file.

    Raises:
        SoundFileError: it cannot be taken as music; the message is the reason.
    """
    _refuse_film(path)
    sound = measure(path)
    digest = digest_of(path)
    tags = read_tags(path, sidecar)
    evidence = finder.find(path, tags)
    loudness = sound.integrated_loudness_lufs
    return TrackAnalysis(
        digest=digest,
        title=tags.title,
        artist=tags.artist,
        album=tags.album,
        genre=tags.genre or evidence.heard_genre,
        duration_s=sound.duration_s,
        integrated_loudness_lufs=tags.replaygain_lufs if loudness is None else loudness,
        true_peak_dbtp=sound.true_peak_dbtp,
        lead_silence_s=sound.lead_silence_s,
        tail_silence_s=sound.tail_silence_s,
        fingerprint=fingerprint + (_UNHEARD if finder.sound_missing else ""),
        point=evidence.point,
        confidence=evidence.confidence,
        evidence=evidence.parts,
        no_evidence=evidence.nothing_because,
        language=evidence.language,
        explicit=tags.explicit,
        named_after=naming(path) if tags.titled_by_path else "",
    )


def _refuse_film(path: Path) -> None:
    """Raise SoundFileError for a film: a camera's clips may lie among the music."""
    if path.suffix.lower() in MAYBE_FILM:
        with open_sound(path) as file:
            if file.is_film:
                raise SoundFileError("is a film: save its sound alone, as .m4a say")


def do_job(job: Job, fingerprint: str, finder: EvidenceFinder) -> Outcome:
    """Return what became of a job; whatever is wrong with its file is an outcome, too."""
    try:
        found = analyse(job.path, job.sidecar, fingerprint, finder)
    except SoundFileError as error:
        return Outcome(None, str(error), passing=error.passing)
    except (MemoryError, ModelError) as error:  # A network that ran before runs out of memory.
        finder.renew()
        return Outcome(None, f"memory ran short: {error}", passing=True)
    except Exception as error:  # noqa: BLE001 - one odd file must not stop the build
        return Outcome(None, f"analysis failed: {type(error).__name__}: {error}")
    return Outcome(found, notice=finder.sound_missing)
