"""`attune history` on a real memory, also beside a kiosk that has it open."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from device.cli import main
from device.storage.history import open_history
from device.storage.kiosk_store import FILE_NAME, KioskStore, VisitSummary
from tests.fakes.plain_user import as_plain_user
from tests.fakes.songs import song
from tests.fakes.sudo import ASKER, as_with_sudo

SECRET_SONG = song("/music/a very particular song.flac")


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Path:
    path = tmp_path / "kiosk.toml"
    path.write_text(f'[kiosk]\nstate_dir = "{tmp_path / "state"}"\n')
    with KioskStore(tmp_path / "state" / FILE_NAME, lambda: 1e9) as store:
        store.add_visit(VisitSummary(1e9, 1e9 + 300, 3, "lift", -0.5, 0.25))
        store.add_visit(VisitSummary(2e9, 2e9 + 60, 1, "calm", 0.1, 0.2, 0.8, 0.3))
        store.add_feedback(SECRET_SONG, "like")
        store.note_played(SECRET_SONG)
    return path


def test_it_shows_what_is_kept(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "show", "--config", str(config), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["keep"] is False
    assert shown["counts"] == {"visits": 2, "feedback": 1, "played": 1}
    assert shown["visits"][0]["valence_last"] == 0.25
    assert shown["visits"][0]["stress_first"] is None
    assert main(["history", "show", "--config", str(config)]) == 0
    assert "-0.50 -> +0.25  stress ? -> ?" in capsys.readouterr().out


def test_it_exports(config: Path, tmp_path: Path) -> None:
    table = tmp_path / "visits.csv"
    assert main(["history", "export", str(table), "--config", str(config)]) == 0
    head, first, _ = table.read_text().splitlines()
    assert head.startswith("started_at,ended_at,tracks,strategy")
    assert first == "1000000000.0,1000000300.0,3,lift,-0.5,0.25,,"
    assert main(["history", "export", str(tmp_path / "v.xls"), "--config", str(config)]) == 2
    assert main(["history", "export", str(tmp_path / "none/v.csv"), "--config", str(config)]) == 1


@pytest.mark.parametrize("words", [["show"], ["export", "v.csv"], ["delete", "--all"]])
def test_a_memory_that_a_power_cut_left_empty_is_said_so(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    memory = tmp_path / "state" / FILE_NAME
    memory.write_bytes(b"")
    assert main(["history", *words, "--config", str(config)]) == 1
    assert f"{memory}: is empty, as after a power cut: nothing is remembered" in (
        capsys.readouterr().err
    )
    assert not Path("v.csv").exists()
    assert memory.read_bytes() == b""


def test_with_sudo_the_export_is_of_whoever_asked_and_of_nobody_else(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = as_with_sudo(monkeypatch)
    table, elsewhere = tmp_path / "visits.csv", tmp_path / "elsewhere"
    elsewhere.write_text("as it was")
    table.symlink_to(elsewhere)
    for times in (1, 2):
        assert main(["history", "export", str(table), "--config", str(config)]) == 0
        assert [tuple(owner) for _, *owner in given] == [ASKER] * times
    assert table.lstat().st_mode == stat.S_IFREG | 0o600
    assert len(table.read_text().splitlines()) == 3
    assert elsewhere.read_text() == "as it was"
    table.unlink()
    table.mkdir()
    assert main(["history", "export", str(table), "--config", str(config)]) == 1
    assert not list(tmp_path.glob(".visits.csv*"))


def test_what_is_deleted_is_gone_from_the_disk_though_a_kiosk_has_it_open(config: Path) -> None:
    state = config.parent / "state"
    with KioskStore(state / FILE_NAME, lambda: 1e9) as store:
        store.add_feedback(SECRET_SONG, "skip")  # Still in the log of changes.
        on_disk = b"".join(file.read_bytes() for file in state.iterdir())
        assert b"a very particular song" in on_disk
        assert main(["history", "delete", "--all", "--config", str(config)]) == 0
        on_disk = b"".join(file.read_bytes() for file in state.iterdir())
        assert b"a very particular song" not in on_disk
        assert store.memories([SECRET_SONG])[SECRET_SONG.path].likes == 0
        store.add_feedback(SECRET_SONG, "like")
        assert store.memories([SECRET_SONG])[SECRET_SONG.path].likes == 1


def test_visits_and_likes_are_deleted_apart(config: Path) -> None:
    state = config.parent / "state"
    assert main(["history", "delete", "--visits", "--config", str(config)]) == 0
    with open_history(state) as history:
        assert (history.counts().visits, history.counts().feedback) == (0, 1)
    assert main(["history", "delete", "--likes", "--config", str(config)]) == 0
    with open_history(state) as history:
        assert (history.counts().feedback, history.counts().played) == (0, 0)


def test_nothing_remembered_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(f'[kiosk]\nstate_dir = "{tmp_path / "state"}"\n')
    for words in (["show"], ["delete", "--all"], ["export", str(tmp_path / "v.json")]):
        assert main(["history", *words, "--config", str(config)]) == 0
    assert not (tmp_path / "state").exists()
    assert "0 in the memory" in capsys.readouterr().out


def test_a_damaged_memory_is_one_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "state" / FILE_NAME).write_bytes(b"no database at all" * 300)
    assert main(["history", "show", "--config", str(config)]) == 1
    assert FILE_NAME in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["state", f"state/{FILE_NAME}"])
def test_whoever_may_not_read_it_is_told_to_use_sudo(config: Path, closed: str) -> None:
    """As `attune history show` without sudo on an installed kiosk."""
    script = "import sys; from device.cli import main; sys.exit(main(sys.argv[1:]))"
    (config.parent / closed).chmod(0)
    done = as_plain_user(script, "history", "show", "--config", config)
    (config.parent / closed).chmod(0o700)
    assert done.returncode == 1
    assert f"{FILE_NAME}: may not be read: run this as root (sudo)" in done.stderr
