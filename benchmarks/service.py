"""What `attune.service` sets before Python starts, so that a benchmark runs as the kiosk does."""

from __future__ import annotations

import re
from pathlib import Path

_UNIT = Path(__file__).parents[1] / "systemd" / "attune.service"

MALLOC = dict(re.findall(r"^Environment=(GLIBC_TUNABLES)=(\S+)$", _UNIT.read_text(), re.MULTILINE))
"""How the C library takes memory; empty where the unit leaves it alone."""
