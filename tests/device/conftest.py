"""A stage with a real catalogue and memory for the tests of the conductor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.desk import Stage
from tests.fakes.synthetic_library import make_library


@pytest.fixture(scope="session", name="shelf")
def _shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    make_library(folder / "catalogue", 400)
    return folder


@pytest.fixture(name="folder")
def _folder(shelf: Path, tmp_path: Path) -> Path:
    """Where a stage is set up: the catalogue is there, the memory still empty."""
    (tmp_path / "catalogue").symlink_to(shelf / "catalogue")
    return tmp_path


@pytest.fixture(name="stage")
def _stage(folder: Path) -> Iterator[Stage]:
    with Stage(folder) as stage:
        stage.pass_time(0.25)
        yield stage
