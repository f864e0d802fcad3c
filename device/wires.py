"""All that leads to and from the conductor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device import readings as r
from device.channels import BoundedQueue, LatestSlot, Permission
from device.playback.messages import PlayerEvent, PlayerOrder


@dataclass(frozen=True, slots=True)
class Wires:
    """Slots hold the newest of what is sensed and shown, queues what must not be missed."""

    commands: BoundedQueue[r.Command]
    faces: LatestSlot[r.FacesInView]
    camera: LatestSlot[r.CameraStatus]
    pulse: LatestSlot[r.PulseReading]
    sensor: LatestSlot[r.SensorStatus]
    player: LatestSlot[r.PlayerState]
    player_events: BoundedQueue[PlayerEvent]
    orders: BoundedQueue[PlayerOrder]
    camera_allowed: Permission
    state: LatestSlot[r.KioskState]
    forget: Callable[[], None]
    """Makes the sensing workers drop all they learnt about the person."""
    health: Callable[[], tuple[r.WorkerHealth, ...]]
    finger_may_agree: bool = True
    """False where a simulated finger would open a real camera."""
