"""Set up for all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Tests judge behaviour; how fast a shared machine is at the moment is no part of it. A change is
# judged by the same examples each time; ATTUNE_EXPLORE=1 looks for new ones.
settings.register_profile(
    "attune",
    deadline=None,
    max_examples=60,
    derandomize="ATTUNE_EXPLORE" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("attune")

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.pop("ATTUNE_CONFIG", None)
