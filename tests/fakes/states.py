"""Kiosk states for tests of the edges."""

from __future__ import annotations

from typing import Any

from device import readings as r


def a_state(**changes: Any) -> r.KioskState:
    """Return an idle kiosk's state with the given fields changed."""
    fields: dict[str, Any] = {
        "seq": 1,
        "updated_at": 1.0,
        "visit": r.VisitState.IDLE,
        "visit_since": 0.0,
        "strategy": r.Strategy.MATCH,
        "camera_allowed": True,
        "camera": r.CameraStatus(False, "0"),
        "sensor": r.SensorStatus(True, "/dev/ttyACM0", "attune"),
        "player": r.PlayerState("idle"),
        "catalogue_tracks": 42,
    }
    return r.KioskState(**fields | changes)
