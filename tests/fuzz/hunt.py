"""Hunts faults in one target: by coverage with atheris where it is installed, else by mutation.

Every input is written down before it is tried, so one that kills the process is known, too.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import logging
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.mutation import mutated
from tests.fuzz.target import Check, Target

LONGEST_S = 20.0
"""One input may take so long; a parser needs milliseconds."""
MEMORY_MB = 3000
WATCHED = ("firmware_bridge", "catalog", "device", "tinytag", "paho.mqtt", "tomllib")
"""Packages whose branches guide the search."""
_BYTES_A_LINE = 32


class TooSlowError(Exception):
    """An input took longer than :data:`LONGEST_S`."""


def has_atheris() -> bool:
    """Return whether the search can be guided by coverage."""
    return importlib.util.find_spec("atheris") is not None


def load_target(name: str, *, instrumented: bool) -> Target:
    """Import the targets, with the packages under test instrumented if asked for."""
    if instrumented:
        import atheris

        with atheris.instrument_imports(include=list(WATCHED), enable_loader_override=False):
            module = importlib.import_module("tests.fuzz.targets")
    else:
        module = importlib.import_module("tests.fuzz.targets")
    table: dict[str, Target] = module.TARGETS
    return table[name]


class Hunt:
    """One target, tried with many inputs."""

    def __init__(self, target: Target, folder: Path, out: Path) -> None:
        """``folder`` is scratch; ``out`` is where inputs that fail are written."""
        self.target = target
        self.tried = 0
        self.found: Path | None = None
        self._check: Check = target.make(folder)
        self._out = out
        self._last = os.open(last_path(out, target.name), os.O_RDWR | os.O_CREAT, 0o644)
        signal.signal(signal.SIGALRM, _too_slow)

    def try_one(self, data: bytes) -> None:
        """Try one input; what it raises is written down and raised."""
        data = data[: self.target.most_bytes]
        os.ftruncate(self._last, 0)
        os.pwrite(self._last, data, 0)
        self.tried += 1
        signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
        try:
            self._check(data)
        except Exception as error:
            self.found = write_found(self._out, self.target.name, data, error)
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def close(self) -> None:
        """No input is under way any more."""
        os.close(self._last)
        last_path(self._out, self.target.name).unlink(missing_ok=True)


def by_mutation(hunt: Hunt, seconds: float, seed: int) -> None:
    """Try the real inputs, then changed ones until the time is over."""
    rng, seeds = random.Random(seed), list(hunt.target.seeds())
    for data in seeds:
        hunt.try_one(data)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hunt.try_one(mutated(seeds, rng, hunt.target.most_bytes))


def by_coverage(hunt: Hunt, seconds: float, seed: int, corpus: Path) -> None:
    """Let libFuzzer search; what reaches new code is kept in ``corpus`` for the next time."""
    import atheris

    corpus.mkdir(parents=True, exist_ok=True)
    seeds = list(hunt.target.seeds())
    for data in seeds:
        (corpus / f"seed-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        # Half of all changes by structure of our own, half by libFuzzer's.
        if number % 2:
            return bytes(atheris.Mutate(data, most))
        return mutated([data, *seeds[:8]], random.Random(number), most)

    options = [
        f"-max_total_time={max(1, round(seconds))}", f"-seed={seed}",
        f"-timeout={2 * LONGEST_S:.0f}",
        f"-max_len={hunt.target.most_bytes}", f"-rss_limit_mb={MEMORY_MB}", "-verbosity=0",
        "-print_final_stats=1", f"-artifact_prefix={corpus.parent}/{hunt.target.name}-",
        str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], hunt.try_one, custom_mutator=mutate)
    atheris.Fuzz()


def hunt(name: str, seconds: float, seed: int, out: Path, *, guided: bool) -> int:
    """Hunt in this process; return 1 when something was found.

    With atheris the process ends itself, without returning.
    """
    logging.disable(logging.CRITICAL)
    target = load_target(name, instrumented=guided)
    with tempfile.TemporaryDirectory(prefix="attune-fuzz-") as scratch:
        chase = Hunt(target, Path(scratch), out)
        began = time.monotonic()
        with contextlib.closing(chase), _told(chase, began):
            if guided:
                by_coverage(chase, seconds, seed, out / "corpus" / name)
            else:
                by_mutation(chase, seconds, seed)
    return 0


@contextlib.contextmanager
def _told(chase: Hunt, began: float) -> Iterator[None]:
    """Say how it went, also where libFuzzer ends the process."""
    import atexit

    def tell() -> None:
        seconds = time.monotonic() - began
        end = f"FOUND {chase.found}" if chase.found else "nothing found"
        print(f"{chase.target.name}: {chase.tried} inputs in {seconds:.0f} s, {end}", flush=True)

    atexit.register(tell)
    try:
        yield
    except Exception:  # noqa: BLE001 - any failure of any target is a find
        traceback.print_exc(limit=-4)
        sys.exit(1)


def last_path(out: Path, name: str) -> Path:
    """Return where the input under way is kept."""
    return out / f"{name}.last"


def write_found(out: Path, name: str, data: bytes, error: BaseException | str) -> Path:
    """Write an input as text that can be mailed, and tried again with ``--replay``."""
    said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    path = out / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.hex"
    lines = [data[at : at + _BYTES_A_LINE].hex() for at in range(0, len(data), _BYTES_A_LINE)]
    first = said.splitlines()[0] if said else ""
    path.write_text("\n".join([f"# {name}: {first!a}", *lines, ""]), encoding="ascii")
    return path


def read_found(path: Path) -> tuple[str, bytes]:
    """Return the target's name and the input of a file of :func:`write_found`."""
    head, *lines = path.read_text(encoding="ascii").splitlines()
    return head.removeprefix("# ").split(":", 1)[0], bytes.fromhex("".join(lines))


def _too_slow(_signal: int, _frame: FrameType | None) -> Any:
    raise TooSlowError(f"one input took longer than {LONGEST_S:.0f} s")
