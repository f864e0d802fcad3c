"""Camera, sensor, sound and broker leave and come back; the music goes on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from device.sensing.pictures import BUILTIN
from firmware_bridge.simulator import JUNK, Faults, SimulatedSensor
from tests.fakes import rpicam_vid
from tests.fakes.alsa_devices import NO_CARD, PULSE, RECORDER, PulseServer
from tests.fakes.kiosk_at_work import QUICK_VISIT, KioskAtWork, mqtt_json
from tests.fakes.serial_wire import OddBaudSensor
from tests.fakes.slow_wire import SlowWire
from tests.fakes.watched_kiosk import WatchedKiosk

SLOW_LOOK = QUICK_VISIT | {"sensing_s": 60.0}
"""Long enough for a fault to show on the screen of the measurement."""


def music_goes_on(kiosk: KioskAtWork) -> None:
    """The next track begins when one is skipped: every room between touch and sound works."""
    times = kiosk.log.count("playing track") + 1
    kiosk.say("skip")
    kiosk.wait_for_log("playing track", 20, times)
    kiosk.says("player", "playing")


def audio_process(kiosk: KioskAtWork) -> int:
    for task in Path(f"/proc/{kiosk.pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"device.playback.engine" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("there is no audio process")


def test_camera_absent_then_plugged_in(watched: WatchedKiosk) -> None:
    camera = watched.folder / "camera.jpg"
    watched.configure(camera={"source": str(camera)}, visit=SLOW_LOOK)
    watched.open_eyes()
    watched.finger.lift_finger(False)
    watched.wait_for_log("visit state: sensing")
    watched.sees("The camera cannot be used")
    watched.says("problem", "ON")
    assert str(camera) in watched.house.wait_for(watched.topic("problem/attributes"))
    watched.say("say_mood", "calm and happy")
    watched.wait_for_log("playing track", 40)
    shutil.copy(BUILTIN, camera)
    watched.wait_for_log("camera open", 40)
    watched.says("camera_in_use", "ON", 40)
    watched.says("problem", "OFF")
    music_goes_on(watched)
    assert watched.log.count("WARNING") == 1  # Though it was looked for every second.


def test_camera_unplugged_in_mid_visit_and_back(watched: WatchedKiosk) -> None:
    watched.open_eyes()
    watched.to_playing()
    watched.says("camera_in_use", "ON")
    watched.camera("unplugged")
    watched.wait_for_log("WARNING device.sensing.camera: camera: /dev/video0: the camera was")
    watched.says("camera_in_use", "OFF")
    watched.says("problem", "ON")
    music_goes_on(watched)
    assert watched.log.count("the camera was unplugged") == 1  # Though it is tried every second.
    watched.camera("seeing")
    watched.says("camera_in_use", "ON")
    watched.says("problem", "OFF")
    music_goes_on(watched)


def test_ribbon_camera_without_its_program_and_broken_off(watched: WatchedKiosk) -> None:
    watched.configure(camera={"source": "csi"}, visit=SLOW_LOOK)
    programs = watched.folder / "programs"
    programs.mkdir()
    watched.open_eyes({"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"})
    watched.finger.lift_finger(False)
    watched.wait_for_log("visit state: sensing")
    watched.sees("The camera cannot be used")
    watched.says("problem", "ON")
    lacking = "csi: rpicam-vid is not there: sudo apt install rpicam-apps-lite"
    assert lacking in watched.house.wait_for(watched.topic("problem/attributes"))
    watched.say("say_mood", "calm and happy")
    watched.wait_for_log("playing track", 40)
    rpicam_vid.install(programs)
    watched.says("camera_in_use", "ON", 40)
    watched.says("problem", "OFF")
    assert watched.log.count(lacking) == 1  # Though it was looked for every second.
    (program,) = rpicam_vid.running(programs)
    os.kill(program, signal.SIGKILL)
    watched.wait_for_log("WARNING device.sensing.camera: camera: csi: the camera has stopped")
    watched.wait_for_log("camera open: csi", 20, 2)
    watched.says("camera_in_use", "ON")
    music_goes_on(watched)
    watched.say("camera_allowed", "OFF")
    watched.says("camera_in_use", "OFF")
    watched.wait_until(lambda: not rpicam_vid.running(programs), 5, "the end of rpicam-vid")


@pytest.mark.parametrize(
    ("behaviour", "logged"),
    [
        ("frozen", "the picture stands still: unplug the camera and plug it in again"),
        ("black", "the picture is black: is the lens covered, is there light?"),
    ],
)
def test_camera_frozen_or_black(watched: WatchedKiosk, behaviour: str, logged: str) -> None:
    watched.configure(visit=SLOW_LOOK)
    watched.open_eyes()
    watched.camera(behaviour)
    watched.finger.lift_finger(False)
    watched.wait_for_log(f"WARNING device.sensing.camera: camera: {logged}")
    watched.sees("The camera sees nothing")
    watched.say("say_mood", "calm and happy")
    watched.wait_for_log("playing track")
    assert logged in watched.house.wait_for(watched.topic("problem/attributes"))
    music_goes_on(watched)
    watched.camera("seeing")
    watched.wait_for_log("INFO    device.sensing.camera: camera: its pictures are good again")
    watched.says("presence", "ON")
    assert watched.log.count(logged) == 1


def test_a_frozen_face_keeps_nobody_here(watched: WatchedKiosk) -> None:
    """The picture stands still on a face that has left: the visit ends all the same."""
    # A camera that stands still can tell nothing, so it is the time since the last touch.
    watched.configure(visit={"absence_s": 4.0, "unseen_s": 10.0})
    watched.open_eyes()
    watched.to_playing()
    watched.says("presence", "ON")
    watched.camera("frozen")
    watched.finger.lift_finger(True)
    watched.wait_for_log("visit ends: nobody is here any more", 40)


def test_sensor_unplugged_in_mid_visit_and_back(kiosk: KioskAtWork) -> None:
    port = kiosk.folder / "sensor"
    port.symlink_to(kiosk.finger.path)
    kiosk.configure(sensor={"port": str(port), "protocol": "attune"})
    kiosk.start()
    kiosk.to_playing()
    kiosk.finger.unplug()
    kiosk.says("finger_sensor", "none", 20)
    music_goes_on(kiosk)
    with SimulatedSensor() as again:
        port.unlink()
        port.symlink_to(again.path)
        kiosk.says("finger_sensor", "attune", 40)
        kiosk.says("finger", "ON", 30)
        music_goes_on(kiosk)


def test_sensor_sends_garbage(kiosk: KioskAtWork) -> None:
    kiosk.start()
    kiosk.to_playing()
    for _ in range(50):
        kiosk.finger.inject(os.urandom(200) + JUNK)
    music_goes_on(kiosk)
    kiosk.says("finger_sensor", "attune")
    kiosk.wait_until(lambda: mqtt_json(kiosk.heard("heart_rate")) is not None, 40, "a heart rate")
    assert kiosk.log.count("finger sensor:") == 1
    assert kiosk.log.count("Traceback") == 0


def test_sensor_is_reset(kiosk: KioskAtWork) -> None:
    """A brown-out: its clock and its count begin anew, with junk on the line."""
    with SimulatedSensor(faults=Faults(reset_after_s=12.0, junk_every_s=5.0)) as resetting:
        kiosk.configure(sensor={"port": resetting.path, "protocol": "attune"})
        resetting.lift_finger(True)
        kiosk.start()
        resetting.lift_finger(False)
        kiosk.wait_for_log("playing track", 60)
        time.sleep(12)
        before, topic = len(kiosk.house.messages), kiosk.topic("heart_rate/state")
        kiosk.wait_until(
            lambda: any(
                seen == topic and mqtt_json(text) is not None
                for seen, text, _ in kiosk.house.messages[before:]
            ),
            60, "a heart rate after the reset",
        )  # fmt: skip
        music_goes_on(kiosk)
    assert kiosk.log.count("Traceback") == 0


def test_a_lamp_that_flickers_on_a_sensor_that_cannot_tell_opens_no_camera(
    watched: WatchedKiosk,
) -> None:
    """100 Hz, looked at 50 times a second by a clock that is off: as regular as a heart."""
    rng = np.random.default_rng(2)
    lamp = np.concatenate((np.zeros(600), 250 * np.sin(2 * np.pi * 1.2 * np.arange(6000) / 50)))
    lamp += 512 + 4 * rng.standard_normal(len(lamp))
    visit = QUICK_VISIT | {"consent_timeout_s": 10.0}
    with SimulatedSensor(lamp, 50, "pulsesensor") as sensor:
        watched.configure(sensor={"port": sensor.path, "protocol": "pulsesensor"}, visit=visit)
        watched.open_eyes()
        watched.wait_for_log("visit state: consent", 40)
        watched.sees("No heartbeat is felt clearly enough")
        watched.wait_for_log("no answer to the question of consent", 20)
    assert "camera open" not in watched.log


@pytest.mark.parametrize(
    ("protocol", "logged"),
    [
        ("attune", "wrong protocol or baud rate?"),
        ("auto", "another baud rate or an unknown sensor"),
    ],
)
def test_sensor_of_the_wrong_baud_rate(watched: WatchedKiosk, protocol: str, logged: str) -> None:
    with OddBaudSensor() as odd:
        watched.configure(sensor={"port": odd.path, "protocol": protocol}, visit=SLOW_LOOK)
        watched.open_eyes()
        watched.wait_for_log(logged, 40)
        assert odd.path in watched.log
        assert watched.heard("finger_sensor") == "none"
        watched.says("problem", "ON")
        watched.say("say_mood", "calm and happy")
        watched.wait_for_log("playing track")
        music_goes_on(watched)
        time.sleep(12)
        assert watched.log.count(logged) == 1  # Though it is tried again every 5 s.


def test_the_screen_says_that_the_sensor_is_gone(watched: WatchedKiosk) -> None:
    watched.configure(visit=SLOW_LOOK)
    watched.open_eyes()
    watched.camera("black")  # Or the face would have it play before this can be read.
    watched.finger.lift_finger(False)
    watched.wait_for_log("visit state: sensing")
    watched.finger.unplug()
    watched.sees("No finger sensor")
    watched.wait_for_log("WARNING device.sensing.sensor: finger sensor: ")
    watched.say("say_mood", "calm and happy")
    watched.wait_for_log("playing track")
    music_goes_on(watched)
    assert watched.log.count("WARNING device.sensing.sensor") == 1


def test_broker_down_at_start_then_up(kiosk: KioskAtWork) -> None:
    kiosk.broker.stop()
    kiosk.start()
    kiosk.finger.lift_finger(False)
    kiosk.wait_for_log("playing track", 60)
    kiosk.broker.start()
    kiosk.says("player", "playing", 60)
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
    kiosk.says("player", "playing", 60)
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


def test_broker_is_slow(kiosk: KioskAtWork) -> None:
    """Every packet takes 2 s each way: commands come late, and nothing else is late."""
    with SlowWire(kiosk.broker.port, delay_s=2.0) as wire:
        kiosk.configure(mqtt={"host": "127.0.0.1", "port": wire.port})
        kiosk.start()
        kiosk.finger.lift_finger(False)
        kiosk.wait_for_log("playing track", 30)
        times = kiosk.log.count("playing track")
        kiosk.wait_for_log("playing track", 40, times + 1)
        kiosk.says("player", "playing")
        music_goes_on(kiosk)
        assert kiosk.log.count("the broker") == 1  # Connected, and that is all.
        assert kiosk.stop() == 0


def test_sound_card_gone_in_mid_play_and_back(watched: WatchedKiosk) -> None:
    sound = PulseServer(watched.folder / "pulse")
    alsa = watched.folder / "asound.conf"
    alsa.write_text(PULSE)
    sound.start()
    try:
        watched.configure(playback={"output": "room"})
        watched.open_eyes(sound.environment | {"ALSA_CONFIG_PATH": str(alsa)})
        watched.to_playing()
        sound.stop()
        watched.says("player", "no_output")
        watched.sees("room")
        sound.start()
        watched.says("player", "playing", 40)
        music_goes_on(watched)
    finally:
        sound.stop()


def test_no_sound_card_then_one_is_plugged_in(watched: WatchedKiosk) -> None:
    alsa, played = watched.folder / "asound.conf", watched.folder / "played.raw"
    alsa.write_text(NO_CARD)
    watched.configure(playback={"output": "box"})
    watched.open_eyes({"ALSA_CONFIG_PATH": str(alsa)})
    watched.wait_for_log("box", 20)
    watched.finger.lift_finger(False)
    watched.wait_for_log("visit state: playing", 40)
    watched.sees("box")
    alsa.write_text(NO_CARD + RECORDER.format(name="box", file=played))
    watched.wait_until(lambda: played.exists() and played.stat().st_size > 10_000, 40, "sound")
    watched.says("player", "playing")


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
