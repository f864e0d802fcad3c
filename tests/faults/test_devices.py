"""Camera, sensor, sound and broker leave and come back; the music goes on."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np

from device.sensing.camera import BUILTIN
from firmware_bridge.simulator import JUNK, Faults, SimulatedSensor
from tests.fakes.alsa_devices import NO_CARD, RECORDER
from tests.fakes.kiosk_at_work import KioskAtWork


def music_goes_on(kiosk: KioskAtWork) -> None:
    """The next track begins when one is skipped: every room between touch and sound works."""
    times = kiosk.log.count("playing track") + 1
    kiosk.say("skip")
    kiosk.wait_for_log("playing track", 20, times)
    assert kiosk.heard("player", "playing") == "playing"


def audio_process(kiosk: KioskAtWork) -> int:
    for task in Path(f"/proc/{kiosk.pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"device.playback.engine" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("there is no audio process")


def test_camera_absent_then_plugged_in(kiosk: KioskAtWork) -> None:
    camera = kiosk.folder / "camera.jpg"
    kiosk.configure(camera={"source": str(camera)})
    kiosk.start()
    kiosk.finger.lift_finger(False)
    kiosk.wait_for_log("visit state: sensing")
    kiosk.heard("problem", "ON")
    assert str(camera) in kiosk.house.wait_for(kiosk.topic("problem/attributes"))
    kiosk.say("say_mood", "calm and happy")
    kiosk.wait_for_log("playing track", 40)
    shutil.copy(BUILTIN, camera)
    kiosk.heard("camera_in_use", "ON", 40)
    music_goes_on(kiosk)
    assert kiosk.log.count("Traceback") == 0


def test_black_frames_are_named(kiosk: KioskAtWork) -> None:
    camera = kiosk.folder / "dark.png"
    cv2.imwrite(str(camera), np.zeros((480, 640, 3), np.uint8))
    kiosk.configure(camera={"source": str(camera)})
    kiosk.start()
    kiosk.finger.lift_finger(False)
    kiosk.wait_for_log("visit state: sensing")
    kiosk.wait_until(
        lambda: any("black" in payload for _, payload, _ in kiosk.house.messages),
        20, "a word about the dark",
    )  # fmt: skip
    kiosk.say("say_mood", "calm and happy")
    kiosk.wait_for_log("playing track", 40)


def test_sensor_unplugged_in_mid_visit_and_back(kiosk: KioskAtWork) -> None:
    port = kiosk.folder / "sensor"
    port.symlink_to(kiosk.finger.path)
    kiosk.configure(sensor={"port": str(port), "protocol": "attune"})
    kiosk.start()
    kiosk.to_playing()
    kiosk.finger.unplug()
    kiosk.heard("finger_sensor", "none", 20)
    music_goes_on(kiosk)
    with SimulatedSensor() as again:
        port.unlink()
        port.symlink_to(again.path)
        kiosk.heard("finger_sensor", "attune", 40)
        kiosk.heard("finger", "ON", 30)
        music_goes_on(kiosk)


def test_sensor_sends_garbage_and_starts_anew(kiosk: KioskAtWork) -> None:
    kiosk.start()
    kiosk.to_playing()
    for _ in range(50):
        kiosk.finger.inject(os.urandom(200) + JUNK)
    music_goes_on(kiosk)
    with SimulatedSensor(faults=Faults(reset_after_s=4.0, junk_every_s=0.7)) as resetting:
        kiosk.kill()
        kiosk.configure(sensor={"port": resetting.path, "protocol": "attune"})
        kiosk.start()
        kiosk.wait_for_log("playing track", 60)
        music_goes_on(kiosk)
    assert kiosk.log.count("Traceback") == 0


def test_broker_down_at_start_then_up(kiosk: KioskAtWork) -> None:
    kiosk.broker.stop()
    kiosk.start()
    kiosk.finger.lift_finger(False)
    kiosk.wait_for_log("playing track", 60)
    kiosk.broker.start()
    kiosk.heard("player", "playing", 60)
    music_goes_on(kiosk)


def test_broker_dies_in_mid_visit_and_comes_back(kiosk: KioskAtWork) -> None:
    kiosk.start()
    kiosk.to_playing()
    kiosk.broker.stop()
    kiosk.wait_for_log("broker", 20, 2)
    kiosk.house.forget()
    times = kiosk.log.count("playing track")
    kiosk.wait_for_log("playing track", 30, times + 1)  # The next track of its own accord.
    kiosk.broker.start()
    kiosk.heard("player", "playing", 60)
    music_goes_on(kiosk)


def test_broker_hangs(kiosk: KioskAtWork) -> None:
    kiosk.start()
    kiosk.to_playing()
    process = kiosk.broker._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    times = kiosk.log.count("playing track")
    kiosk.wait_for_log("playing track", 40, times + 1)
    process.send_signal(signal.SIGCONT)
    music_goes_on(kiosk)
    assert kiosk.stop() == 0


def test_no_sound_card_then_one_is_plugged_in(kiosk: KioskAtWork) -> None:
    alsa, played = kiosk.folder / "asound.conf", kiosk.folder / "played.raw"
    alsa.write_text(NO_CARD)
    kiosk.configure(playback={"output": "box"})
    kiosk.start(environment={"ALSA_CONFIG_PATH": str(alsa)})
    kiosk.wait_for_log("box", 20)
    kiosk.finger.lift_finger(False)
    kiosk.wait_for_log("visit state: playing", 40)
    alsa.write_text(NO_CARD + RECORDER.format(name="box", file=played))
    kiosk.wait_until(lambda: played.exists() and played.stat().st_size > 10_000, 40, "sound")
    kiosk.heard("player", "playing")


def test_audio_process_killed_and_hanging(kiosk: KioskAtWork) -> None:
    kiosk.start()
    kiosk.to_playing()
    for number in (signal.SIGKILL, signal.SIGSTOP):
        victim = audio_process(kiosk)
        os.kill(victim, number)
        gone = {None, victim}
        kiosk.wait_until(lambda: audio_process_or_none(kiosk) not in gone, 30, "sound")  # noqa: B023
        music_goes_on(kiosk)


def audio_process_or_none(kiosk: KioskAtWork) -> int | None:
    try:
        return audio_process(kiosk)
    except (AssertionError, OSError):
        return None
