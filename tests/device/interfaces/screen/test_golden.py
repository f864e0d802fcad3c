"""Golden pictures: each screen at each size, small, compared with tolerance.

After a wanted change: ``ATTUNE_REFRESH_GOLDEN=1 pytest tests/device/interfaces/screen`` and
look at what changed in ``golden/`` before it is committed.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest

from device.interfaces.screen import screenshot, wording
from tests.fakes.screens import moments, view

GOLDEN = Path(__file__).parent / "golden"
WIDTH_PX = 160
BLOCK_PX = 8
STEP = 12
"""Grey levels are made coarse: the grain of the background would fill the files."""
MEAN_TOLERANCE = 1.0
"""Grey levels over the whole picture."""
BLOCK_TOLERANCE = 10.0
"""Grey levels over any block: leaving out the faintest line of text changes one by 12."""
WHERE = {
    (800, 480): None,
    (480, 800): None,
    (1024, 600): {"idle", "playing"},
    (1280, 720): {"sensing", "playing", "consent"},
    (1920, 1080): {"idle"},
    (1080, 1920): {"sensing"},
}
LOOKS: dict[str, dict[str, Any]] = {
    "contrast": {"high_contrast": True},
    "large": {"large_type": True},
}


def cases() -> list[tuple[str, str, tuple[int, int], dict[str, Any]]]:
    found: list[tuple[str, str, tuple[int, int], dict[str, Any]]] = []
    for name, _, _ in moments():
        if name == "long":
            continue  # its scripts need fonts that are not packaged
        for size, only in WHERE.items():
            if only is None or name in only:
                found.append((f"{name}-{size[0]}x{size[1]}", name, size, {}))
        if name in {"consent", "sensing", "playing"}:
            for look, options in LOOKS.items():
                found.append((f"{name}-{look}", name, (800, 480), options))
    found.append(("consent-de", "consent", (800, 480), {"language": "de"}))
    found.append(("idle-ru", "idle", (800, 480), {"language": "ru"}))
    return found


def small(surface: pygame.Surface) -> pygame.Surface:
    width, height = surface.get_size()
    scaled = pygame.transform.smoothscale(surface, (WIDTH_PX, round(WIDTH_PX * height / width)))
    pixels = pygame.surfarray.pixels3d(scaled)
    pixels[...] = pixels // STEP * STEP + STEP // 2
    del pixels
    return scaled


@pytest.mark.parametrize(("title", "name", "size", "options"), cases(), ids=lambda v: str(v)[:40])
def test_looks_as_it_did(
    title: str,
    name: str,
    size: tuple[int, int],
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The words for a mood are the catalogue's own affair.
    monkeypatch.setattr(wording, "describe", lambda _point, _language: "hopeful, a little elated")
    state, opened = next((state, opened) for n, state, opened in moments() if n == name)
    drawn = small(screenshot(state, view(size[0], size[1], **{**opened, **options})))
    path = GOLDEN / f"{title}.png"
    if os.environ.get("ATTUNE_REFRESH_GOLDEN"):
        pygame.image.save(drawn, path)
    assert path.is_file(), f"{path.name} is missing: ATTUNE_REFRESH_GOLDEN=1 makes it"
    golden = pygame.surfarray.array3d(pygame.image.load(path)).astype(np.float32)
    seen = pygame.surfarray.array3d(drawn).astype(np.float32)
    assert seen.shape == golden.shape
    off = np.abs(seen - golden).mean(axis=2)
    assert off.mean() <= MEAN_TOLERANCE
    wide, high = (side // BLOCK_PX * BLOCK_PX for side in off.shape)
    blocks = off[:wide, :high].reshape(wide // BLOCK_PX, BLOCK_PX, high // BLOCK_PX, BLOCK_PX)
    assert blocks.mean(axis=(1, 3)).max() <= BLOCK_TOLERANCE


def test_no_golden_picture_is_left_over() -> None:
    wanted = {f"{case[0]}.png" for case in cases()}
    assert {path.name for path in GOLDEN.glob("*.png")} == wanted
