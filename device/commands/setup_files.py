"""What ``attune setup`` writes: kiosk.toml, the password, and what the services must know."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from device.asker import give_to_asker
from device.commands.errors import CommandError
from device.commands.setup_questions import Answers

UNITS = Path("/etc/systemd/system")
RUNNING_SYSTEMD = Path("/run/systemd/system")
HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""Not seen by a service with ProtectHome= unless a folder is let in (systemd.exec(5))."""
SERVICES = ("attune.service", "attune-catalog.timer", "attune-catalog.path")
SHIPPED = (
    Path(__file__).parents[2] / "systemd/kiosk.toml",
    Path("/opt/attune/share/kiosk.toml"),
)
"""The settings with which an installed kiosk begins: in a checkout, and installed."""
READ_ONLY = "its disk is mounted read-only, as after an error on it: `dmesg` tells"


def check_writable(path: Path) -> None:
    """Raise CommandError before the first question rather than after the last."""
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(path if path.exists() else folder, os.W_OK):
        remedy = "run: sudo attune setup" if os.geteuid() else READ_ONLY
        raise CommandError(f"{path}: may not be written; {remedy}")


def fill_folders(tables: dict[str, dict[str, Any]]) -> list[str]:
    """Name the installed kiosk's folders where its settings do not; return what is to be said.

    Their defaults are below ``~``, which is one folder for the service and another for root.
    """
    shipped = _shipped()
    said = []
    for table, key in (("kiosk", "state_dir"), ("catalog", "folder")):
        section = tables.setdefault(table, {})
        if key not in section:
            section[key] = shipped[table][key]
            said.append(f"{table}.{key} was not set: it is {section[key]} now, as installed")
    return said


def _shipped() -> dict[str, Any]:
    for path in SHIPPED:
        if path.is_file():
            return tomllib.loads(path.read_text(encoding="utf-8"))
    raise CommandError(f"{SHIPPED[-1]}: is missing: install Attune again; nothing was changed")


def write(answers: Answers, path: Path, *, services: bool) -> list[str]:
    """Write the settings and what lies beside them; the file that was there stays beside it.

    With ``services`` all is put where the services can read it.
    """
    said = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if answers.get("mqtt", "username", None):
            secret = path.with_name("mqtt-password")
            if answers.password is not None:
                _replace(secret, f"{answers.password}\n", 0o600, for_asker=not services)
            known = answers.get("mqtt", "password_file", None) is not None
            if answers.password is not None or (secret.exists() and not known):
                answers.put("mqtt", password_file=str(secret))
        if services and answers.authority:
            said += _copy_authority(answers, path.with_name("mqtt-ca.crt"))
        if path.exists():
            kept = path.with_suffix(".toml.before-setup")
            shutil.copy2(path, kept)
            if not services:
                give_to_asker(kept)
            said.append(f"the settings until now are in {kept}")
        text, like = HEAD + as_toml(answers.tables), _rights(path, services)
        _replace(path, text, 0o644, like, for_asker=not services)
        said += [_make_folder(folder) for folder in answers.new_folders]
    except OSError as error:
        raise CommandError(
            f"{error.filename or path}: cannot be written: {error.strerror}"
        ) from error
    return [*said, f"settings written to {path}"]


def _copy_authority(answers: Answers, copy: Path) -> list[str]:
    """Put the broker's authority where a service without /home can read it."""
    given = answers.get("mqtt", "ca_file", "")
    _replace(copy, answers.authority, 0o644)
    answers.put("mqtt", ca_file=str(copy))
    if given == str(copy):
        return []
    return [f"copied {given} to {copy}, for the service: a renewed one goes there, too"]


HEAD = """\
# Attune: the settings of this box, written by `attune setup`.
# `attune check-config` shows every key there is with its value.

"""


def _rights(path: Path, services: bool) -> os.stat_result | None:
    """Return whose the settings are: closed to others, they may hold the login of a camera.

    None where there are none yet, and where they are root's alone: the service has to read them.
    """
    if not path.exists():
        return None
    before = path.stat()
    return None if services and before.st_gid == 0 else before


def _replace(
    path: Path,
    text: str,
    mode: int,
    like: os.stat_result | None = None,
    *,
    for_asker: bool = False,
) -> None:
    """Write so that there is the old file or the new one, never half of one.

    With ``like`` it has those rights; else, with ``for_asker``, it is that of whoever ran sudo.
    """
    temporary = path.with_name(f".{path.name}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if like is not None:
                with suppress(PermissionError):
                    os.fchown(handle, like.st_uid, like.st_gid)
            elif for_asker:
                give_to_asker(handle)
            os.fchmod(handle, mode if like is None else stat.S_IMODE(like.st_mode))
            file.write(text)
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _make_folder(folder: Path) -> str:
    """Make a folder for music, readable for the services, that belongs to whoever ran sudo."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    give_to_asker(folder)
    return f"made {folder}: put your music there"


def as_toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return tables of plain values as TOML; a JSON string is a TOML string (toml.io/v1.0.0)."""
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {as_value(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def as_value(value: Any) -> str:
    """Return a setting as it stands in the file."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_value(one) for one in value) + "]"
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise CommandError(f"a setting of the kind {type(value).__name__} cannot be written")


# --- the services ---------------------------------------------------------------------


def adapt_services(answers: Answers, units: Path = UNITS) -> list[str]:
    """Let the services see the music and no more of the network than they need; start them."""
    music = [Path(one) for one in answers.get("catalog", "music", [])]
    peers = [answers.get("mqtt", "host", ""), _host_of(answers.get("camera", "source", ""))]
    kiosk = ["[Service]", *_music_lines(music), *_network_lines([one for one in peers if one])]
    watched = ["[Path]", "PathChanged=", *(f"PathChanged={_watched(folder)}" for folder in music)]
    try:
        _drop_in(units, "attune.service", kiosk)
        _drop_in(units, "attune-catalog.service", ["[Service]", *_music_lines(music)])
        _drop_in(units, "attune-catalog.path", watched)
    except OSError as error:
        raise CommandError(f"{units}: cannot be written: {error}") from error
    if not answers.start:
        return [f"start it with: systemctl enable --now {' '.join(SERVICES)}"]
    return _start(reads_music=any(folder.is_dir() for folder in music))


def _music_lines(music: Iterable[Path]) -> list[str]:
    """Let in folders below the hidden ones; the rest of the file system can be read anyway."""
    hidden = [folder for folder in music if any(folder.is_relative_to(h) for h in HIDDEN)]
    return [f"BindReadOnlyPaths={_quoted(folder)}" for folder in hidden]


def _quoted(folder: Path) -> str:
    r"""Quote for systemd: ``%`` is a specifier, ``:`` ends the source, ``-`` lets it be absent.

    Within quotes no backslash makes a ``"`` a letter; quoted the other way round it is one.
    """
    text = str(folder).replace("\\", "\\\\").replace("%", "%%").replace(":", "\\:")
    if not re.search(r"[\s\"']", text):
        return f"-{text}"
    return '"-' + text.replace('"', '"\'"\'"') + '"'


def _watched(folder: Path) -> str:
    return str(folder).replace("%", "%%")


def _host_of(camera: str) -> str:
    """Return where a network camera is; empty for every other kind of camera."""
    try:
        return urlsplit(camera).hostname or ""
    except ValueError:
        return ""


def _network_lines(peers: Iterable[str]) -> list[str]:
    """Let in broker and network camera by their numbers; without both none but the box itself."""
    try:
        # Without the interface behind a link-local address: systemd would pass over all of it.
        addresses = [str(ipaddress.ip_address(peer)).partition("%")[0] for peer in peers]
    except ValueError:
        return []  # A name may move within the house's network, and must be looked up there.
    return ["IPAddressAllow=", f"IPAddressAllow={' '.join(['localhost', *addresses])}"]


def _drop_in(units: Path, unit: str, lines: list[str]) -> None:
    folder = units / f"{unit}.d"
    if len(lines) == 1:
        (folder / "setup.conf").unlink(missing_ok=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "setup.conf", "\n".join(["# by attune setup", *lines, ""]), 0o644)


def _start(*, reads_music: bool) -> list[str]:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return ["no systemd here: start the kiosk with `attune run`"]
    running = RUNNING_SYSTEMD.is_dir()
    commands = [["enable", *SERVICES]]
    if running:
        commands = [["daemon-reload"], *commands, ["restart", *SERVICES]]
        if reads_music:  # At once, and not when the timer comes to it.
            commands.append(["start", "--no-block", "attune-catalog.service"])
    for command in commands:
        done = subprocess.run(  # noqa: S603 - our own words
            [systemctl, *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CommandError(f"systemctl {' '.join(command)}: {done.stderr.strip()}")
    if not running:
        return ["it starts at every boot"]
    reading = ["your music is being read; watch it with: journalctl -fu attune-catalog"]
    return [*(reading if reads_music else []), "the kiosk runs and starts at every boot"]
