"""What takes the place of a device that is missing, and the line that says so.

``attune run`` on an installed box never invents a device: without a camera there is no face.
``attune run --stand-ins`` (which is ``make run``) shows the whole kiosk on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.config import Settings
from device.playback.cards import output_in_sight
from device.playback.output import list_outputs
from device.sensing.video_nodes import find_cameras
from firmware_bridge.port import list_ports


@dataclass(frozen=True, slots=True)
class Equipment:
    """Settings with every ``auto`` decided, and what to tell the operator."""

    settings: Settings
    messages: tuple[str, ...]
    finger_may_agree: bool
    """A simulated finger must not open a real camera."""


def equip(settings: Settings, stand_ins: bool) -> Equipment:
    """Decide what each ``auto`` means on this machine."""
    messages: list[str] = []
    camera, sensor, playback = settings.camera, settings.sensor, settings.playback
    if camera.source == "auto" and not find_cameras():
        if stand_ins:
            camera = camera.model_copy(update={"source": "builtin"})
            messages.append("no camera found: a still portrait stands in for it")
        else:
            messages.append("no camera found: plug one in; music by pulse, touch or words")
    if sensor.port == "auto" and not list_ports():
        if stand_ins:
            sensor = sensor.model_copy(update={"port": "simulated"})
            messages.append("no finger sensor found: a simulated finger stands in for it")
        else:
            messages.append("no finger sensor found: plug one in; no heart rate until then")
    # Only with a stand-in at hand is it worth the time to try each output.
    heard = bool(list_outputs()) if stand_ins else output_in_sight()
    if playback.output == "auto" and not heard:
        if stand_ins:
            playback = playback.model_copy(update={"output": "null"})
            messages.append("no sound card found: playing into a silent output")
        else:
            messages.append("no sound card found: plug one in; it is taken when it appears")
    if not settings.mqtt.host:
        messages.append("no MQTT broker configured: the house is not told ([mqtt] host)")
    simulated = sensor.port == "simulated"
    real_camera = camera.source not in ("builtin", "none")
    return Equipment(
        settings=settings.model_copy(
            update={"camera": camera, "sensor": sensor, "playback": playback}
        ),
        messages=tuple(messages),
        finger_may_agree=not (simulated and real_camera),
    )
