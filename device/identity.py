"""A name for this box that no other box has, that stays, and that says nothing about it."""

from __future__ import annotations

import hmac
import re
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")
APPLICATION = bytes.fromhex("2b96aa91ed0c4cb78024cbc946587509")
"""Attune's own, made at random once: the same box has other names in other programs."""
DIGITS = 6
NAMELESS = "attune"


def own_kiosk_id(machine_id: Path = MACHINE_ID) -> str:
    """Return ``attune_`` and six digits that are this box's, or ``attune`` where it has none.

    The machine's identity itself is confidential (machine-id(5)); these are the first digits of
    what sd_id128_get_machine_app_specific(3) makes of it, which cannot be turned back. Boxes
    whose cards were cloned with their machine-id have the same name.
    """
    try:
        text = machine_id.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return NAMELESS
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        return NAMELESS  # Such as "uninitialized", before the first boot is over.
    digest = hmac.digest(bytes.fromhex(text), APPLICATION, "sha256").hex()
    return f"{NAMELESS}_{digest[:DIGITS]}"
