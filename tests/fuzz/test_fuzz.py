"""Each way in for foreign bytes, a few seconds of it; ``make fuzz`` goes on for minutes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data_folder import ROOT
from tests.fuzz.hunt import Hunt, TooSlowError, by_mutation, last_path, read_found, write_found
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Check, Target
from tests.fuzz.targets import TARGETS

TRIES = 40
FOUND = sorted((Path(__file__).parent / "found").glob("*.hex"))
"""What a hunt has found once."""


@pytest.mark.parametrize("name", TARGETS)
def test_real_input_passes_and_damaged_input_breaks_no_promise(name: str, tmp_path: Path) -> None:
    target, rng = TARGETS[name], random.Random(5)
    seeds = list(target.seeds())
    check = target.make(tmp_path)
    for data in seeds:
        check(data)
    for _ in range(TRIES):
        check(mutated(seeds, rng, target.most_bytes))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_once_stays_mended(path: Path, tmp_path: Path) -> None:
    name, data = read_found(path)
    TARGETS[name].make(tmp_path)(data)


def test_a_planted_fault_is_found_and_written_so_that_it_can_be_tried_again(tmp_path: Path) -> None:
    def make(_folder: Path) -> Check:
        def check(data: bytes) -> None:
            if data.count(b"\xff") > 3:
                raise ZeroDivisionError("planted")

        return check

    target = Target("planted", make, lambda: [bytes(40)])
    chase = Hunt(target, tmp_path, tmp_path)
    with pytest.raises(ZeroDivisionError):
        by_mutation(chase, 60.0, seed=1)
    chase.close()
    assert chase.found is not None
    name, data = read_found(chase.found)
    assert name == "planted"
    assert data.count(b"\xff") > 3
    with pytest.raises(ZeroDivisionError):
        make(tmp_path)(data)


def test_an_input_that_hangs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.hunt.LONGEST_S", 0.05)

    def check(_data: bytes) -> None:
        while True:
            pass

    chase = Hunt(Target("endless", lambda _folder: check, lambda: [b"x"]), tmp_path, tmp_path)
    with pytest.raises(TooSlowError):
        chase.try_one(b"x")
    chase.close()
    assert chase.found is not None


def test_the_same_seed_makes_the_same_input() -> None:
    seeds = [b"one real input", b"another"]
    made = [[mutated(seeds, random.Random(n), 100) for n in range(50)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 40
    assert all(len(data) <= 100 for data in made[0])


def test_an_input_that_kills_the_process_is_known(tmp_path: Path) -> None:
    program = (
        "import os, pathlib\n"
        "from tests.fuzz.hunt import Hunt\n"
        "from tests.fuzz.target import Target\n"
        f"out = pathlib.Path({str(tmp_path)!r})\n"
        "target = Target('deadly', lambda f: lambda data: os._exit(9), lambda: [b'dead'])\n"
        "Hunt(target, out, out).try_one(b'dead')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert done.returncode == 9
    last = last_path(tmp_path, "deadly").read_bytes()
    assert read_found(write_found(tmp_path, "deadly", last, "it ended")) == ("deadly", b"dead")
