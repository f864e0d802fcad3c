"""Damages real input in the ways that lines, files and attackers do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

EXTREMES = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"-1", b"0", b"1e999", b"-0.0", b"nan", b"inf",
    b"9" * 40, b"null", b"true",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\xf4\x90\x80\x80", "\u0661\u0662".encode(),
    "\u202e".encode(), b"\x1b[2J", b"../../../etc/passwd", b"/dev/zero", b"%s%n", b"\r\n", b"\n",
)  # fmt: skip
"""Ends of number ranges, broken and tricky text, paths out of the folder."""
OPENERS = (b"[", b"{", b'{"a":', b"(", b"<", b'"', b"a=[")
NESTS = (2, 30, 1_200, 6_000)
"""So often one opener is repeated: Python's own recursion limit is 1,000."""

Change = Callable[[bytearray, random.Random], None]


def mutated(seeds: Sequence[bytes], rng: random.Random, most_bytes: int) -> bytes:
    """Return one of ``seeds`` after one to eight changes, cut to ``most_bytes``."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        if rng.random() < 0.1:
            _splice(data, rng.choice(seeds), rng)
        else:
            rng.choice(_CHANGES)(data, rng)
    return bytes(data[:most_bytes])


def _place(data: bytearray, rng: random.Random) -> int:
    return rng.randint(0, len(data))


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    at, new = _place(data, rng), rng.choice(EXTREMES)
    data[at : at + len(new)] = new


def _insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.choice(EXTREMES)


def _junk(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(rng.randint(1, 60))


def _delete(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 2, 8, 64, 1000))]


def _repeat(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    piece = data[at : at + rng.choice((1, 2, 9, 40))]
    data[at:at] = piece * rng.choice((1, 3, 50, 400))


def _nest(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.choice(OPENERS) * rng.choice(NESTS)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _swap(data: bytearray, rng: random.Random) -> None:
    at, middle = sorted((_place(data, rng), _place(data, rng)))
    end = min(len(data), middle + rng.randint(1, 200))
    data[at:end] = data[middle:end] + data[at:middle]


def _splice(data: bytearray, other: bytes, rng: random.Random) -> None:
    data[_place(data, rng) :] = other[rng.randint(0, len(other)) :]


_CHANGES: tuple[Change, ...] = (
    _flip, _flip, _overwrite, _overwrite, _insert, _junk, _delete, _repeat, _nest, _cut, _swap,
)  # fmt: skip
