"""What a file says about itself: tags, the lyrics beside it, or failing those its name.

Tags come from tinytag; what it cannot read is asked of FFmpeg (through PyAV). Text with broken
encoding is kept as far as it can be read, and no tag, however odd, costs the track.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.file_tags import tinytags
from catalog.sound_file import SoundFileError, open_sound

LONGEST_NAME = 300
LONGEST_TEXT = 20_000
"""Characters kept of a name and of a text; a tag may hold megabytes."""

_REPLAYGAIN_REFERENCE_LUFS = -18.0
"""ReplayGain 2.0 levels to -18 LUFS, so a gain tells the loudness."""

SAMPLERS = ("various artists", "various", "va", "v.a.", "sampler", "compilation")
"""Where a folder names its artist so, the names of its files know better."""

_SIDECAR_BYTES = 200_000
_LRC_MARKS = re.compile(r"\[[^\]\n]*\]|<\d+:\d+(?:[.:]\d+)?>")
_TRACK_NUMBER = re.compile(r"^(?:\d-)?(?:\d{1,3}\s*[._)\-]+\s*|0\d{1,2}\s+)(?=\S)")
"""``03. ``, ``3 - ``, ``1-03 `` or ``03 ``; not the number of ``99 Luftballons``."""

_FEWEST_KOREAN = 20
"""Chinese of fewer letters may by chance be Korean throughout when read so."""


@dataclass(frozen=True, slots=True)
class Tags:
    """Texts are empty where the file is silent."""

    title: str
    """Never empty: made of the file name if need be."""
    artist: str
    album: str
    genre: str
    mood: str = ""
    lyrics: str = ""
    comment: str = ""
    replaygain_lufs: float | None = None
    """Loudness that the file's ReplayGain tag implies."""
    explicit: bool = False
    """A tag, or the title, warns of explicit words."""
    titled_by_path: bool = False
    """Title or album come from the path, not from tags."""


def read_tags(path: Path, sidecar: Path | None = None) -> Tags:
    """Return the tags of a file; what is missing is taken from its path, ``Artist - Title``."""
    fields = _with_tinytag(path) or _with_ffmpeg(path)
    from_name = _from_path(path)
    titles = [_name(value) for value in fields.get("title", ())]
    title = _best_title([value for value in titles if value], path)
    album = _first_name(fields, "album")
    lyrics = read_sidecar(sidecar) if sidecar else ""
    return Tags(
        title=title or from_name["title"],
        artist=_first_name(fields, "artist", "albumartist", "composer") or from_name["artist"],
        album=album or from_name["album"],
        genre=_first_name(fields, "genre"),
        mood=_first_name(fields, "mood", "tmoo"),
        lyrics=lyrics or strip_times(_text(fields, "lyrics", "unsyncedlyrics", "uslt")),
        comment=_text(fields, "comment", "_comment", "description"),
        replaygain_lufs=_replaygain(_first_name(fields, "replaygain_track_gain")),
        explicit=_is_explicit(_first_name(fields, "itunesadvisory", "explicit", "rtng"), title),
        titled_by_path=not (title and album),
    )


def read_sidecar(path: Path) -> str:
    """Return the lyrics in a ``.lrc`` or ``.txt`` file as plain text; empty if unreadable."""
    try:
        with path.open("rb") as file:
            return strip_times(_clean(_decode(file.read(_SIDECAR_BYTES))))[:LONGEST_TEXT]
    except OSError:
        return ""  # It was there a moment ago; the next build sees that it has gone.


def strip_times(lyrics: str) -> str:
    """Return lyrics without the time marks and headings of the LRC format."""
    lines = (_LRC_MARKS.sub("", line).strip() for line in lyrics.splitlines())
    return "\n".join(line for line in lines if line)


def _with_tinytag(path: Path) -> dict[str, list[str]]:
    for tag in tinytags(path):
        texts = {key.lower(): value for key, value in tag.as_dict().items()}
        # What is no list is told of every file, such as its name and its size.
        fields = {key: value for key, value in texts.items() if isinstance(value, list)}
        if fields:
            return fields
    return {}


def _with_ffmpeg(path: Path) -> dict[str, list[str]]:
    try:
        with open_sound(path) as file:
            layers: Iterable[Mapping[str, str]] = (
                *(stream.metadata for stream in file.container.streams.audio),
                file.container.metadata,
            )
            return {key.lower(): [value] for layer in layers for key, value in layer.items()}
    except SoundFileError:
        return {}  # The decoding pass says what is wrong with the file.


def _from_path(path: Path) -> dict[str, str]:
    folder, dash, rest = path.parent.name.partition(" - ")
    artist, album = (folder, rest) if dash else ("", path.parent.name)
    stem = path.stem.replace("_", " ")
    stem = _TRACK_NUMBER.sub("", stem, count=1) if not stem.isdigit() else stem
    parts = [part for part in stem.split(" - ") if not part.strip().isdigit()] or [stem]
    if len(parts) > 1 and (not artist or artist.lower() in (*SAMPLERS, parts[0].lower())):
        artist, *parts = parts
    title = " - ".join(parts)
    title = title if " " in title else title.replace("-", " ")
    title = _name(title) or _name(path.name)
    if title.islower():
        title = title[0].upper() + title[1:]
    return {"title": title, "artist": _name(artist), "album": _name(album)}


def _best_title(titles: list[str], path: Path) -> str:
    """Return the title; of several in one file the one that is most like the file's name."""
    if len(titles) < 2:
        return titles[0] if titles else ""
    stem = _squash(path.stem)

    def likeness(title: str) -> float:
        return difflib.SequenceMatcher(None, _squash(title), stem).ratio()

    return max(titles, key=likeness)


def _squash(text: str) -> str:
    return re.sub(r"\W|_", "", text).lower()


def _first_name(fields: Mapping[str, list[str]], *keys: str) -> str:
    for key in keys:
        for value in fields.get(key, ()):
            if name := _name(value):
                return name
    return ""


def _text(fields: Mapping[str, list[str]], *keys: str) -> str:
    parts = [_clean(value) for key in keys for value in fields.get(key, ())]
    return "\n".join(dict.fromkeys(part for part in parts if part))[:LONGEST_TEXT]


def _name(value: str) -> str:
    """Return one clean line."""
    return " ".join(_clean(value).split())[:LONGEST_NAME]


def _clean(value: str) -> str:
    """Return text without what no screen or database takes: controls, lone surrogates."""
    sound = value.encode("utf-8", "replace").decode("utf-8")
    kept = (letter for letter in sound if letter in "\n\t" or unicodedata.category(letter) != "Cc")
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def _is_explicit(advisory: str, title: str) -> bool:
    """Follow iTunes: 1 and 4 explicit, 2 cleaned, 0 nothing said."""
    said = advisory.lower() in {"1", "4", "yes", "true", "explicit"}
    return said or re.search(r"[(\[]explicit[)\]]", title, re.IGNORECASE) is not None


def _replaygain(value: str) -> float | None:
    match = re.match(r"\s*([+-]?\d+(?:\.\d+)?)", value)
    if match is None:
        return None
    gain_db = float(match.group(1))
    return _REPLAYGAIN_REFERENCE_LUFS - gain_db if -60 < gain_db < 60 else None


def _decode(content: bytes) -> str:
    """Return lyrics in the encodings they come in: UTF-8, UTF-16, and those of old systems."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # Each of these also passes for another, but then hardly a letter is of its script.
    tests = ("cp949", _is_korean), ("gb18030", _is_chinese), ("cp1251", _is_russian)
    for encoding, fits in tests:
        text = content.decode(encoding, "replace")
        if "\ufffd" not in text and fits([letter for letter in text if letter.isalpha()]):
            return text
    return content.decode("cp1252", "replace")


def _is_korean(letters: list[str]) -> bool:
    foreign = [letter for letter in letters if not letter.isascii()]
    return len(foreign) >= _FEWEST_KOREAN and _share(foreign, "\uac00", "\ud7a3") > 0.95


def _is_chinese(letters: list[str]) -> bool:
    return _share(letters, "\u4e00", "\u9fff") > 0.5


def _is_russian(letters: list[str]) -> bool:
    return _share(letters, "\u0400", "\u04ff") > 0.5


def _share(letters: list[str], first: str, last: str) -> float:
    return sum(first <= letter <= last for letter in letters) / max(1, len(letters))
