"""Keeps the chatter of native libraries off the terminal, and only the chatter.

LiteRT, MediaPipe and libjpeg write to file descriptor 2 past Python, and the first two do not
heed their own level variables. While the wrapped code runs, that descriptor goes to a file in
memory; whatever is not asked for is written out afterwards, so neither their errors nor a line
that another thread logged meanwhile is lost.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = re.compile(
    rb"""INFO:\ (?:Created\ TensorFlow|\[[a-z_]+\.cc:)   # LiteRT tells what it does
       |WARNING:\ (?:\[model_load\.cc:\d+\]\ Sparsity    # once per sparse tensor of the face model
                    |Logging\ before\ InitGoogle|All\ log\ messages\ before\ absl)
       |[IW]\d{4}\ [\d:. ]+\ +\d+\ (?:inference_runner_litert|inference_feedback_manager
                    |face_detector_graph|gl_context)[a-z_]*\.cc:""",
    re.VERBOSE,
)
_lock = threading.RLock()


@contextmanager
def caught_lines(wanted: re.Pattern[bytes]) -> Iterator[list[bytes]]:
    """Run the block with matching lines kept off standard error; they are in the list after it."""
    lines: list[bytes] = []
    # In memory: on a box nothing but the state folder may be written, and /tmp may be missing.
    with _lock, os.fdopen(os.memfd_create("native-log"), "w+b") as caught:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield lines
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            caught.seek(0)
            kept = bytearray()
            for line in caught:
                if wanted.match(line):
                    lines.append(line)
                else:
                    kept += line
            if kept:
                os.write(terminal, kept)
            os.close(terminal)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Run the block with the chatter of native libraries left out of standard error."""
    with caught_lines(_CHATTER):
        yield
