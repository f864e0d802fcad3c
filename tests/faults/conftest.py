"""Every test here is a named fault of docs/FAULTS.md on the whole kiosk; `make test-faults`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.kiosk_at_work import KioskAtWork
from tests.fakes.watched_kiosk import WatchedKiosk

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "faults: a fault on the whole kiosk; `make test-faults`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("faults")
            item.add_marker("slow")
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(name="kiosk")
def _kiosk(tmp_path: Path) -> Iterator[KioskAtWork]:
    with KioskAtWork(tmp_path) as kiosk:
        yield kiosk


@pytest.fixture(name="watched")
def _watched(tmp_path: Path) -> Iterator[WatchedKiosk]:
    with WatchedKiosk(tmp_path) as kiosk:
        yield kiosk
