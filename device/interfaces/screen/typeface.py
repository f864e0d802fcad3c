"""Fonts: the packaged one for Latin and Cyrillic, an installed one for Chinese and Korean."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import pygame
import pygame.freetype

from device.clusters import clusters, is_unseen
from device.interfaces.screen.theme import Colour

Weight: TypeAlias = Literal["regular", "bold"]

ASSETS = Path(__file__).parent / "assets"
PACKAGED: dict[Weight, Path] = {
    "regular": ASSETS / "Manrope-Medium.ttf",
    "bold": ASSETS / "Manrope-SemiBold.ttf",
}

FONT_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("~/.local/share/fonts"),
    Path("~/.fonts"),
)
"""Where fontconfig looks by default on Debian."""

# File name -> face inside the collection for zh and ko. Order of the faces in Noto CJK
# collections: JP, KR, SC, TC, HK (README of notofonts/noto-cjk, "OTC").
_CJK_FILES: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", {"ko": 1, "zh": 2}),
    ("NotoSansCJKsc-Regular.otf", "NotoSansCJKsc-Bold.otf", {}),
    ("SourceHanSans-Regular.ttc", "SourceHanSans-Bold.ttc", {"ko": 1, "zh": 2}),
    ("wqy-microhei.ttc", "", {}),
    ("wqy-zenhei.ttc", "", {}),
    ("DroidSansFallbackFull.ttf", "", {}),
    ("DroidSansFallback.ttf", "", {}),
)
_OTHER_FILES = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "FreeSans.ttf")
"""Last resort for scripts that neither the packaged nor the CJK font writes."""

NEEDS_CJK = {"zh": "你感", "ko": "안녕"}
"""Languages that the packaged font cannot write, and characters that one for them has."""
LINE_STEP = 1.3
"""Line distance in font sizes: WCAG 2.2 1.4.12 asks layouts to bear 1.5, print uses 1.2."""
LARGEST_OVERSAMPLED_PX = 36
UNKNOWN = "·"
_TURNED_LETTERS = "\u0590-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_TURNED = re.compile(
    rf"\A(?=[^{_TURNED_LETTERS}]*[{_TURNED_LETTERS}])[\W\d{_TURNED_LETTERS}]+\Z"
    rf"|[{_TURNED_LETTERS}](?:[\W\d{_TURNED_LETTERS}]*[{_TURNED_LETTERS}])?"
)
"""What is read from right to left: a line of Hebrew, Arabic or the like as a whole, or such words
in another line with what is between them."""
_NUMBERS = re.compile(r"\d[\d.,:/]*\d|\d|\D+")
"""Numbers are read from left to right there, too."""
INSTALL_HINT = "install fonts-noto-cjk (or the smaller fonts-wqy-microhei)"


@dataclass(frozen=True, slots=True)
class FontFiles:
    """The files that write one language; ``message`` says what is missing and what to do."""

    regular: Path | None
    """None: pygame's own font, when the packaged file is gone."""
    bold: Path | None
    cjk: Path | None
    cjk_bold: Path | None
    cjk_index: int
    other: Path | None
    message: str = ""

    def writes(self, language: str) -> bool:
        """Return whether the texts of ``language`` can be read with these fonts."""
        return language not in NEEDS_CJK or self.cjk is not None


def find_fonts(
    language: str,
    folders: Iterable[Path] = FONT_FOLDERS,
    packaged: Mapping[Weight, Path] | None = None,
) -> FontFiles:
    """Look for the fonts of ``language``; never raises, see ``message``."""
    own = PACKAGED if packaged is None else packaged
    found = _installed(tuple(_homes(folders)))
    cjk, cjk_bold, index = _find_cjk(language, found)
    other = next((found[n] for n in _OTHER_FILES if n in found and _opens(found[n])), None)
    broken = [path.name for path in own.values() if not _opens(path)]
    message = ""
    if broken:
        message = f"The font {broken[0]} is missing or damaged: install Attune again"
    elif language in NEEDS_CJK and cjk is None:
        message = f"No font for this language: {INSTALL_HINT}"
    return FontFiles(
        regular=own["regular"] if own["regular"].name not in broken else other,
        bold=own["bold"] if own["bold"].name not in broken else other,
        cjk=cjk,
        cjk_bold=cjk_bold,
        cjk_index=index,
        other=other,
        message=message,
    )


def _find_cjk(language: str, found: Mapping[str, Path]) -> tuple[Path | None, Path | None, int]:
    """Return (regular, bold, face in the collection) of the first font for the language."""
    probe = NEEDS_CJK.get(language, "")
    for name, bold_name, faces in _CJK_FILES:
        path = found.get(name)
        # Droid Sans Fallback, for one, writes Chinese but no Korean.
        if path is not None and _opens(path) and all(_covers(path, c) for c in probe):
            bold = found.get(bold_name)
            usable = bold if bold is not None and _opens(bold) else None
            return path, usable, faces.get(language, 0)
    return None, None, 0


def _homes(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        # A system user may have no home: then there are no fonts in it.
        with contextlib.suppress(RuntimeError):
            yield folder.expanduser()


@lru_cache(maxsize=8)
def _installed(folders: tuple[Path, ...]) -> dict[str, Path]:
    wanted = {name for entry in _CJK_FILES for name in entry[:2] if name} | set(_OTHER_FILES)
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.?t?")):
            if path.name in wanted:
                found.setdefault(path.name, path)
    return found


@lru_cache(maxsize=8)
def _coverage(path: Path | None) -> pygame.freetype.Font:
    pygame.freetype.init()
    return pygame.freetype.Font(None if path is None else str(path), 12)


@lru_cache(maxsize=8192)
def _covers(path: Path | None, character: str) -> bool:
    """SDL_ttf gives metrics of the empty box for what a font lacks; FreeType says so."""
    return _coverage(path).get_metrics(character)[0] is not None


def _opens(path: Path) -> bool:
    """Return whether the file is there and is a font."""
    try:
        _coverage(path)
    except (OSError, RuntimeError, pygame.error):
        return False
    return True


class Face(Protocol):
    """One font file at one size."""

    def has(self, character: str) -> bool: ...

    def width(self, text: str) -> int: ...

    def draw(
        self, surface: pygame.Surface, text: str, x: int, baseline: int, colour: Colour
    ) -> None: ...


class PlainFace:
    """SDL_ttf: it shapes and kerns, which large Latin and Cyrillic type needs.

    SDL_ttf snaps every letter to whole pixels, which tears small words apart; small sizes
    are therefore written twice as large and scaled down.
    """

    def __init__(self, path: Path | None, size_px: int) -> None:
        self._over = 2 if size_px <= LARGEST_OVERSAMPLED_PX else 1
        self._font = pygame.font.Font(path, size_px * self._over)
        self._path = path

    @property
    def ascent(self) -> int:
        return round(self._font.get_ascent() / self._over)

    @property
    def height(self) -> int:
        return -(-self._font.get_height() // self._over)

    def has(self, character: str) -> bool:
        return _covers(self._path, character)

    def width(self, text: str) -> int:
        return -(-self._font.size(text)[0] // self._over)

    def draw(
        self, surface: pygame.Surface, text: str, x: int, baseline: int, colour: Colour
    ) -> None:
        image = self._font.render(text, True, colour)
        if self._over > 1:
            size = (-(-image.width // self._over), -(-image.height // self._over))
            image = pygame.transform.smoothscale(image, size)
        surface.blit(image, (x, baseline - self.ascent))


class TurnedFace(PlainFace):
    """The same for what is read from right to left: letters in their order, and joined."""

    def __init__(self, path: Path | None, size_px: int) -> None:
        super().__init__(path, size_px)
        with contextlib.suppress(pygame.error):  # An SDL_ttf that cannot shape writes as it can.
            self._font.set_direction(pygame.DIRECTION_RTL)
            self._font.set_script("Arab")  # It joins what joins; Hebrew does not mind.


class CollectionFace:
    """FreeType: it opens the face of a language inside a collection (.ttc)."""

    def __init__(self, path: Path, index: int, size_px: int) -> None:
        self._font = pygame.freetype.Font(str(path), size_px, font_index=index)
        # Zen Hei carries coarse bitmaps for small sizes beside its outlines.
        self._font.use_bitmap_strikes = False

    def has(self, character: str) -> bool:
        return self._font.get_metrics(character)[0] is not None

    def width(self, text: str) -> int:
        return round(sum(metric[4] for metric in self._font.get_metrics(text) if metric))

    def draw(
        self, surface: pygame.Surface, text: str, x: int, baseline: int, colour: Colour
    ) -> None:
        # Not render_to: it does not heed the clip of the surface.
        image, bearing = self._font.render(text, colour)
        surface.blit(image, (x + bearing.x, baseline - bearing.y))


class Lettering:
    """Fonts of one size and weight, each character written by the first that has it."""

    def __init__(self, files: FontFiles, size_px: int, weight: Weight) -> None:
        bold = weight == "bold"
        self._main = PlainFace(files.bold if bold else files.regular, size_px)
        self._others: list[Face] = []
        cjk = (files.cjk_bold or files.cjk) if bold else files.cjk
        if cjk is not None:
            self._others.append(CollectionFace(cjk, files.cjk_index, size_px))
        self._turned: TurnedFace | None = None
        if files.other is not None:
            self._others.append(PlainFace(files.other, size_px))
            self._turned = TurnedFace(files.other, size_px)
        self.size_px = size_px
        self._widths: dict[str, int] = {}

    @property
    def height(self) -> int:
        """Pixels of one line from the highest accent to the lowest descender."""
        return self._main.height

    @property
    def step(self) -> int:
        """Pixels from one baseline to the next."""
        return max(1, round(self.size_px * LINE_STEP))

    def width(self, text: str) -> int:
        """Return the advance width of ``text`` in pixels."""
        known = self._widths.get(text)
        if known is None:
            if len(self._widths) > 2048:
                self._widths.clear()
            known = sum(face.width(run) for face, run in self._runs(text))
            self._widths[text] = known
        return known

    def draw(self, surface: pygame.Surface, text: str, x: int, y: int, colour: Colour) -> None:
        """Write one line whose top left corner is (x, y)."""
        baseline = y + self._main.ascent
        for face, run in self._runs(text):
            face.draw(surface, run, x, baseline, colour)
            x += face.width(run)

    def _runs(self, text: str) -> Iterator[tuple[Face, str]]:
        """Yield who writes what, from the left to the right of the line."""
        done, turned = 0, self._turned
        for span in _TURNED.finditer(text) if turned is not None else ():
            yield from self._straight(text[done : span.start()])
            done = span.end()
            for part in reversed(_NUMBERS.findall(span.group())):
                if turned is None or part[0].isdecimal():
                    yield from self._straight(part)
                else:
                    seen = (c for c in part if turned.has(c) or not is_unseen(c))
                    yield turned, "".join(c if turned.has(c) else UNKNOWN for c in seen)
        yield from self._straight(text[done:])

    def _straight(self, text: str) -> Iterator[tuple[Face, str]]:
        run, writer = "", None
        for wanted in clusters(text):
            face, character = self._face(wanted)
            if face is not writer and run and writer is not None:
                yield writer, run
                run = ""
            writer = face
            run += character
        if run and writer is not None:
            yield writer, run

    def _face(self, cluster: str) -> tuple[Face, str]:
        """Return who writes what a person takes for one character, and what.

        Without a font for all of it that is its first part (a letter without its rare accent),
        and a small dot for what no font here can write.
        """
        seen = "".join(c for c in cluster if not is_unseen(c))
        for wanted in dict.fromkeys((seen, seen[:1])):
            for face in (self._main, *self._others):
                if wanted == " " or (wanted and all(map(face.has, wanted))):
                    return face, wanted
        return self._main, UNKNOWN if seen else ""
