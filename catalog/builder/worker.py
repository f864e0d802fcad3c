"""A worker process of the build: jobs in on stdin, outcomes out on stdout, a line each.

A process of its own for each worker, so that a file that makes a decoder crash costs one file
and not the build. Started by :mod:`catalog.builder.workers`.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from catalog.builder.wire import Outcome, decode_job, encode_outcome


def main(arguments: list[str]) -> int:
    """Serve until stdin ends. Arguments: the fingerprint, and the path of the ontology or ''."""
    fingerprint, dlut = arguments
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # What a library prints must not end up among the answers.
    logging.disable(logging.WARNING)

    from catalog.builder.analyse import analyse
    from catalog.builder.evidence import EvidenceFinder
    from catalog.builder.loudness import SoundError

    finder = EvidenceFinder(Path(dlut) if dlut else None)
    for line in sys.stdin.buffer:
        job = decode_job(line)
        try:
            outcome = Outcome(
                analyse(job.path, job.sidecar, fingerprint, finder), notice=finder.sound_missing
            )
        except SoundError as error:
            outcome = Outcome(None, str(error))
        except Exception as error:  # noqa: BLE001 - one odd file must not stop the build
            outcome = Outcome(None, f"analysis failed: {type(error).__name__}: {error}")
        answers.write(encode_outcome(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
