"""How many workers a build starts: what the cores, the machine and the service's limit allow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from catalog.builder.worker_count import default_workers

GROUP = "system.slice/attune-catalog.service"
MB = 1 << 20


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


def machine(root: Path, available_mb: int, limits: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"1:name=systemd:/old\n0::/{GROUP}\n")
    memory = f"MemTotal: 9999999 kB\nMemAvailable:  {available_mb * 1024} kB\n"
    (root / "proc/meminfo").write_text(memory)
    for group, limit in limits.items():
        (root / "sys/fs/cgroup" / group).mkdir(parents=True, exist_ok=True)
        (root / "sys/fs/cgroup" / group / "memory.max").write_text(f"{limit}\n")
    return root


@pytest.mark.parametrize(
    ("available_mb", "limits", "plain", "with_ontology"),
    [
        (8000, {GROUP: "max"}, 4, 4),
        (8000, {GROUP: str(1500 * MB)}, 4, 2),  # attune-catalog.service
        (8000, {GROUP: "max", "system.slice": str(800 * MB)}, 2, 1),
        (1000, {GROUP: str(1500 * MB)}, 3, 1),
        (100, {}, 1, 1),
    ],
)
def test_the_least_room_counts(
    tmp_path: Path, available_mb: int, limits: dict[str, str], plain: int, with_ontology: int
) -> None:
    root = machine(tmp_path, available_mb, limits)
    assert default_workers(with_ontology=False, root=root) == plain
    assert default_workers(with_ontology=True, root=root) == with_ontology


def test_a_system_that_tells_nothing_is_taken_by_its_cores(tmp_path: Path) -> None:
    assert default_workers(with_ontology=True, root=tmp_path) == 4


def test_this_machine_has_room_for_one_at_least() -> None:
    assert 1 <= default_workers(with_ontology=False) <= 4
