"""``attune diagnostics``: one archive for whoever helps, without secrets and without people."""

from __future__ import annotations

import argparse
import getpass
import io
import json
import os
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from device.commands.errors import CommandError

if TYPE_CHECKING:
    from device.config import Settings

SYSTEMD = Path("/run/systemd/system")
LOG_LINES = 1000
TIMEOUT_S = 20.0
MASK = "***"
README = """\
Written by `attune diagnostics`. It holds: the settings, versions of the program and its parts,
the devices found and what `attune doctor` says of them, counts (not contents) of what the kiosk
remembers, and the last lines of its log.
Left out or replaced by ***: passwords and keys, the names of broker, network camera, users and
kiosk, folders of people (/home/***), network and hardware addresses. Nothing measured on a person
is ever in the log. Have a look before you pass it on.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "diagnostics",
        help="one archive with all that helps to find a fault, without secrets",
        description="Write one archive: settings without secrets, versions, devices, counts, log.",
        epilog="example: sudo attune diagnostics fault.zip    (root may read the service's log)",
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE.zip", help="archive to write")
    parser.add_argument("--config", type=Path, metavar="FILE", help="kiosk.toml to use")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Collect and write the archive; a part that cannot be had says so inside."""
    from device.commands.run import load_settings
    from device.config import Settings, settings_file

    parts, refused = {"README.txt": README}, ""
    try:
        settings = load_settings(args.config)
    except CommandError as error:  # Then the archive is needed most of all.
        settings, refused = Settings(), str(error)
    path: Path = args.file or Path(time.strftime("attune-diagnostics-%Y%m%d-%H%M%S.zip"))
    source = settings_file(args.config)
    redact = Redaction(settings, _names_in(source) if refused and source else set())
    if refused:
        parts["settings-refused.txt"] = redact(f"{refused}\nWhat follows is of the defaults.\n")
    for name, collect in PARTS:
        try:
            parts[name] = redact(collect(settings), addresses=name != "versions.json")
        except (OSError, CommandError, subprocess.SubprocessError, ValueError) as error:
            parts[name] = redact(f"could not be had: {error}\n")
    try:
        _write(path, parts)
    except FileExistsError as error:
        raise CommandError(f"{path}: is there already; name another file") from error
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
    if args.json:
        print(json.dumps({"file": str(path), "parts": list(parts)}))
    else:
        print(f"written: {path} ({', '.join(parts)})")
        print("Have a look before you pass it on.")
        if os.geteuid() and SYSTEMD.is_dir():
            print("The service's log is complete only with sudo.")
    return 0


class Redaction:
    """Takes out of a text what names people, networks and secrets."""

    PATTERNS = (
        # What opens a network camera: before its host, or as a query behind the address.
        (re.compile(r"(?<=:/)(/?)[^/?\s\"']*@"), rf"\1{MASK}@"),
        (re.compile(r"(://[^?\s\"']*)\?[^\s\"']+"), rf"\1?{MASK}"),
        (re.compile(r"(/home|/media|/Users)/[^/\s\"']+"), rf"\1/{MASK}"),
        (re.compile(r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b"), MASK),
        (re.compile(r"\b(?!127\.)(?:\d{1,3}\.){3}\d{1,3}\b"), MASK),
        # Seven groups at least, or a "::" between groups: a clock time is no address.
        (re.compile(r"\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b"), MASK),
        (re.compile(r"\b[0-9a-fA-F]{1,4}:(?:[0-9a-fA-F]{0,4}:)+[0-9a-fA-F]{0,4}(?=::|\b)"), None),
        # Machines of the house: the log still has the broker of before the last setup.
        (re.compile(r"(?i)\b(?:[\w-]+\.)+(?:local|lan|home\.arpa|fritz\.box)\b"), MASK),
        (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b"), MASK),
        (re.compile(r"(?i)((?:password|passwd|token|secret)[\"']?\s*[=:]\s*)\S+"), rf"\1{MASK}"),
    )

    def __init__(self, settings: Settings, more: Set[str] = frozenset()) -> None:
        """Hide what the settings name, and ``more``."""
        from device.config import known_keys

        mqtt, kiosk = settings.mqtt, settings.kiosk
        hidden = {mqtt.host, mqtt.username, kiosk.name, kiosk.id, os.uname().nodename}
        hidden |= _whose() | set(re.findall(r"://(?:[^/?]*@)?([^/:?]+)", settings.camera.source))
        hidden |= _people_in(settings)
        hidden |= more
        hidden -= {"attune", "Attune", "root", "localhost", "127.0.0.1"}
        # A broker's user is often called mqtt: hidden, that word would garble the settings.
        hidden -= {key for table in known_keys() for key in (table, *known_keys(table))}
        hidden |= {_secret(path) for path in (mqtt.password_file,) if path}
        written = {json.dumps(word, ensure_ascii=a)[1:-1] for word in hidden for a in (True, False)}
        self._hidden = sorted((hidden | written) - {""}, key=len, reverse=True)

    def __call__(self, text: str, addresses: bool = True) -> str:
        """Return ``text`` without them; ``addresses`` False: a version of four parts is none."""
        for word in self._hidden:
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", MASK, text)
        for pattern, replacement in self.PATTERNS if addresses else ():
            text = pattern.sub(replacement or _mask_ipv6, text)
        return text


def _people_in(settings: Settings) -> set[str]:
    """Return the folders of people in the settings whose names the pattern would cut short."""
    paths = (*settings.catalog.music, settings.catalog.folder, settings.kiosk.state_dir)
    found = (re.search(r"/(?:home|media|Users)/([^/]+)", str(path)) for path in paths)
    return {match[1] for match in found if match and re.search(r"[\s\"']", match[1])}


def _mask_ipv6(found: re.Match[str]) -> str:
    return MASK if "::" in found[0] else found[0]


def _names_in(path: Path) -> set[str]:
    """Return the names in settings that cannot be used, perhaps not even be parsed."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    keys = "host|username|name|id|password_file"  # The last may hold the password itself.
    # Also behind a dot or within braces: mqtt.host = "...", mqtt = { host = "..." }.
    found = re.findall(rf"""(?<![\w-])(?:{keys})\s*=\s*(["'])(.+?)\1""", text)
    return {word for _, word in found}


def _whose() -> set[str]:
    """Return the names of whoever runs this, which doctor says of devices that are barred."""
    with suppress(KeyError, OSError):  # A number without a name.
        return {getpass.getuser(), os.environ.get("SUDO_USER", "")}
    return set()


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        # What cannot be read cannot get into the archive either, but the name of no file at all
        # may be the password itself.
        return "" if path.name != str(path) else path.name


def _write(path: Path, parts: dict[str, str]) -> None:
    """Write for the owner's eyes alone; one that is there is not overwritten, none left half.

    The owner who needed sudo for it has to look at it, and to pass it on.
    """
    from device.asker import write_for_asker

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    write_for_asker(path, content.getvalue())


# --- the parts ------------------------------------------------------------------------


def _settings(settings: Settings) -> str:
    tables = settings.model_dump(mode="json")
    for key in ("password_file", "key_file", "cert_file", "ca_file"):
        if tables["mqtt"].get(key):
            tables["mqtt"][key] = "(set)"
    return json.dumps(tables, indent=2, ensure_ascii=False)


def _versions(_settings: Settings) -> str:
    import platform

    names = sorted({dist.name: dist.version for dist in metadata.distributions()}.items())
    release = Path("/etc/os-release")
    model = Path("/proc/device-tree/model")
    facts = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "release": release.read_text().splitlines()[0] if release.exists() else "",
        "model": model.read_text().strip("\0\n") if model.exists() else "",
        "cores": os.cpu_count(),
        "memory": Path("/proc/meminfo").read_text().splitlines()[:3],
        "packages": dict(names),
    }
    return json.dumps(facts, indent=2)


def _doctor(settings: Settings) -> str:
    from device.commands.doctor import examine

    return json.dumps([asdict(finding) for finding in examine(settings)], indent=2)


def _counts(settings: Settings) -> str:
    from device.storage.history import open_history

    state = settings.kiosk.state_dir
    with open_history(state) as history:
        counts = asdict(history.counts())
    files = {str(p): p.stat().st_size for p in sorted(state.glob("*")) if p.is_file()}
    free = shutil.disk_usage(state if state.exists() else "/").free
    return json.dumps({"remembered": counts, "files_bytes": files, "free_bytes": free}, indent=2)


def _service(_settings: Settings) -> str:
    keys = "ActiveState,SubState,Result,NRestarts,MemoryCurrent,ActiveEnterTimestamp,StatusText"
    return _said("systemctl", "show", "attune.service", "attune-catalog.service", f"-p{keys}")


def _log(_settings: Settings) -> str:
    return _said(
        "journalctl", "-u", "attune.service", "-u", "attune-catalog.service",
        "--no-pager", "--no-hostname", f"-n{LOG_LINES}", "-oshort-iso",
    )  # fmt: skip


def _said(program: str, *words: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise CommandError(f"{program} is not installed")
    done = subprocess.run(  # noqa: S603 - our own words
        [found, *words], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return done.stdout + done.stderr


PARTS: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    ("settings.json", _settings),
    ("versions.json", _versions),
    ("doctor.json", _doctor),
    ("counts.json", _counts),
    ("service.txt", _service),
    ("log.txt", _log),
)
