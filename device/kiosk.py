"""The composition root: builds the house, starts it, waits, stops it. Reads top to bottom."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from device import readings as r
from device.channels import BoundedQueue, LatestSlot, Permission
from device.conductor import Conductor
from device.config import Settings
from device.interfaces.mqtt import MqttWorker
from device.interfaces.screen import Screen
from device.playback.messages import PlayerEvent, PlayerOrder
from device.playback.player import PlayerWorker
from device.sensing.camera import CameraWorker
from device.sensing.face import FaceWorker
from device.sensing.pulse import PulseWorker
from device.sensing.sensor import SensorWorker
from device.supervisor import Supervisor, Worker, sd_notify
from device.wires import Wires

log = logging.getLogger(__name__)

COMMANDS_KEPT = 64
"""Commands a person or the house may be ahead of the conductor; more are refused."""
BLOCKS_KEPT = 256
"""About half a minute of sensor blocks; the oldest go first and the gap is marked."""
ORDERS_KEPT = 64
EVENTS_KEPT = 256

READY_TIMEOUT_S = 30.0
STOP_DEADLINE_S = 4.0
"""systemd and people get an end within 5 s."""


@dataclass
class House:
    """The channels between the rooms and the workers in them."""

    settings: Settings
    commands: BoundedQueue[r.Command] = field(
        default_factory=lambda: BoundedQueue(COMMANDS_KEPT, drop="newest")
    )
    state: LatestSlot[r.KioskState] = field(default_factory=LatestSlot)
    camera_allowed: Permission = field(default_factory=Permission)
    workers: list[Worker] = field(default_factory=list)
    supervisor: Supervisor = field(init=False)
    screen: Screen = field(init=False)
    screen_beats: Callable[[], None] = field(init=False)

    def health(self) -> tuple[r.WorkerHealth, ...]:
        """Return how every worker and the screen are, which knows best unless it hangs."""
        *workers, screen = self.supervisor.health()
        return (*workers, screen if screen.status == "failed" else self.screen.health)


def build(
    settings: Settings, *, finger_may_agree: bool = True, clock: r.Clock = time.monotonic
) -> House:
    """Build every worker and the channels between them; opens no device yet."""
    house = House(settings)
    frames: LatestSlot[r.Frame] = LatestSlot()
    faces: LatestSlot[r.FacesInView] = LatestSlot()
    camera: LatestSlot[r.CameraStatus] = LatestSlot()
    blocks: BoundedQueue[r.PpgBlock] = BoundedQueue(BLOCKS_KEPT, drop="oldest")
    pulse: LatestSlot[r.PulseReading] = LatestSlot()
    sensor: LatestSlot[r.SensorStatus] = LatestSlot()
    player: LatestSlot[r.PlayerState] = LatestSlot()
    orders: BoundedQueue[PlayerOrder] = BoundedQueue(ORDERS_KEPT, drop="oldest")
    events: BoundedQueue[PlayerEvent] = BoundedQueue(EVENTS_KEPT, drop="oldest")

    face_worker = FaceWorker(settings.face, frames, faces, clock)
    pulse_worker = PulseWorker(settings.pulse, blocks, pulse, clock)

    def forget() -> None:
        face_worker.forget()
        pulse_worker.forget()

    wires = Wires(
        commands=house.commands,
        faces=faces,
        camera=camera,
        pulse=pulse,
        sensor=sensor,
        player=player,
        player_events=events,
        orders=orders,
        camera_allowed=house.camera_allowed,
        state=house.state,
        forget=forget,
        health=house.health,
        finger_may_agree=finger_may_agree,
    )
    # Consumers before producers.
    if settings.mqtt.host:
        house.workers.append(MqttWorker(settings, house.state, house.commands, clock))
    house.workers.append(PlayerWorker(settings.playback, orders, player, events, clock))
    house.workers.append(Conductor(settings, wires, clock))
    if settings.camera.source != "none":
        house.workers.append(face_worker)
        house.workers.append(
            CameraWorker(settings.camera, frames, camera, house.camera_allowed, clock)
        )
    if settings.sensor.port != "none":
        house.workers.append(pulse_worker)
        house.workers.append(SensorWorker(settings.sensor, blocks, sensor, clock))
    house.supervisor = Supervisor(house.workers, clock)
    house.screen = Screen(
        settings.screen, settings.kiosk.language, house.state, house.commands, clock,
        settings.history.keep, settings.camera.source != "none",
    )  # fmt: skip
    house.screen_beats = house.supervisor.watch(house.screen)
    return house


def run(house: House, stop: threading.Event, on_ready: Callable[[], None]) -> int:
    """Start the house, serve until ``stop`` or a fatal fault; return the exit code."""
    supervisor = house.supervisor
    supervisor.start()
    guard = threading.Thread(
        target=_guard, args=(supervisor, stop, on_ready), name="guard", daemon=True
    )
    guard.start()
    # SDL wants the main thread; without a display this waits, and looks for one now and then.
    house.screen.run(stop, house.screen_beats)
    sd_notify("STOPPING=1")
    log.info("the kiosk ends")
    stuck = supervisor.stop(STOP_DEADLINE_S)
    # A network camera that does not answer holds up its own thread alone: that is no failed end.
    is_lost = any(worker.critical and worker.name in stuck for worker in supervisor.health())
    return 1 if supervisor.fatal.is_set() or is_lost else 0


def _guard(supervisor: Supervisor, stop: threading.Event, on_ready: Callable[[], None]) -> None:
    """Say when the house is ready, feed systemd's watchdog, end the house when it is lost."""
    interval_s = _watchdog_interval_s()
    began, ready = time.monotonic(), False
    while not stop.wait(0.02 if not ready else interval_s):
        if supervisor.fatal.is_set():
            log.error("a critical worker failed for good: ending, for systemd to start afresh")
            stop.set()
        elif not ready and _all_critical_run(supervisor):
            ready = True
            sd_notify("READY=1")
            on_ready()
        elif not ready and time.monotonic() - began > READY_TIMEOUT_S:
            log.error("not ready after %.0f s: ending", READY_TIMEOUT_S)
            supervisor.fatal.set()
        elif ready:
            supervisor.find_hanging()
            if supervisor.critical_are_fresh():
                sd_notify("WATCHDOG=1")


def _all_critical_run(supervisor: Supervisor) -> bool:
    return all(worker.status == "running" for worker in supervisor.health() if worker.critical)


def _watchdog_interval_s() -> float:
    """A third of systemd's WATCHDOG_USEC (sd_watchdog_enabled(3) advises half), at most 1 s."""
    return min(1.0, int(os.environ.get("WATCHDOG_USEC", "3000000")) / 3e6)
