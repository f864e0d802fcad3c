"""The installed package under a real systemd as process 1; ``make test-boot`` prepares the box.

What is set for a test alone (shorter limits of time) is a drop-in below /run.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.booted_box import BootedBox, why_not

BOX = os.environ.get("ATTUNE_BOX", "")
"""Root folder of a Debian in which the package is installed."""
PACKAGES = os.environ.get("ATTUNE_PACKAGES", "")
"""Folder with that package."""
pytestmark = [
    pytest.mark.skipif(not BOX, reason="boots a Debian: sudo make test-boot"),
    pytest.mark.timeout(600),
]

PYTHON = "/opt/attune/venv/bin/python"
MUSIC = """
import math, struct, wave
for number in range(3):
    with wave.open(f"/srv/music/calm sea {number}.wav", "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(22050)
        tone = (int(9000 * math.sin(at / (9 + number))) for at in range(4 * 22050))
        file.writeframes(b"".join(struct.pack("<h", value) for value in tone))
"""
BROKER = """
ip link set lo up
printf 'listener 1883 127.0.0.1\\nallow_anonymous false\\npassword_file /etc/mosquitto/words\\n' \\
    >/etc/mosquitto/conf.d/box.conf
touch /etc/mosquitto/words
mosquitto_passwd -b /etc/mosquitto/words attune 'kiosk word'
mosquitto_passwd -b /etc/mosquitto/words house house
chown mosquitto /etc/mosquitto/words
systemctl restart mosquitto
"""
ANSWERS = (
    "1", "1", "Hall", "1", "1", "1", "/srv/music", "y", "127.0.0.1", "n", "1883", "attune",
    "kiosk word", "n", "y",
)  # fmt: skip
"""At home, English, name, camera, sensor, sound, music and that it be made, broker without TLS,
its user and password, no history, start."""
AVAILABLE = "mosquitto_sub -h 127.0.0.1 -u house -P house -t attune/hall/available -C 1 -W 20"


@pytest.fixture(scope="module", name="box")
def _box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootedBox]:
    if reason := why_not():
        pytest.skip(reason)
    given = tmp_path_factory.mktemp("given") / "packages"
    given.mkdir()
    for package in sorted(Path(PACKAGES).glob("attune_*.deb")):
        shutil.copy(package, given)
    with BootedBox(Path(BOX), given) as box:
        yield box


@pytest.fixture(autouse=True)
def _as_shipped(box: BootedBox) -> Iterator[None]:
    yield
    box.undo_drop_ins()


# --- as installed ---------------------------------------------------------------------------


def test_the_system_comes_up_and_the_package_has_started_nothing(box: BootedBox) -> None:
    assert box.run("cat /proc/1/comm").strip() == "systemd"
    assert box.run("systemctl --failed --no-legend").strip() == ""
    assert box.show("attune", "ActiveState", "LoadState") == ["inactive", "loaded"]
    assert box.run("stat -c '%U %a' /var/lib/attune /etc/attune/mqtt-password").split() == [
        "attune", "750", "root", "600",
    ]  # fmt: skip


def test_systemd_accepts_every_file_of_ours(box: BootedBox) -> None:
    units = "attune.service attune-catalog.service attune-catalog.timer attune-catalog.path"
    said = box.run(f"systemd-analyze verify --man=no {units} 2>&1 | grep -i attune || true")
    said += box.run("systemd-sysusers attune.conf 2>&1; systemd-tmpfiles --create attune.conf 2>&1")
    assert said.strip() == ""
    exposure = box.run("systemd-analyze security --no-pager attune | tail -n 1").split()
    assert float(exposure[exposure.index("attune.service:") + 1]) <= 1.5
    if "verify" in box.try_run("udevadm --help").stdout:  # From systemd 254 on.
        box.run("udevadm verify --resolve-names=never /usr/lib/udev/rules.d/60-attune.rules")


def test_it_is_ready_without_camera_sensor_and_sound_and_says_so(box: BootedBox) -> None:
    """``systemctl start`` returns when the kiosk has said that it is ready (Type=notify)."""
    box.run("systemctl start attune")
    said = box.journal("attune")
    for part in ("ready after", "no camera found", "no finger sensor", "no sound card"):
        assert part in said
    assert "Traceback" not in said
    assert box.show("attune", "ActiveState", "NRestarts") == ["active", "0"]


# --- limits ---------------------------------------------------------------------------------


def test_it_runs_without_rights_and_leaves_no_core(box: BootedBox) -> None:
    (process,) = box.show("attune", "MainPID")
    lines = box.run(f"cat /proc/{process}/status").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "0" not in status["Uid"].split()
    assert box.run(f"cat /proc/{process}/coredump_filter").strip() == "00000000"
    limits = box.run(f"grep 'core file' /proc/{process}/limits").split()
    assert limits[4:6] == ["0", "0"]


PROBE = """
import errno, json, os, socket
def tried(action):
    try:
        action()
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
def write(path):
    return tried(lambda: open(path, "w").close())
def send(address):
    return tried(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", (address, 9)))
print(json.dumps({
    "state": write("/var/lib/attune/probe"), "etc": write("/etc/attune/probe"),
    "opt": write("/opt/attune/probe"), "kernel": write("/proc/sys/kernel/core_pattern"),
    "home": tried(lambda: os.listdir("/home/somebody")),
    "secret": tried(lambda: open("/etc/attune/mqtt-password").close()),
    "given": tried(lambda: open(os.environ["CREDENTIALS_DIRECTORY"] + "/mqtt-password").close()),
    "device": tried(lambda: open("/dev/strange").close()),
    "loopback": send("127.0.0.1"), "house": send("192.168.77.7"), "internet": send("203.0.113.7"),
    "raw": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
}))
"""


def probed(box: BootedBox) -> dict[str, str]:
    """Return what a program in place of the kiosk may do, in the kiosk's unit."""
    program = "/usr/share/attune-probe.py"
    box.write(program, PROBE)
    box.run("systemctl stop attune")
    box.drop_in("attune.service", "[Service]\nType=oneshot\nRestart=no\nExecStart=\n"
                f"ExecStart={PYTHON} {program}")  # fmt: skip
    cursor = box.cursor()
    done = box.try_run("systemctl start attune")
    said = box.journal("attune", cursor)
    box.undo_drop_ins()
    box.run(f"rm {program}; rm -f /var/lib/attune/probe")
    answers = [line for line in said.splitlines() if line.startswith("{")]
    assert answers, f"{done.stderr}{said}"
    found: dict[str, str] = json.loads(answers[-1])
    return found


def test_what_the_unit_forbids_is_refused(box: BootedBox) -> None:
    box.run(
        "set -e; mkdir -p /home/somebody; mknod -m 666 /dev/strange c 10 229; ip link set lo up;"
        " ip address add 192.168.77.1/24 dev lo; ip address add 203.0.113.1/24 dev lo;"
        " : </dev/strange"
    )
    found = probed(box)
    allowed = {what for what, how in found.items() if how == "ok"}
    assert allowed == {"state", "given", "loopback", "house"}
    assert {found["etc"], found["opt"], found["kernel"]} == {"EROFS"}
    assert (found["internet"], found["device"]) == ("EPERM", "EPERM")
    assert (found["secret"], found["raw"]) == ("EACCES", "EAFNOSUPPORT")


def test_after_setup_the_kiosk_reaches_its_broker_and_nothing_else(box: BootedBox) -> None:
    box.run(BROKER)
    box.write("/root/answers", "\n".join(ANSWERS) + "\n")
    said = box.run("attune setup </root/answers")
    assert "the kiosk runs and starts at every boot" in said
    wait_for_broker(box)
    units = "attune.service attune-catalog.timer attune-catalog.path"
    assert box.run(f"systemctl is-enabled {units}").split() == ["enabled"] * 3
    found = probed(box)
    assert (found["loopback"], found["house"], found["internet"]) == ("ok", "EPERM", "EPERM")
    box.run("systemctl start attune")


def wait_for_broker(box: BootedBox, cursor: str = "") -> None:
    """Wait until the kiosk has told the house that it is there."""
    box.wait(lambda: "connected to the broker" in box.journal("attune", cursor), "connection")
    assert box.run(AVAILABLE).strip() == "online"


# --- at work --------------------------------------------------------------------------------


def test_new_music_comes_into_the_catalogue_and_the_kiosk_takes_it(box: BootedBox) -> None:
    cursor = box.cursor()
    box.write("/root/music.py", MUSIC)
    box.run(f"{PYTHON} /root/music.py")
    box.wait(
        lambda: "tracks to choose from" in box.journal("attune-catalog", cursor), "catalogue", 180
    )
    # The first of the files may have been seen alone; the timer, or the next change, has the rest.
    box.run("systemctl start attune-catalog", 180)
    assert "3 tracks to choose from" in box.journal("attune-catalog", cursor)
    box.wait(lambda: ": 3 tracks" in box.journal("attune", cursor), "taking of it", 90)
    assert box.show("attune-catalog.timer", "ActiveState") == ["active"]


def test_a_stop_is_clean_and_in_time(box: BootedBox) -> None:
    box.drop_in("attune.service", "[Service]\nTimeoutStopSec=5")
    box.run("systemctl restart attune")
    box.run("systemctl stop attune")
    found = box.show("attune", "Result", "ExecMainStatus", "ActiveState")
    assert found == ["success", "0", "inactive"]
    assert box.run(AVAILABLE).strip() == "offline"


def test_a_kiosk_that_hangs_is_ended_by_the_watchdog_and_started_again(box: BootedBox) -> None:
    box.drop_in("attune.service", "[Service]\nWatchdogSec=10")
    box.run("systemctl start attune")
    cursor = box.cursor()
    (process,) = box.show("attune", "MainPID")
    box.run(f"kill -STOP {process}")
    box.wait(lambda: "ready after" in box.journal("attune", cursor), "second start")
    assert "Failed with result 'watchdog'" in box.journal("attune", cursor)
    assert box.show("attune", "NRestarts", "ActiveState") == ["1", "active"]
    wait_for_broker(box, cursor)


def test_a_kiosk_that_dies_is_started_again_until_it_is_too_often(box: BootedBox) -> None:
    box.run("systemctl restart attune")
    cursor = box.cursor()
    for times in range(1, 6):
        box.run("systemctl kill --signal=KILL attune")
        if times < 5:
            box.wait(lambda n=times: started(box, cursor) >= n, f"start {times + 1}")  # type: ignore[misc]
    box.wait(lambda: box.show("attune", "ActiveState") == ["failed"], "end of trying")
    assert "Start request repeated too quickly" in box.journal("attune", cursor)


def started(box: BootedBox, cursor: str) -> int:
    """Return how often the kiosk has become ready."""
    return box.journal("attune", cursor).count("ready after")


def test_broken_settings_are_not_tried_again(box: BootedBox) -> None:
    box.run("cp /etc/attune/kiosk.toml /root/good; echo 'nonsense = [' >>/etc/attune/kiosk.toml")
    cursor = box.cursor()
    assert box.try_run("systemctl restart attune").returncode != 0
    assert box.show("attune", "ActiveState", "NRestarts") == ["failed", "0"]
    assert "kiosk.toml: is not valid TOML" in box.journal("attune", cursor)
    box.run("cp /root/good /etc/attune/kiosk.toml")


# --- upgraded, removed ----------------------------------------------------------------------


def test_an_upgrade_starts_the_new_program_and_keeps_what_is_the_owners(box: BootedBox) -> None:
    box.run("systemctl start attune; echo '# mine' >>/etc/attune/kiosk.toml")
    kept = "cat /etc/attune/kiosk.toml /etc/attune/mqtt-password; ls /var/lib/attune/catalogue/*.*"
    before, (process,), cursor = box.run(kept), box.show("attune", "MainPID"), box.cursor()
    box.run(
        "cd /root; dpkg-deb -R /box/attune_*.deb new;"
        " sed -i 's/^Version: .*/Version: 99.0-1/' new/DEBIAN/control;"
        " dpkg-deb -Znone -b new new.deb; dpkg -i new.deb; rm -rf new new.deb", 500,
    )  # fmt: skip
    assert box.run("dpkg-query -W -f '${Version}' attune") == "99.0-1"
    assert box.run(kept) == before
    assert box.show("attune", "MainPID") != [process]
    wait_for_broker(box, cursor)


def test_removed_the_owners_data_stay_and_purged_nothing_does(box: BootedBox) -> None:
    box.run("dpkg -r attune", 300)
    assert box.show("attune", "LoadState") == ["not-found"]
    left = traces(box)
    assert "/var/lib/attune/catalogue/tracks.sqlite" in left
    assert "/etc/attune/kiosk.toml" in left
    owned = ("/etc/attune", "/var/lib/attune")
    assert [path for path in left if not path.startswith(owned)] == []
    box.run("dpkg -P attune", 300)
    assert traces(box) == []
    assert box.try_run("getent passwd attune || getent group attune").returncode != 0


def traces(box: BootedBox) -> list[str]:
    """Return everything on disk with our name, but for logs, processes and dpkg's own lists."""
    elsewhere = ("/proc", "/sys", "/run", "/box", "/tmp", "/var/log", "/var/tmp", "/var/lib/dpkg")
    skipped = " -o ".join(f"-path {folder}" for folder in elsewhere)
    return box.run(f"find / \\( {skipped} \\) -prune -o -path '*attune*' -print").split()
