from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.playback.wire import LINE_MAX_BYTES, PlayOrder, Report, WireError, decode, encode

ANY_TEXT = st.text(st.characters(), max_size=300)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.integers(), ANY_TEXT, NUMBERS, st.none() | NUMBERS, NUMBERS, st.booleans(),
    st.lists(ANY_TEXT, max_size=3),
)  # fmt: skip
def test_orders_survive(
    voice: int,
    path: str,
    start_s: float,
    end_s: float | None,
    gain_db: float,
    now: bool,
    within: list[str],
) -> None:
    order = PlayOrder(voice, path, start_s, end_s, gain_db, now, within)
    assert decode(encode(order)) == order


def test_a_name_that_is_no_utf8_and_the_longest_path_survive() -> None:
    for name in (b"/music/caf\xe9.mp3", b"/" + b"\xff" * 4095):
        path = name.decode("utf-8", "surrogateescape")
        line = encode(PlayOrder(1, path, 0.0, None, 0.0, True, [path] * 9))
        assert len(line) <= LINE_MAX_BYTES
        found = decode(line)
        assert isinstance(found, PlayOrder)
        assert found.path.encode("utf-8", "surrogateescape") == name


@given(st.binary(max_size=300))
def test_junk_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        decode(line)


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind": "Popen", "args": "rm"}',
        b'{"kind": "StopOrder"}',
        b'{"kind": "StopOrder", "fade_s": "1"}',
        b'{"kind": "StopOrder", "fade_s": true}',
        b'{"kind": "DuckOrder", "on": 1}',
        b'{"kind": "DuckOrder", "on": true, "more": 1}',
        b'{"kind": "PlayOrder", "voice": 1, "path": "", "start_s": 0, "end_s": 0, "gain_db": 0,'
        b' "now": true, "within": [1]}',
        b"[" * 20_000,
        b"[1]",
    ],
)
def test_records_with_other_fields_are_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        decode(line)


def test_reports_survive() -> None:
    report = Report("playing", None, 1.5, "null", "", False, 0, 0)
    assert decode(encode(report)) == report
