"""How the C library keeps memory: little of it, for a box that runs for months."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""Of glibc's ``mallopt`` (malloc.h, mallopt(3))."""
LARGE_BYTES = 128 * 1024
"""A block of this size is mapped by itself, and gone when it is freed. glibc begins with this, but
raises it up to 32 MiB as such blocks are freed: frames of a camera then lie between small blocks
and leave holes. Over fifty visits 16 MiB less, and no growth."""
MOST_ARENAS = 4
"""Heaps for threads, which keep what was freed in them; else eight a core, and each track that is
decoded has a thread of its own."""


def keep_memory_small() -> bool:
    """Give large blocks back to the system when they are freed, and share the heaps.

    False where the C library cannot be told (it is not glibc).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES) and mallopt(M_ARENA_MAX, MOST_ARENAS)
    )
