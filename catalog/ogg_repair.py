"""Ogg Vorbis files whose headers come twice, as a stream in which they come once.

Some editors write the three header packets of Vorbis (identification, comments, set-up) a second
time into the same logical stream. libvorbis passes over them; FFmpeg refuses the whole file
("Header processing failed") when they come before the first sound. The repeated packets are left
out of the first pages (RFC 3533), whose check sums are made anew; the rest is read as it is.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

HEAD_BYTES = 1 << 18
"""Headers lie at the beginning: those of Vorbis take 4 kB, or 100 kB with a cover in them."""

_PAGE = struct.Struct("<4sBBqIIIB")
_CHECK_SUM_AT = 22
_CONTINUED = 1
_POLYNOMIAL = 0x04C11DB7
_HEADERS = (b"\x01vorbis", b"\x03vorbis", b"\x05vorbis")


@dataclass(frozen=True, slots=True)
class _Page:
    """One Ogg page; ``segments`` are its pieces of packets, 255 bytes each but for the last."""

    header: bytes
    flags: int
    segments: tuple[bytes, ...]
    end: int
    """Where the next page begins in the file."""

    def packed(self) -> bytes:
        page = bytearray(self.header)
        page[5], page[26] = self.flags, len(self.segments)
        page[_CHECK_SUM_AT : _CHECK_SUM_AT + 4] = bytes(4)
        page += bytes(map(len, self.segments)) + b"".join(self.segments)
        struct.pack_into("<I", page, _CHECK_SUM_AT, _check_sum(page))
        return bytes(page)


class MendedOgg(io.RawIOBase):
    """The file behind a descriptor with its first bytes exchanged; read-only, seekable.

    The descriptor stays its owner's: closing this does not close it.
    """

    def __init__(self, fd: int, head: bytes, replaced: int) -> None:
        """Put ``head`` in place of the first ``replaced`` bytes."""
        super().__init__()
        self._fd = fd
        self._head = head
        self._shift = replaced - len(head)
        self._size = os.fstat(fd).st_size - self._shift
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place and return it."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes (-1: all that is left)."""
        wanted = max(0, self._size - self._at) if size < 0 else size
        found = self._head[self._at : self._at + wanted]
        if len(found) < wanted:
            at = self._at + len(found) + self._shift
            found += os.pread(self._fd, wanted - len(found), at)
        self._at += len(found)
        return found


def mend(fd: int) -> MendedOgg | None:
    """Return a file without the repeated headers; None where it is no Ogg file or has none."""
    content = os.pread(fd, HEAD_BYTES, 0)
    seen: set[bytes] = set()
    kept: list[bytes] = []
    end = serial = 0
    dropping = dropped = False
    for page in _pages(content):
        found = struct.unpack_from("<I", page.header, 14)[0]
        if not kept:
            serial = found
        elif found != serial:
            break  # Other streams beside it: none of the files that this was made for.
        thin, dropping, has_sound = _without_repeats(page, seen, dropping)
        dropped |= len(thin.segments) < len(page.segments)
        kept.append(thin.packed())
        end = page.end
        if has_sound and not dropping:
            break
    return MendedOgg(fd, b"".join(kept), end) if dropped and not dropping else None


def _without_repeats(page: _Page, seen: set[bytes], dropping: bool) -> tuple[_Page, bool, bool]:
    """Return the page without repeated headers, whether its last packet is one, and sound in it."""
    kept: list[bytes] = []
    has_sound = False
    begins = not page.flags & _CONTINUED
    flags = page.flags & ~_CONTINUED if dropping else page.flags
    for segment in page.segments:
        if begins:
            kind = segment[:7]
            dropping = kind in seen
            has_sound |= kind not in _HEADERS
            seen |= {kind} & set(_HEADERS)
        if not dropping:
            kept.append(segment)
        begins = len(segment) < 255
    return replace(page, flags=flags, segments=tuple(kept)), dropping and not begins, has_sound


def _pages(content: bytes) -> Iterator[_Page]:
    """Yield the whole pages from the beginning, up to the first thing that is none."""
    at = 0
    while len(content) - at >= _PAGE.size:
        mark, version, flags, *_, count = _PAGE.unpack_from(content, at)
        body = at + _PAGE.size + count
        lengths = content[at + _PAGE.size : body]
        end = body + sum(lengths)
        if mark != b"OggS" or version != 0 or end > len(content):
            return
        segments = []
        for length in lengths:
            segments.append(content[body : body + length])
            body += length
        yield _Page(content[at : at + _PAGE.size], flags, tuple(segments), end)
        at = end


def _check_sum(page: bytes | bytearray) -> int:
    """CRC-32 of RFC 3533: not reflected, begun at 0, not inverted."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
        value &= 0xFFFFFFFF
    return value
