"""A ``rpicam-vid`` that behaves as Raspberry Pi's own does (rpicam-apps 1.11), for tests.

It takes the same options and no other, writes pictures of one colour, each a little lighter than
the last one, into its output at the rate that it is asked for, says the same when it cannot, and
ends as that one ends. What its camera is like stands in ``$RPICAM_CAMERA``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

CAMERA = "RPICAM_CAMERA"
Y_STEP = 2
"""By so much each picture is lighter than the one before."""
FIRST_Y, CB, CR = 100, 90, 150


def install(folder: Path) -> None:
    """Put the program into ``folder``, for the search path."""
    program = folder / "rpicam-vid"
    lines = (f"#!{sys.executable}", "import sys", f"sys.path.insert(0, {str(Path.cwd())!r})",
             "from tests.fakes.rpicam_vid import main", "sys.exit(main())")  # fmt: skip
    program.write_text("\n".join(lines))
    program.chmod(0o755)


def running(folder: Path) -> list[int]:
    """Return the processes of the program in ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It may just have ended.
            if str(folder / "rpicam-vid").encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def main() -> int:
    """Be the program."""
    options = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("camera", "verbose", "timeout", "width", "height"):
        options.add_argument(f"--{name}", type=int, required=True)
    options.add_argument("--framerate", type=float, required=True)
    options.add_argument("--codec", choices=["h264", "mjpeg", "yuv420"], default="h264")
    options.add_argument("--nopreview", action="store_true")
    options.add_argument("--flush", action="store_true")
    options.add_argument("--output", default="")
    asked = options.parse_args()
    behaviour = os.environ.get(CAMERA, "good")
    if behaviour == "none":
        return _fails("no cameras available")
    if asked.camera > 0 and behaviour != "two":
        return _fails("selected camera is not available")
    if behaviour == "deaf":  # Its cable is loose: it is found, and sends nothing.
        time.sleep(60)
    assert (asked.codec, asked.output, asked.timeout) == ("yuv420", "-", 0)
    for count in range(10_000):
        if behaviour == "breaks" and count == 3:
            return _fails("Camera frontend has timed out!")
        sys.stdout.buffer.write(_picture(asked.width, asked.height, FIRST_Y + Y_STEP * count))
        if asked.flush:
            sys.stdout.buffer.flush()
        time.sleep(1 / asked.framerate)
    return 0


def _picture(width: int, height: int, y: int) -> bytes:
    """Return the planes as the image processor lays them out: rows padded to 64 pixels."""
    row = -(-width // 64) * 64
    quarter = row // 2 * (height // 2)
    return bytes((y % 256,)) * (row * height) + bytes((CB,)) * quarter + bytes((CR,)) * quarter


def _fails(why: str) -> int:
    print(f"ERROR: *** {why} ***", file=sys.stderr)
    return 255


if __name__ == "__main__":
    sys.exit(main())
