"""What the services' own user may read: root, who may all, would not notice what bars it."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Sequence
from pathlib import Path

from device.commands.setup_files import HIDDEN
from device.config import SYSTEM_CONFIG, MqttSettings

USER = "attune"
"""As whom the services run (systemd/attune.sysusers)."""
CREDENTIAL = SYSTEM_CONFIG.with_name("mqtt-password")
"""Read by systemd, as root, for the service (LoadCredential= in systemd/attune.service)."""
STATE = Path("/var/lib/attune")
"""All that the services may write (StateDirectory= in their units)."""
_BROKER_FILES = ("ca_file", "cert_file", "key_file", "password_file")


def service_user() -> tuple[int, list[int]] | None:
    """Return number and groups of the services' user; None where not root asks, or there is none.

    Not installed, whoever starts the kiosk by hand is who asks.
    """
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return None
    return user.pw_uid, os.getgrouplist(USER, user.pw_gid)


def barrier(path: Path, user: int, groups: Sequence[int]) -> Path | None:
    """Return the first of a file or folder and those above it that bars a user, or None.

    What setup lets into the services (below /home, say) is reached whatever lies above it.
    """
    whole = path.resolve()
    above = () if _is_hidden(whole) else whole.parents
    for place in (*reversed(above), whole):
        status = place.stat()
        shift = 6 if status.st_uid == user else 3 if status.st_gid in groups else 0
        wanted = os.X_OK if stat.S_ISDIR(status.st_mode) else 0
        wanted |= os.R_OK if place == whole else 0
        if (status.st_mode >> shift) & wanted != wanted:
            return place
    return None


def advice_to_let_write(folder: Path) -> str:
    """Return what to do where root may write a folder and the services may not; else nothing.

    It may be done already: units can be changed in many ways.
    """
    if service_user() is None or folder.absolute().is_relative_to(STATE):
        return ""
    return (
        f"the services write below {STATE} alone: name a folder there, or give both units"
        f" ReadWritePaths={folder} (systemctl edit), and the folder to {USER}"
    )


def barriers_to_broker(mqtt: MqttSettings) -> list[tuple[str, str]]:
    """Return for each file of [mqtt] that the service cannot read why, and what to do."""
    service = service_user()
    if service is None:
        return []
    files = [(key, getattr(mqtt, key)) for key in _BROKER_FILES]
    found = [
        (f"[mqtt] {key} {path}", _fault(path, *service))
        for key, path in files
        if path not in (None, CREDENTIAL)
    ]
    return [(f"{what}: {fault[0]}", fault[1]) for what, fault in found if fault]


def _fault(path: Path, user: int, groups: Sequence[int]) -> tuple[str, str] | None:
    elsewhere = f"put it below {SYSTEM_CONFIG.parent} and name that place in [mqtt]"
    if not path.is_absolute():
        return "the service looks for it in another folder", "write the whole path, from / on"
    try:
        barred = barrier(path, user, groups)
    except OSError as error:
        return f"cannot be read: {error.strerror}", "put it there, or name another in [mqtt]"
    if _is_hidden(path) or _is_hidden(path.resolve()):
        return f"the service sees nothing below {', '.join(map(str, HIDDEN))}", elsewhere
    if barred == path.resolve():
        advice = f"chgrp {USER} {barred}; chmod 640 {barred}"
        return f"the user {USER} may not read it", advice
    return (f"{barred} does not let the user {USER} in", elsewhere) if barred else None


def _is_hidden(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in HIDDEN)
