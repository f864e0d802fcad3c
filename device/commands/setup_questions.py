"""The questions of ``attune setup`` and what an answer must be."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.commands.errors import CommandError
from device.config import own_path
from device.identity import NAMELESS, own_kiosk_id

TRIES = 5
TOO_SOON = "the answers ended too soon; nothing was changed"
LAW = """\
Attune reads emotions from faces and pulse. In the European Union that is prohibited at the
workplace and in education since 2 February 2025 (AI Act, Regulation (EU) 2024/1689,
Art. 5(1)(f)). Elsewhere the people in front of the box must be told before it looks at them
(Art. 50(3)); the kiosk does that on its screen and asks for consent. This is no legal advice.
"""
REFUSAL = (
    "a place of work or education: Attune does not run there (AI Act, Art. 5(1)(f))."
    " Nothing was changed"
)
PLACES = (
    ("home", "at home"),
    ("public", "a place open to visitors: museum, library, waiting room, café"),
    ("event", "an exhibition or event, for a time"),
    ("care", "care or therapy, with the consent of those in care"),
    ("workplace", "a workplace"),
    ("school", "a school, university or other place of education"),
)
LANGUAGES = (
    ("en", "English"),
    ("de", "Deutsch"),
    ("ko", "한국어"),
    ("ru", "Русский"),
    ("zh", "中文"),
)


@dataclass
class Answers:
    """What kiosk.toml is to hold, and the password that is to lie beside it."""

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    password: str | None = None
    """None: leave the file as it is."""
    authority: str = ""
    """The certificates in ``ca_file``."""
    new_folders: list[Path] = field(default_factory=list)
    """For music; to be made."""
    start: bool = False

    def put(self, table: str, **values: Any) -> None:
        """Set keys; None takes a key out, so that its default counts."""
        section = self.tables.setdefault(table, {})
        for key, value in values.items():
            section.pop(key, None)
            if value is not None:
                section[key] = value
        if not section:
            del self.tables[table]

    def get(self, table: str, key: str, default: Any) -> Any:
        """Return a present setting."""
        return self.tables.get(table, {}).get(key, default)


class Dialogue:
    """Questions on stdout, answers from stdin, be it a person or a pipe."""

    def say(self, text: str) -> None:
        print(text, flush=True)

    def ask(self, question: str, default: str, check: Callable[[str], str] = str.strip) -> str:
        """Return a checked answer; ``check`` returns it cleaned or raises ValueError."""
        for _ in range(TRIES):
            said = self._line(f"{question} [{default}]: ").strip() or default
            try:
                return check(said)
            except ValueError as error:
                self.say(f"  {error}")
        raise CommandError(f"no usable answer to {question!r} in {TRIES} tries; nothing changed")

    def choose(self, question: str, options: Sequence[tuple[str, str]], default: str) -> str:
        """Return the first half of one option, chosen by number or by name."""
        self.say(question)
        names = [name for name, _ in options]
        for number, (name, text) in enumerate(options, 1):
            self.say(f"  {number}  {text}" + (f" ({name})" if name not in text else ""))

        def check(said: str) -> str:
            if said.isdigit() and 1 <= int(said) <= len(names):
                return names[int(said) - 1]
            if said in names:
                return said
            raise ValueError(f"answer with a number from 1 to {len(names)}")

        shown = str(names.index(default) + 1) if default in names else default
        return self.ask("your choice", shown, check)

    def yes(self, question: str, default: bool) -> bool:
        """Return the answer to a yes-or-no question."""

        def check(said: str) -> str:
            if said.lower() in ("y", "yes", "n", "no"):
                return said.lower()[0]
            raise ValueError("answer y or n")

        return self.ask(f"{question} (y/n)", "y" if default else "n", check) == "y"

    def secret(self, question: str) -> str:
        """Return a password; a terminal does not show it."""
        if sys.stdin.isatty():
            try:
                return getpass.getpass(f"{question}: ")
            except EOFError as error:
                raise CommandError(TOO_SOON) from error
        return self._line(f"{question}: ")

    @staticmethod
    def _line(prompt: str) -> str:
        try:
            line = input(prompt)
        except EOFError as error:
            raise CommandError(TOO_SOON) from error
        if not sys.stdin.isatty():
            print()
        return line


def ask_all(dialogue: Dialogue, before: dict[str, Any], *, services: bool = True) -> Answers:
    """Ask everything; without ``services`` not whether to start them.

    Raises CommandError where the box may not be used or answers lack.
    """
    answers = Answers({name: dict(table) for name, table in before.items()})
    _ask_place(dialogue, answers)
    _ask_identity(dialogue, answers)
    _ask_devices(dialogue, answers)
    _ask_music(dialogue, answers)
    _ask_broker(dialogue, answers)
    keep = dialogue.yes(
        "Keep a line of numbers about each visit, without names (history)?",
        answers.get("history", "keep", False),
    )
    answers.put("history", keep=keep)
    answers.start = services and dialogue.yes("Start the kiosk now and at every boot?", True)
    return answers


def _ask_place(dialogue: Dialogue, answers: Answers) -> None:
    dialogue.say(LAW)
    place = dialogue.choose(
        "Where will this box stand?", PLACES, answers.get("kiosk", "place", "home")
    )
    if place in ("workplace", "school"):
        raise CommandError(REFUSAL)
    answers.put("kiosk", place=place)


def _ask_identity(dialogue: Dialogue, answers: Answers) -> None:
    language = dialogue.choose(
        "Language of the screen?", LANGUAGES, answers.get("kiosk", "language", "en")
    )
    name = dialogue.ask("Name of the box", answers.get("kiosk", "name", "Attune"), _name)
    proposed = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")[:32]
    # Two boxes that nobody named share one broker some day; and the house that knows this one
    # would take it for another.
    if proposed in ("", NAMELESS) or answers.get("mqtt", "host", ""):
        proposed = own_kiosk_id()
    stable = answers.get("kiosk", "id", proposed)
    answers.put("kiosk", language=language, name=name, id=stable)


def _ask_devices(dialogue: Dialogue, answers: Answers) -> None:
    from device.playback.output import list_outputs
    from device.sensing.video_nodes import find_cameras
    from firmware_bridge.port import list_ports

    auto = ("auto", "the one that is there, also one plugged in later")
    cameras = [(camera.path, f"{camera.name}, {camera.path}") for camera in find_cameras()]
    chosen = dialogue.choose(
        "Camera?", _with_present(answers, "camera", "source", [auto, *cameras, _NONE]), _AS_IS
    )
    answers.put("camera", source=chosen)
    ports = [(port.path, f"{port.name}, {port.path}") for port in list_ports()]
    chosen = dialogue.choose(
        "Finger sensor?", _with_present(answers, "sensor", "port", [auto, *ports, _NONE]), _AS_IS
    )
    answers.put("sensor", port=chosen)
    outputs = [(output.name, output.name) for output in list_outputs()]
    chosen = dialogue.choose(
        "Sound output?", _with_present(answers, "playback", "output", [auto, *outputs]), _AS_IS
    )
    answers.put("playback", output=chosen)


_NONE = ("none", "none: the kiosk goes without")
_AS_IS = "1"


def _with_present(
    answers: Answers, table: str, key: str, options: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Put the present choice first."""
    present = answers.get(table, key, "auto")
    first = [option for option in options if option[0] == present]
    if not first:
        first = [(present, f"as it is: {present} (not connected now)")]
    return first + [option for option in options if option[0] != present]


def _ask_music(dialogue: Dialogue, answers: Answers) -> None:
    present = answers.get("catalog", "music", ["/srv/music"])
    said = dialogue.ask(
        "Folders with your music, several with commas between", _listed(present), _folders
    )
    folders = [Path(part) for part in _split(said)]
    answers.put("catalog", music=[str(folder) for folder in folders])
    for folder in folders:
        # What hangs on a stick or a share may only be away at the moment.
        is_there = os.path.lexists(folder)
        if not is_there and dialogue.yes(f"There is no {folder} yet. Make it?", True):
            answers.new_folders.append(folder)


def _ask_broker(dialogue: Dialogue, answers: Answers) -> None:
    present = answers.get("mqtt", "host", "")
    host = dialogue.ask(
        "MQTT broker of the house, as name or address (none: a minus sign)", present or "-"
    )
    if host == "-":
        answers.put("mqtt", host=None)
        return
    # Offered to a new box; one that speaks to its broker without stays so.
    encrypted = answers.get("mqtt", "tls", not present)
    tls = dialogue.yes("Is the connection encrypted (TLS)?", encrypted)
    port = dialogue.ask("Its port", _offered_port(answers, tls), _port)
    ca_file = ""
    if tls:
        ca_file = dialogue.ask(
            "File with the authority that signed its certificate (-: one the system knows)",
            answers.get("mqtt", "ca_file", "") or "-",
            _authority,
        )
        answers.authority = certificates(Path(ca_file)) if ca_file else ""
    known = answers.get("mqtt", "username", "")
    user = dialogue.ask("User name there (-: none)", known or "-")
    answers.put("mqtt", host=host, port=int(port), tls=tls, ca_file=ca_file or None)
    if not tls:
        answers.put("mqtt", cert_file=None, key_file=None)
    if user == "-":
        answers.put("mqtt", username=None, password_file=None)
    else:
        answers.put("mqtt", username=user)
    if user != "-":
        said = dialogue.secret(f"Its password (empty: {'as it is' if known else 'none'})")
        answers.password = said or None


def _offered_port(answers: Answers, tls: bool) -> str:
    """Return the present port, but never the usual one of the other kind of connection."""
    usual, others = ("8883", "1883") if tls else ("1883", "8883")
    present = str(answers.get("mqtt", "port", usual))
    return usual if present == others else present


def _name(said: str) -> str:
    if not 1 <= len(said) <= 40 or not said.isprintable():
        raise ValueError("1 to 40 letters")
    return said


def _port(said: str) -> str:
    if not said.isdigit() or not 1 <= int(said) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return said


def _folders(said: str) -> str:
    folders = [own_path(Path(part)) for part in _split(said)]
    for folder in folders:
        if not folder.is_absolute():
            quotes = '; one with a comma in it goes between quotes, "/a, b"' if "," in said else ""
            raise ValueError(f"{folder}: give the whole path, beginning with /{quotes}")
        # With the slash a file is none, whatever its rights.
        is_readable = os.access(f"{folder}/", os.R_OK | os.X_OK)
        if os.path.lexists(folder) and not is_readable:
            raise ValueError(f"{folder}: is no folder that can be read")
    return _listed(map(str, folders))


_PART = re.compile(r"""\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([^,]*?))\s*(?:,|$)""")


def _split(said: str) -> list[str]:
    """Return the paths of a list with commas; one that holds a comma is quoted, or is there."""
    if "," in said and os.path.isdir(own_path(Path(said))):  # noqa: PTH112 - Path's raises where one may not look
        return [said]
    parts = []
    for found in _PART.finditer(said):
        double, single, plain = found.groups()
        if double is not None:
            plain = double.replace('""', '"')
        elif single is not None:
            plain = single.replace("''", "'")
        parts.append(plain)
        if not found[0].endswith(","):
            break
    return parts


def _listed(folders: Iterable[str]) -> str:
    """Return paths as `_split` takes them: quoted where a comma or a space would be lost."""
    return ", ".join(
        _quoted(folder) if "," in folder or folder != folder.strip() else folder
        for folder in folders
    )


def _quoted(folder: str) -> str:
    return '"' + folder.replace('"', '""') + '"'


def _authority(said: str) -> str:
    if said == "-":
        return ""
    # Whole: the service starts in another folder than whoever answers.
    path = own_path(Path(said)).absolute()
    try:
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        if not certificates(path):
            raise ValueError(f"{path}: holds no certificate in PEM form (BEGIN CERTIFICATE)")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    return str(path)


def certificates(path: Path) -> str:
    """Return the certificates in a PEM file and nothing else that is in it, such as a key."""
    text = path.read_text(encoding="ascii", errors="replace")
    return "".join(f"{found[0]}\n" for found in _CERTIFICATE.finditer(text))


_CERTIFICATE = re.compile(r"-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]+-----END \1-----")
"""RFC 7468, section 5, with the other two names that OpenSSL takes (pem.h)."""
