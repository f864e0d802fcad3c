"""What docs/PRIVACY.md promises, shown on a whole visit of the real kiosk under strace.

First somebody tries to open the camera over the network, then a visitor comes, agrees, hears
music, likes a track and leaves.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from device.readings import VisitState
from device.sensing.pictures import BUILTIN, builtin_picture
from tests.data_folder import ROOT
from tests.fakes import strace
from tests.fakes.kiosk_at_work import KIOSK_ID, QUICK_VISIT, KioskAtWork

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt install strace)"),
    pytest.mark.timeout(240),
]

PICTURE_HEADS = {
    "JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n", "WebP": b"WEBPVP8", "numpy": b"\x93NUMPY",
    "BMP": b"BM6\x84\x03\x00", "H.264": b"\x00\x00\x00\x01\x67", "RIFF": b"RIFF",
}  # fmt: skip
LONGEST_PERSONAL_BYTES = 240
"""A mood, a number or a reason; a face crop of 48 x 48 has 2,304, an embedding of 64 floats 256."""
HEALTH_WORDS = re.compile(
    r"bpm|rmssd|sdnn|heart|stress|valence|arousal|mood|emotion|joy|happy|sad|angry", re.IGNORECASE
)


@dataclass(frozen=True)
class Visit:
    """What was observed of it."""

    calls: list[strace.Call]
    house: list[tuple[str, str, bool]]
    log: str
    state: Path
    catalogue_before: dict[str, bytes]
    sensor: str
    broker: str
    camera_seen_in_use: bool


@pytest.fixture(scope="module", name="visit")
def _visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("kiosk")
    trace = folder / "trace.txt"
    with KioskAtWork(folder, visit=QUICK_VISIT | {"consent_timeout_s": 5.0}) as kiosk:
        catalogue = {p.name: p.read_bytes() for p in kiosk.catalogue.iterdir() if p.is_file()}
        kiosk.start(strace.command(trace))
        kiosk.say("play")
        kiosk.wait_for_log("visit state: consent")
        for name, payload in (("camera_allowed", "ON"), ("consent", "ON"), ("consent", "true")):
            kiosk.say(name, payload)
        kiosk.house.publish(f"attune/{KIOSK_ID}/consent/set", '{"camera": true}', retain=True)
        kiosk.wait_for_log("no answer to the question of consent")
        kiosk.house.publish("marker", "the visitor comes")
        kiosk.to_playing()
        seen = kiosk.heard("camera_in_use", "ON") == "ON"
        kiosk.heard("mood")
        kiosk.say("like")
        kiosk.end_visit()
        kiosk.heard("camera_in_use", "OFF")
        assert kiosk.stop() == 0
        yield Visit(
            strace.read(trace), list(kiosk.house.messages), kiosk.log, kiosk.state, catalogue,
            kiosk.finger.path, f"127.0.0.1:{kiosk.broker.port}", seen,
        )  # fmt: skip


def test_nothing_is_written_outside_the_state_folder(visit: Visit) -> None:
    allowed = {Path(visit.sensor), Path("/dev/null")}
    outside = {
        path
        for path in strace.written(visit.calls)
        if not path.is_relative_to(visit.state) and path not in allowed
    }
    assert outside == set()
    assert strace.other_ways(visit.calls) == []
    # The trace would have seen it: the memory of likes is written.
    assert any("kiosk.sqlite" in path.name for path in strace.written(visit.calls))


def test_nothing_is_opened_but_the_program_the_system_and_the_configured_folders(
    visit: Visit,
) -> None:
    folder = visit.state.parent
    configured = (visit.state, folder / "music", folder / "kiosk.toml")
    program = (ROOT, Path(sys.prefix), Path(sys.base_prefix))
    system = tuple(map(Path, ("/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/run")))
    opened = {Path(os.path.normpath(path)) for path in strace.opened(visit.calls)}
    tops = (*configured, *program, *system)
    assert {path for path in opened if not any(path.is_relative_to(top) for top in tops)} == set()
    # The trace would have seen it: music was played.
    assert any(path.is_relative_to(folder / "music") for path in opened)


def test_no_socket_but_the_brokers(visit: Visit) -> None:
    assert set(strace.reached(visit.calls)) == {visit.broker}
    families = {
        call.arguments.split(",")[0].strip("( ") for call in visit.calls if call.name == "socket"
    }
    assert families == {"AF_INET"}


def test_no_pixel_is_in_the_state_folder(visit: Visit) -> None:
    files = {p: p.read_bytes() for p in visit.state.rglob("*") if p.is_file()}
    assert files
    for path, data in files.items():
        if path.name in visit.catalogue_before:
            continue
        for kind, head in PICTURE_HEADS.items():
            assert head not in data, f"{path} holds {kind}"
    frame = builtin_picture(640, 480)
    grey = frame.mean(axis=2).astype(np.uint8)
    rows = [frame[y, 300:316].tobytes() for y in range(100, 300, 10)]
    rows += [grey[y, 300:332].tobytes() for y in range(100, 300, 10)]
    everything = b"".join(files.values())
    assert not any(row in everything for row in rows)


def test_the_catalogue_is_not_changed_by_a_visit(visit: Visit) -> None:
    folder = visit.state / "catalogue"
    after = {name: (folder / name).read_bytes() for name in visit.catalogue_before}
    # SQLite's shared memory is no data.
    changed = [n for n in after if after[n] != visit.catalogue_before[n] and not n.endswith("-shm")]
    assert changed == []


VISIT_STATE = re.compile(rf"visit/state.{{1,24}}?({'|'.join(VisitState)})")


def test_the_camera_opens_only_after_a_yes_on_the_spot(visit: Visit) -> None:
    assert visit.camera_seen_in_use
    told = [
        (found[1], i) for i, call in enumerate(visit.calls)
        if call.name == "sendto" and (found := VISIT_STATE.search(call.arguments))
    ]  # fmt: skip
    # What is not retained is told again: it counts when it is new.
    consents = [i for (before, _), (now, i) in pairwise(told) if before != now == "consent"]
    opened = [
        i for i, call in enumerate(visit.calls)
        if call.name.startswith("open") and str(BUILTIN) in call.arguments
    ]  # fmt: skip
    # The first question was answered over the network alone: the camera stayed shut.
    assert len(consents) == 2
    assert opened
    assert min(opened) > max(consents)


def test_camera_in_use_is_told_for_as_long_as_the_visit_uses_it(visit: Visit) -> None:
    """That it follows the open device: tests/device/sensing/test_camera.py."""
    topic = f"attune/{KIOSK_ID}/camera_in_use/state"
    said = [payload for name, payload, _ in visit.house if name == topic]
    changes = [now for before, now in pairwise(["", *said]) if now != before]
    assert changes == ["OFF", "ON", "OFF"]


def test_the_network_cannot_open_the_camera(visit: Visit) -> None:
    before = []
    for topic, payload, _ in visit.house:
        if topic == "marker":
            break
        before.append((topic, payload))
    in_use = [p for t, p in before if t == f"attune/{KIOSK_ID}/camera_in_use/state"]
    assert in_use
    assert set(in_use) == {"OFF"}
    visits = [p for t, p in before if t == f"attune/{KIOSK_ID}/visit/state"]
    assert "consent" in visits
    assert "sensing" not in visits


def test_what_the_house_hears_is_words_and_numbers(visit: Visit) -> None:
    states = [(t, p) for t, p, _ in visit.house if t.endswith(("/state", "/attributes"))]
    assert states
    for topic, payload in states:
        assert len(payload) <= LONGEST_PERSONAL_BYTES, topic
        assert payload.isprintable(), topic
    names = {t.split("/")[2] for t, _ in states}
    assert not names & {"frame", "image", "face", "embedding", "landmarks", "picture"}


def test_what_is_about_the_person_ends_with_the_visit_and_is_not_kept_by_the_broker(
    visit: Visit,
) -> None:
    personal = ("mood", "valence", "arousal", "confidence", "stress", "heart_rate", "rmssd")
    for name in personal:
        topic = f"attune/{KIOSK_ID}/{name}/state"
        said = [(p, retained) for t, p, retained in visit.house if t == topic]
        assert said, name
        assert said[-1][0] in ("null", "None", "unknown", "")
        assert not any(retained for _, retained in said)


def test_the_log_tells_nothing_about_the_person(visit: Visit) -> None:
    own = [line for line in visit.log.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
    assert own
    told = [line for line in own if HEALTH_WORDS.search(line)]
    assert told == []


def test_the_memory_has_no_place_for_a_person(visit: Visit) -> None:
    """Everything that could be remembered, as docs/PRIVACY.md lists it."""
    with closing(sqlite3.connect(visit.state / "kiosk.sqlite")) as base:
        tables = [name for (name,) in base.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )]  # fmt: skip
        columns = {t: {c[1] for c in base.execute(f"PRAGMA table_info({t})")} for t in tables}
    assert columns == {
        "feedback": {"path", "digest", "said_at", "kind"},
        "last_played": {"path", "digest", "played_at"},
        "visits": {
            "visit_id", "started_at", "ended_at", "tracks", "strategy",
            "valence_first", "valence_last", "stress_first", "stress_last",
        },
    }  # fmt: skip


def test_by_hand_too_it_leaves_no_core(tmp_path: Path) -> None:
    with KioskAtWork(tmp_path) as kiosk:
        kiosk.start(["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh"])
        limits = Path(f"/proc/{kiosk.pid}/limits").read_text()
        assert kiosk.stop() == 0
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]


def test_a_visit_leaves_no_history_unless_it_is_kept(visit: Visit) -> None:
    from device.storage.history import open_history

    with open_history(visit.state) as history:
        assert history.counts().visits == 0
        assert history.counts().feedback == 1
