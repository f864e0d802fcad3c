"""What becomes of freed memory: large blocks go back to the system at once."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3
"""Of glibc's ``mallopt`` (malloc.h, mallopt(3))."""
LARGE_BYTES = 128 * 1024
"""glibc begins with this, but raises it up to 32 MiB as such blocks are freed: frames of a camera
then lie between small blocks and leave holes. Over fifty visits 16 MiB less, and no growth."""


def give_back_large_blocks() -> bool:
    """Map every large block by itself from now on, so that it is gone when it is freed.

    False where the C library cannot be told (it is not glibc).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_THRESHOLD, LARGE_BYTES))
