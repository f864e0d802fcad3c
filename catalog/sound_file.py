"""The one way in which Attune opens a sound file: the builder and the player take the same ones.

By descriptor, so that any name works and none is taken for an address; local files only, and of
the kinds that hold sound: FFmpeg would also follow play lists and descriptions of streams.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from catalog.folders import leads_out
from catalog.ogg_repair import mend

if TYPE_CHECKING:
    from av.container import InputContainer

CONTAINERS = (
    "aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "dsf", "dts", "dtshd", "eac3",
    "flac", "flv", "matroska", "webm", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "ogg", "oma",
    "rm", "tak", "truehd", "tta", "voc", "w64", "wav", "wv",
)  # fmt: skip
"""FFmpeg's names of what may be opened, whatever the file is called."""

BAD_PACKETS_IN_A_ROW = 100
"""A file that goes on after so many packets that cannot be decoded is given up."""


class SoundFileError(Exception):
    """A file cannot be taken as sound; the message is the reason, without the path."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        """``passing``: the fault lies outside the file (a right, a disk), which may get well."""
        super().__init__(reason)
        self.passing = passing


class OpenSound:
    """An open file and its first sound stream; a context manager."""

    def __init__(self, fd: int, container: InputContainer) -> None:
        """Callers use `open_sound`; the descriptor is closed with it."""
        self._fd = fd
        self.container = container
        self.stream: Any = container.streams.audio[0]
        # Sound decodes 60 times faster than it plays: more threads only cost memory.
        self.stream.codec_context.thread_count = 1

    @property
    def duration_s(self) -> float | None:
        """Declared length of the whole file; None where it declares none."""
        if self.stream.duration is not None and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        duration = self.container.duration
        return float(duration) / 1e6 if duration else None

    @property
    def is_film(self) -> bool:
        """Whether it holds moving pictures; a cover is none."""
        from av.stream import Disposition

        return any(
            not stream.disposition & Disposition.attached_pic
            for stream in self.container.streams.video
        )

    def frames(self) -> Iterator[Any]:
        """Yield decoded frames from where the file stands; damaged packets are stepped over.

        Raises:
            av.error.FFmpegError: it cannot be read on, or 100 packets in a row are damaged; of
            both kinds, see `is_passing`.
        """
        import av.error

        bad = 0
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except (StopIteration, av.error.EOFError):
                return
            except av.error.FFmpegError as error:
                bad += 1
                if is_passing(error) or bad >= BAD_PACKETS_IN_A_ROW:
                    raise
                continue
            if frames:
                bad = 0
            yield from frames

    def rest_s(self) -> float:
        """Read on to the end without decoding and return how long it lasts; 0 where not told.

        Raises:
            av.error.FFmpegError: the disk fails; what else is wrong is the end.
        """
        import av.error

        ticks = 0
        packets = self.container.demux(self.stream)
        while True:
            try:
                ticks += next(packets).duration or 0
            except StopIteration:
                break
            except av.error.FFmpegError as error:
                if is_passing(error):
                    raise
                break
        return float(ticks * self.stream.time_base)

    def close(self) -> None:
        """Release the file."""
        self.container.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_sound(path: Path, within: Sequence[Path] = ()) -> OpenSound:
    """Open a file that holds sound, and lies ``within`` those folders if any are named.

    Raises:
        SoundFileError: it is missing, empty, no file, no sound file, elsewhere; says which.
    """
    if leads_out(path, within):
        raise SoundFileError("has become a link that leads out of the music folders")
    fd = _open_regular(path)
    try:
        container = _open_container(fd)
    except BaseException:
        os.close(fd)
        raise
    streams = container.streams.audio
    if streams and streams[0].codec_context is not None:
        return OpenSound(fd, container)
    container.close()
    os.close(fd)
    if streams:
        raise SoundFileError("holds sound of a kind that cannot be decoded")
    raise SoundFileError("has no sound in it")


def is_passing(error: Exception) -> bool:
    """Return whether an error is that of a disk or of memory, and not that of the file."""
    return isinstance(error, OSError | MemoryError)


def why(error: Exception) -> str:
    """Return what an error of FFmpeg or of the system says, without paths and numbers."""
    return str(getattr(error, "strerror", None) or error)


def _open_regular(path: Path) -> int:
    """Open ``path`` for reading, refusing what is no file (a named pipe would hang us)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise SoundFileError("is not there any more", passing=True) from None
    except OSError as error:
        raise SoundFileError(f"cannot be opened: {error.strerror}", passing=True) from error
    facts = os.fstat(fd)
    if not stat.S_ISREG(facts.st_mode):
        fault = "is not a file"
    elif facts.st_size == 0:
        fault = "is empty (0 bytes)"
    else:
        return fd
    os.close(fd)
    raise SoundFileError(fault)


def _open_container(fd: int) -> InputContainer:
    import av
    import av.error

    try:
        return _opened(f"file:/proc/self/fd/{fd}")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        first = error
    mended = mend(fd)
    if mended is not None:
        try:
            return _opened(mended)
        except (av.error.FFmpegError, OSError, ValueError):
            mended.close()
    raise SoundFileError(
        f"is not a sound file that can be read: {why(first)}", passing=is_passing(first)
    ) from first


def _opened(source: Any) -> InputContainer:
    import av

    container: InputContainer = av.open(
        source,
        mode="r",
        options={"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)},
        metadata_errors="replace",
    )
    return container
