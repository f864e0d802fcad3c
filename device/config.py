"""``kiosk.toml`` -> frozen settings: every key has a unit, a range and a default for a Pi.

Unknown keys, wrong types and values out of range are all reported at once, each with the
key, what is allowed and what was found; a broken file is never half used.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from catalog.folders import from_home
from device.identity import own_kiosk_id
from device.readings import Strategy

SYSTEM_CONFIG = Path("/etc/attune/kiosk.toml")

Percent = Annotated[float, Field(ge=0, le=100)]


def own_path(path: Path) -> Path:
    """Return ``path`` with ``~`` written out; raises ValueError for one that cannot be."""
    if "\0" in str(path):
        raise ValueError("no path holds a NUL")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no user {path.parts[0][1:]!r} here") from error


def _named(value: Any) -> Any:
    """Refuse an empty name: as a path it would be the folder in which the kiosk was started."""
    if value == "":
        raise ValueError("is empty: take the key out, for its default")
    return value


OwnPath = Annotated[Path, BeforeValidator(_named), AfterValidator(own_path)]
EMPTY_IS_NONE = BeforeValidator(lambda value: None if value == "" else value)
"""For a file that one can do without, as an empty host is no broker."""
FromHome = AfterValidator(lambda text: str(from_home(text)) if text.startswith("~") else text)
"""For a text that may be the path of a file."""
Fraction = Annotated[float, Field(ge=0, le=1)]


def _credential(path: Path) -> Path:
    """Take systemd's copy of a secret where there is one (systemd.exec(5), LoadCredential=).

    On disk the file is readable for root alone; so `attune mqtt-test` as root and the service
    use the same setting. The copy is made when the service starts, and stays as it is. It is of
    the file below /etc/attune, and not of one of the same name elsewhere.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder or path.parent != SYSTEM_CONFIG.parent:
        return path
    copy = Path(folder) / path.name
    return copy if copy.is_file() else path


SecretPath = Annotated[OwnPath, AfterValidator(_credential)]
Place = Literal["home", "public", "event", "care", "workplace", "school"]


def _lawful(place: Place) -> Place:
    if place in ("workplace", "school"):
        raise ValueError(
            "reading emotions from faces and pulse at work and in education is prohibited in the"
            " EU (AI Act, Art. 5(1)(f)); Attune does not run there"
        )
    return place


_TOPIC = r"^[^$#+/\x00-\x1f][^#+/\x00-\x1f]*(/[^#+/\x00-\x1f]+)*$"
"""A place below which topics grow: no wildcards, no empty level, none of the broker's own."""


class ConfigError(Exception):
    """All that is wrong with a configuration, one line per fault."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))


class Section(BaseModel):
    """A table of the file: unknown keys are errors and nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class KioskSettings(Section):
    name: Annotated[str, Field(min_length=1, max_length=40)] = "Attune"
    id: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")] = Field(default_factory=own_kiosk_id)
    """Stable identity on MQTT; two kiosks need two."""
    language: Literal["en", "zh", "ru", "ko", "de"] = "en"
    place: Annotated[Place, AfterValidator(_lawful)] = "home"
    """Where the box stands; at work and in schools it refuses to run."""
    state_dir: OwnPath = Path("~/.local/state/attune")


class CameraSettings(Section):
    source: Annotated[str, Field(min_length=1), FromHome] = "auto"
    """``auto``, an index, /dev/video..., ``csi`` (a Raspberry Pi's own; ``csi:1`` is the second),
    the address of a network camera's stream, a video file, a still picture, ``builtin`` or
    ``none``."""
    width_px: Annotated[int, Field(ge=160, le=3840)] = 640
    height_px: Annotated[int, Field(ge=120, le=2160)] = 480
    frame_interval_s: Annotated[float, Field(ge=0.02, le=5)] = 0.066
    mirror: bool = False
    rotate_deg: Literal[0, 90, 180, 270] = 0


class FaceSettings(Section):
    detector: Literal["mediapipe", "litert"] = "litert"
    min_score: Fraction = 0.5
    min_face_px: Annotated[int, Field(ge=16, le=1000)] = 30
    smoothing_s: Annotated[float, Field(ge=0, le=30)] = 1.5
    """Time constant of the smoothing in logits."""
    neutral_s: Annotated[float, Field(ge=0, le=30)] = 3.0
    """First seconds of a visit taken as the person's own neutral; 0 switches it off."""


class SensorSettings(Section):
    port: str = "auto"
    """``auto``, a device path (best below /dev/serial/by-id), ``simulated`` or ``none``."""
    protocol: Literal[
        "auto",
        "attune",
        "pulsesensor",
        "sparkfun",
        "cms50d_old",
        "cms50d_new",
        "nonin",
    ] = "auto"


class PulseSettings(Section):
    window_s: Annotated[float, Field(ge=15, le=300)] = 60.0
    min_window_s: Annotated[float, Field(ge=8, le=120)] = 15.0
    """Shortest signal that gives a heart rate; HRV and stress need 30 s."""
    min_quality: Fraction = 0.5

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse a wait that no window ends: nobody would ever have a heart rate."""
        if self.min_window_s > self.window_s:
            raise ValueError("min_window_s must not be above window_s")
        return self


class MoodSettings(Section):
    face_max_age_s: Annotated[float, Field(ge=0.2, le=60)] = 3.0
    pulse_max_age_s: Annotated[float, Field(ge=1, le=120)] = 10.0
    words_hold_s: Annotated[float, Field(ge=10, le=3600)] = 300.0
    """How long a mood said in words or by touch counts."""
    smoothing_s: Annotated[float, Field(ge=0, le=60)] = 4.0
    min_confidence: Fraction = 0.25
    """Below it the kiosk asks for the mood instead of choosing by it."""


class StrategySettings(Section):
    default: Strategy = Strategy.MATCH
    step: Annotated[float, Field(gt=0, le=1)] = 0.35
    """How far toward the target each next track goes (fraction of the way left)."""
    path_tracks: Annotated[int, Field(ge=1, le=50)] = 5


class CatalogSettings(Section):
    folder: OwnPath = Path("~/.local/share/attune/catalogue")
    music: tuple[OwnPath, ...] = ()
    dlut_lexicon: Annotated[OwnPath | None, EMPTY_IS_NONE] = None
    """The DLUT ontology (.xlsx) by which builds and imports read Chinese words."""


class RecommenderSettings(Section):
    candidates: Annotated[int, Field(ge=1, le=1000)] = 50
    repeat_after_s: Annotated[float, Field(ge=0)] = 4 * 3600.0
    artist_spacing: Annotated[int, Field(ge=0, le=50)] = 3
    """Tracks before the same artist may come again."""


class PlaybackSettings(Section):
    output: Annotated[str, FromHome] = "auto"
    """``auto``, the stable name of a sound card, ``null`` or a path ending in .wav:
    what is there stays, and ``out-2.wav`` follows on ``out.wav``."""
    volume_percent: Percent = 70.0
    crossfade_s: Annotated[float, Field(ge=0, le=15)] = 4.0
    target_lufs: Annotated[float, Field(ge=-40, le=-5)] = -16.0
    true_peak_limit_dbtp: Annotated[float, Field(ge=-12, le=0)] = -1.0
    duck_db: Annotated[float, Field(ge=-60, le=0)] = -18.0
    microphone: str = ""
    """Lowers the music while somebody speaks: ``auto`` or the stable name of a microphone.
    Empty: no microphone is opened. Only its level is looked at; nothing is kept."""
    microphone_threshold_dbfs: Annotated[float, Field(ge=-80, le=-10)] = -45.0
    """Quieter speech does not lower the music."""


class MqttSettings(Section):
    host: str = ""
    """Empty: no broker."""
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str = ""
    password_file: Annotated[SecretPath | None, EMPTY_IS_NONE] = None
    """Read at every connection; a line end at its end does not count. The installed kiosk reads
    systemd's copy, so a new password counts after `systemctl restart attune`."""
    tls: bool = False
    ca_file: Annotated[OwnPath | None, EMPTY_IS_NONE] = None
    """Default: the authorities the system trusts."""
    cert_file: Annotated[OwnPath | None, EMPTY_IS_NONE] = None
    key_file: Annotated[SecretPath | None, EMPTY_IS_NONE] = None
    base_topic: Annotated[str, Field(max_length=100, pattern=_TOPIC)] = "attune"
    discovery_prefix: Annotated[str, Field(max_length=100, pattern=rf"^$|{_TOPIC}")] = (
        "homeassistant"
    )
    """Empty: no Home Assistant discovery."""
    media_player: bool = False
    """Also speak to the custom component ``mqtt_media_player``."""
    publish_mood: bool = True
    """Mood, valence, arousal, confidence, and the reason why a track was chosen."""
    publish_heart_rate: bool = True
    publish_rmssd: bool = True
    publish_stress: bool = True
    publish_signal_quality: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse what would travel in the clear against the owner's intent."""
        if misfits := _mqtt_misfits(self.__dict__):
            raise ValueError("; ".join(misfits))
        return self


def _mqtt_misfits(table: Mapping[str, Any]) -> list[str]:
    """Return which keys of [mqtt] do not fit together; of each only whether it is set counts."""
    given = {key for key, value in table.items() if value}
    faults = []
    if ("cert_file" in given) != ("key_file" in given):
        faults.append("cert_file and key_file are needed together")
    if "tls" not in given and given & {"ca_file", "cert_file"}:
        faults.append("ca_file and cert_file do nothing without tls = true")
    if "password_file" in given and "username" not in given:
        faults.append("password_file does nothing without a username")
    return faults


class ScreenSettings(Section):
    mode: Literal["auto", "fullscreen", "window", "none"] = "auto"
    width_px: Annotated[int, Field(ge=320, le=7680)] = 1024
    height_px: Annotated[int, Field(ge=240, le=4320)] = 600
    rotate_deg: Literal[0, 90, 180, 270] = 0
    """How far the picture is turned clockwise, for a panel that hangs on its side or its head."""
    high_contrast: bool = False
    large_type: bool = False
    reduced_motion: bool = False
    frames_per_s: Annotated[int, Field(ge=5, le=60)] = 30


class VisitSettings(Section):
    greeting_s: Annotated[float, Field(ge=0, le=60)] = 2.5
    """The welcome, before the question of consent."""
    consent_timeout_s: Annotated[float, Field(ge=5, le=600)] = 45.0
    sensing_s: Annotated[float, Field(ge=2, le=300)] = 12.0
    """Longest look before the first track; a sure mood ends it earlier."""
    finger_consent_s: Annotated[float, Field(ge=1, le=30)] = 3.0
    """A finger held on the sensor this long under the privacy notice is a yes."""
    absence_s: Annotated[float, Field(ge=2, le=3600)] = 30.0
    """Nobody in view and no finger for this long ends the visit."""
    unseen_s: Annotated[float, Field(ge=10, le=86400)] = 900.0
    """The same where neither camera nor finger is in use, or the camera sees nothing: time since
    the last touch."""
    max_visit_s: Annotated[float, Field(ge=30, le=86400)] = 3600.0
    farewell_s: Annotated[float, Field(ge=1, le=120)] = 8.0


class HistorySettings(Section):
    keep: bool = False
    """Off by default: nothing about a visit outlives it."""


class Settings(Section):
    """The whole of ``kiosk.toml``."""

    kiosk: KioskSettings = KioskSettings()
    camera: CameraSettings = CameraSettings()
    face: FaceSettings = FaceSettings()
    sensor: SensorSettings = SensorSettings()
    pulse: PulseSettings = PulseSettings()
    mood: MoodSettings = MoodSettings()
    strategy: StrategySettings = StrategySettings()
    catalog: CatalogSettings = CatalogSettings()
    recommender: RecommenderSettings = RecommenderSettings()
    playback: PlaybackSettings = PlaybackSettings()
    mqtt: MqttSettings = MqttSettings()
    screen: ScreenSettings = ScreenSettings()
    visit: VisitSettings = VisitSettings()
    history: HistorySettings = HistorySettings()


def load(path: Path) -> Settings:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file is missing, is no TOML, or holds any fault; all are named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # Some editors begin with a mark (BOM).
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, [f"is not text in UTF-8: {error}"]) from error
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:  # The last: a thousand brackets.
        raise ConfigError(path, [f"is not valid TOML: {error}"]) from error
    return parse(data, path)


def find_and_load(given: Path | None = None) -> Settings:
    """Load ``given``, else ``$ATTUNE_CONFIG``, else /etc/attune/kiosk.toml, else the defaults."""
    path = settings_file(given)
    return Settings() if path is None else load(path)


def settings_file(given: Path | None = None) -> Path | None:
    """Return the file that :func:`find_and_load` takes; None: there is none, for the defaults."""
    if given is None and os.environ.get("ATTUNE_CONFIG"):
        given = Path(os.environ["ATTUNE_CONFIG"])
    if given is None and SYSTEM_CONFIG.is_file():
        given = SYSTEM_CONFIG
    return given and from_home(given)  # The shell leaves --config=~/kiosk.toml as it is.


def parse(data: dict[str, Any], path: OwnPath = Path("kiosk.toml")) -> Settings:
    """Check ``data`` and return the settings; raises ConfigError naming every fault."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults = [_describe(fault) for fault in found]
        # The keys of a table are compared by pydantic only where each is right by itself.
        if any(fault["loc"][0] == "mqtt" and len(fault["loc"]) > 1 for fault in found):
            faults += [f"'mqtt': {misfit}" for misfit in _mqtt_misfits(data["mqtt"])]
        raise ConfigError(path, faults) from error


def known_keys(*tables: str) -> tuple[str, ...]:
    """Return the keys allowed at the given place of the file (none: the tables)."""
    section: type[BaseModel] = Settings
    for table in tables:
        field = section.model_fields.get(table)
        if field is None or not isinstance(field.annotation, type):
            return ()
        if not issubclass(field.annotation, BaseModel):
            return ()
        section = field.annotation
    return tuple(section.model_fields)


_SHAPES = {
    "tuple_type": 'input should be a list such as ["one", "two"]',
    "model_type": "input should be a table: its keys stand below its name in brackets",
}
"""Kinds of values in the words of TOML, not of Python."""


def _hint(where: list[str]) -> str:
    """Return where an unknown key belongs, or which one of its table is written much like it."""
    homes = [f"[{table}]" for table in known_keys() if where[-1] in known_keys(table)]
    if homes:
        return f"; it belongs below {' or '.join(homes)}"
    close = difflib.get_close_matches(where[-1], known_keys(*where[:-1]), 1, 0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _describe(fault: Any) -> str:
    where = [str(part) for part in fault["loc"]]
    key = ".".join(where)
    # What a whole table holds may be a secret, and goes into the log.
    found = "" if isinstance(fault["input"], dict | list) else f", found {fault['input']!r}"
    if fault["type"] == "extra_forbidden":
        return f"unknown key '{key}'{_hint(where)}"
    message = _SHAPES.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return f"'{key}': {message[0].lower()}{message[1:]}{found}"
