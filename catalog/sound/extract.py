"""Writes the log-mel patches of a folder of sound files for training the sound network.

    python -m catalog.sound.extract AUDIO_DIR patches.npz [PATCHES_PER_FILE]

The archive holds `names` (file stems), `patches` float16 (files, patches, 187, 96).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from catalog.sound.decoding import SoundError, decode_mono
from catalog.sound.features import PATCH_SAMPLES, RATE_HZ, patch


def main() -> int:
    """Write the archive; exit code 2 without the two paths, 1 for a file that cannot be heard."""
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    files = sorted(Path(sys.argv[1]).iterdir())
    per_file = int(sys.argv[3]) if len(sys.argv) == 4 else 16
    patches = []
    for number, path in enumerate(files):
        try:
            sound = decode_mono(path, RATE_HZ)
        except SoundError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        starts = np.linspace(0, max(0, len(sound) - PATCH_SAMPLES), per_file).round().astype(int)
        patches.append([patch(sound[start:]).astype(np.float16) for start in starts])
        print(f"\r{number + 1}/{len(files)}", end="", file=sys.stderr)
    np.savez(sys.argv[2], names=[path.stem for path in files], patches=np.array(patches))
    return 0


if __name__ == "__main__":
    sys.exit(main())
