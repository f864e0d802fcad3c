"""Cover art: the album's own picture, or one drawn from the mood of the track."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pygame

from catalog.cover_files import cover_files
from catalog.track import Track
from device.interfaces.screen import draw
from device.interfaces.screen.theme import mood_colour

log = logging.getLogger(__name__)

MAX_SIDE_PX = 4096
"""Larger pictures are refused: a hostile one would fill the memory of a 1 GB Pi."""
KEPT_SIDE_PX = 800


def drawn_cover(track: Track, side_px: int) -> pygame.Surface:
    """Return a picture that belongs to this track: its mood in colour, its number in shape."""
    return _drawn(track.track_id, track.point.valence, track.point.arousal, side_px)


@lru_cache(maxsize=2)
def _drawn(seed: int, valence: float, arousal: float, side: int) -> pygame.Surface:
    random = np.random.default_rng(abs(seed))
    x = np.linspace(-1, 1, side, dtype=np.float32)[:, None]
    y = np.linspace(-1, 1, side, dtype=np.float32)[None, :]
    turn = float(random.uniform(0, 2 * math.pi))
    lean = (np.cos(turn) * x + np.sin(turn) * y) * 0.5 + 0.5
    near = np.asarray(mood_colour(valence, arousal), np.float32)
    far = np.asarray(mood_colour(valence - 0.7, arousal - 0.5), np.float32) * 0.42
    blend = np.clip(lean, 0, 1)[..., None]
    colours = near * (1 - blend) + far * blend
    cx, cy = random.uniform(-0.55, 0.55, 2)
    angle, away = np.arctan2(y - cy, x - cx), np.hypot(x - cx, y - cy)
    petals = int(random.integers(2, 6))
    # Lively music has many narrow rings, quiet music few wide ones.
    rings = 4.5 + 3.5 * (arousal + 1)
    bend = 0.12 * np.sin(petals * angle + turn)
    ripple = 0.5 + 0.5 * np.cos(2 * math.pi * rings * (away + bend * away))
    light = np.asarray((255, 246, 234), np.float32)
    share = (0.34 * ripple**6 * np.exp(-0.8 * away))[..., None]
    colours = colours + (light - colours) * share
    shade = 1 - 0.28 * np.clip(np.hypot(x, y) - 0.6, 0, 1)[..., None]
    surface = pygame.Surface((side, side), 0, 32)
    pygame.surfarray.blit_array(surface, np.clip(colours * shade, 0, 255).astype(np.uint8))
    return surface


def rounded(picture: pygame.Surface, side_px: int, radius_px: int) -> pygame.Surface:
    """Return the middle square of ``picture`` at ``side_px`` with round corners."""
    width, height = picture.get_size()
    side = min(width, height)
    square = picture.subsurface(((width - side) // 2, (height - side) // 2, side, side))
    # smoothscale wants 24 or 32 bits, whatever the file had.
    scaled = pygame.transform.smoothscale(draw.opaque(square), (side_px, side_px))
    pixels = pygame.surfarray.array3d(scaled).astype(np.float32)
    mask = draw.cover(draw.rounded_mask(side_px, side_px, radius_px))
    return draw.stamp_colours(pixels, mask)


def find_cover(path: Path, within: Sequence[Path] = ()) -> pygame.Surface | None:
    """Return the picture inside the music file or beside it, at most 800 px; None for none.

    A damaged, oversized or unknown picture counts as none and is logged once.
    """
    for data in cover_files(path, within):
        if (picture := _picture(data, path)) is not None:
            return picture
    return None


def _picture(data: bytes, path: Path) -> pygame.Surface | None:
    size_px = picture_size(data)
    if size_px == (0, 0):  # Of what kind it may be: a GIF of a few bytes can fill the memory.
        log.warning("cover art of %s is neither JPEG nor PNG and is not shown", path)
        return None
    if max(size_px) > MAX_SIDE_PX:
        log.warning("cover art of %s is too large and is not shown", path)
        return None
    try:
        picture = pygame.image.load(io.BytesIO(data))
    except pygame.error as error:
        log.warning("cover art of %s cannot be read: %s", path, error)
        return None
    shrink = KEPT_SIDE_PX / max(1, *picture.get_size())
    size = (max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink)))
    return pygame.transform.smoothscale(draw.opaque(picture), size) if shrink < 1 else picture


def picture_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) of a PNG or JPEG from its header; (0, 0) where unknown.

    Sources: PNG specification 11.2.2 (IHDR); ITU-T T.81 annex B.2.2 (frame header).
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data[:2] != b"\xff\xd8":
        return 0, 0
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # A fill byte (B.1.1.2).
            at += 1
            continue
        if marker < 0xC0 or 0xD0 <= marker <= 0xD9:
            # Those without a length (B.1.1.3): no file has them here but one that would hide from
            # us how large it is, as a decoder passes over them and does not take a length.
            return 0, 0
        # Frame headers C0..CF, but not the tables DHT C4, JPG C8, DAC CC.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            return int.from_bytes(data[at + 7 : at + 9], "big"), height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0, 0
