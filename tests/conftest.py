"""Set up for all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Tests judge behaviour; how fast a shared machine is at the moment is no part of it.
settings.register_profile(
    "attune", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("attune")

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.pop("ATTUNE_CONFIG", None)
