"""A worker process of the build: jobs in on stdin, outcomes out on stdout, a line each.

A process of its own for each worker, so that a file that makes a decoder crash costs one file
and not the build. Started by :mod:`catalog.builder.workers`.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from catalog.builder.wire import READY, decode_job, encode_outcome


def main(arguments: list[str]) -> int:
    """Serve until stdin ends.

    Arguments: the fingerprint, the path of the ontology or '', the bytes of memory allowed.
    """
    fingerprint, dlut, memory = arguments
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    with suppress(OSError):  # Short of memory, the kernel shall take a worker and not the kiosk.
        Path("/proc/self/oom_score_adj").write_text("800")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # What a library prints must not end up among the answers.
    logging.disable(logging.WARNING)

    from catalog.builder.analyse import do_job
    from catalog.builder.evidence import EvidenceFinder
    from catalog.words import WordsError
    from catalog.words.ontology import load_ontology

    if dlut:
        try:
            load_ontology(Path(dlut))
        except WordsError as error:  # The build says it, and stops: no file is to blame.
            print(error, file=sys.stderr)
            return 1
    finder = EvidenceFinder(Path(dlut) if dlut else None)
    answers.write(READY)
    for line in sys.stdin.buffer:
        answers.write(encode_outcome(do_job(decode_job(line), fingerprint, finder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
