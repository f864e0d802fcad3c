"""``python -m tests.fuzz``: shares the minutes out among the targets, two at a time."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.data_folder import ROOT
from tests.fuzz.hunt import has_atheris, hunt, last_path, load_target, read_found, write_found

OUT = ROOT / "build" / "fuzz"
GRACE_S = 300.0
"""For the start with all its imports, and the last input."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="in all (5)")
    parser.add_argument("--target", action="append", metavar="NAME", help="only this; repeatable")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="to do the same again")
    parser.add_argument("--no-atheris", action="store_true", help="mutate without coverage")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try one found input again")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--alone", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    if arguments.replay:
        return replay(arguments.replay)
    names = arguments.target or _all_names()
    guided = has_atheris() and not arguments.no_atheris
    if arguments.list:
        print("\n".join(names))
        return 0
    if arguments.alone is not None:
        return hunt(names[0], arguments.alone, arguments.seed, OUT, guided=guided)
    return share_out(names, arguments.minutes, arguments.seed, guided)


def share_out(names: list[str], minutes: float, seed: int, guided: bool) -> int:
    """Hunt each target in a process of its own; return 1 when anything was found."""
    at_once = min(len(names), os.cpu_count() or 1)
    seconds = max(1.0, 60 * minutes * at_once / len(names))
    how = "guided by coverage (atheris)" if guided else "by mutation; atheris is not installed"
    print(f"fuzz: {len(names)} targets, {seconds:.0f} s each, {at_once} at once")
    print(f"fuzz: {how}, --seed {seed}", flush=True)
    with ThreadPoolExecutor(at_once) as pool:
        clean = list(pool.map(lambda name: _alone(name, seconds, seed, guided), names))
    found = clean.count(False)
    print(f"fuzz: {'something' if found else 'nothing'} found in {len(names)} targets")
    return 1 if found else 0


def _alone(name: str, seconds: float, seed: int, guided: bool) -> bool:
    command = [
        sys.executable, "-m", "tests.fuzz", "--target", name, "--alone", str(seconds),
        "--seed", str(seed), *([] if guided else ["--no-atheris"]),
    ]  # fmt: skip
    log = OUT / f"{name}.log"
    with log.open("w") as file:
        try:
            code = subprocess.run(
                command, stdout=file, stderr=file, cwd=ROOT, timeout=seconds + GRACE_S, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = -9
    said = log.read_text(errors="replace").splitlines()
    lines = [line for line in said if line.startswith(name)]
    # libFuzzer ends the process at once and tells the number itself.
    counts = [line.split()[-1] for line in said if line.startswith("stat::number_of_executed")]
    if counts and not code:
        lines = [f"{name}: {counts[0]} inputs in {seconds:.0f} s, nothing found"]
    print("fuzz:", lines[-1] if lines else f"{name}: ended with code {code}, see {log}", flush=True)
    last = last_path(OUT, name)
    if code and not any("FOUND" in line for line in lines) and last.exists():
        path = write_found(OUT, name, last.read_bytes(), f"the process ended with code {code}")
        print(f"fuzz: {name}: FOUND {path}")
    if code:
        print(f"fuzz: {log} tells where; try it again with: python -m tests.fuzz --replay FILE")
    last.unlink(missing_ok=True)
    return code == 0


def replay(path: Path) -> int:
    """Try one input again, with its whole traceback."""
    name, data = read_found(path)
    with tempfile.TemporaryDirectory(prefix="attune-fuzz-") as scratch:
        load_target(name, instrumented=False).make(Path(scratch))(data)
    print(f"{path}: {name} takes it now")
    return 0


def _all_names() -> list[str]:
    from tests.fuzz.targets import TARGETS

    return list(TARGETS)


if __name__ == "__main__":
    sys.exit(main())
