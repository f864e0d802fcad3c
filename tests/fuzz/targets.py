"""The table of everything that is fuzzed."""

from __future__ import annotations

from tests.fuzz import catalogue_targets, house_targets, serial_targets
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for room in (serial_targets, house_targets, catalogue_targets)
    for target in room.targets()
}
