"""A whole visit below the limits of attune.service, as far as they can be set without systemd."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data_folder import ROOT
from tests.fakes.alsa_devices import NO_CARD, RECORDER
from tests.fakes.kiosk_at_work import KioskAtWork, SystemdSocket

UNIT = ROOT / "systemd" / "attune.service"
LIMITED = [sys.executable, "-m", "tests.fakes.service_limits"]
NEEDS_SYSTEMD = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (apt install systemd)"
)
NEEDS_BWRAP = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="needs bwrap (apt install bubblewrap)"
)
pytestmark = pytest.mark.timeout(240)

REFUSED = """
import ctypes, errno, os, sys
library = ctypes.CDLL(None, use_errno=True)
calls = {"mount": (0, 0, 0, 0, 0), "swapon": (0, 0), "reboot": (0, 0, 0, 0),
         "sched_setscheduler": (0, 0, 0)}
for name, arguments in calls.items():
    ctypes.set_errno(0)
    getattr(library, name)(*arguments)
    assert ctypes.get_errno() == errno.EPERM, (name, ctypes.get_errno())
assert os.umask(0) == 0o77
os.abort()
"""


@NEEDS_SYSTEMD
def test_the_filter_refuses_and_no_core_is_left(tmp_path: Path) -> None:
    """The limits are really set: what the unit forbids fails, and a crash leaves no memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    done = subprocess.run(
        [*LIMITED, str(UNIT), sys.executable, "-c", REFUSED],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -6, done.stderr
    assert list(tmp_path.iterdir()) == []
    assert (soft, hard) == resource.getrlimit(resource.RLIMIT_CORE)


@NEEDS_SYSTEMD
@pytest.mark.slow
@pytest.mark.parametrize("mdwe", [False, True])
def test_a_visit_with_sound_below_the_units_system_call_filter(tmp_path: Path, mdwe: bool) -> None:
    """With memory that is never both written and run, too: the kiosk itself needs none.

    The unit leaves that limit out for the graphics drivers, which are not tested here.
    """
    if mdwe:
        _skip_without_mdwe()
    played = tmp_path / "played.raw"
    alsa = tmp_path / "asound.conf"
    alsa.write_text(NO_CARD + RECORDER.format(name="box", file=played))
    with KioskAtWork(tmp_path, playback={"output": "box"}) as kiosk:
        kiosk.start(
            [*LIMITED, *(["--mdwe"] if mdwe else []), str(UNIT)],
            {"ALSA_CONFIG_PATH": str(alsa)},
        )
        kiosk.to_playing()
        kiosk.heard("mood")
        kiosk.wait_until(lambda: played.exists() and played.stat().st_size > 0, 10, "sound")
        kiosk.end_visit()
        assert kiosk.stop() == 0
        assert kiosk.log.count("visit state: playing") == 1
        memory = kiosk.state / "kiosk.sqlite"
        assert memory.stat().st_mode & 0o077 == 0
    assert any(played.read_bytes())


@NEEDS_BWRAP
@pytest.mark.slow
def test_a_visit_on_a_read_only_file_system(tmp_path: Path) -> None:
    """As with ProtectSystem=strict and no place for temporary files either."""
    with KioskAtWork(tmp_path) as kiosk:
        state = str(kiosk.state)
        prefix = ["bwrap", "--ro-bind", "/", "/", "--dev-bind", "/dev", "/dev",
                  "--bind", state, state, "--proc", "/proc"]  # fmt: skip
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            pytest.skip("bwrap may not make its name spaces here")
        kiosk.start(prefix)
        kiosk.to_playing()
        kiosk.say("like")
        kiosk.end_visit()
        assert kiosk.stop() == 0
        assert "Read-only" not in kiosk.log


def test_systemd_hears_ready_then_the_watchdog_then_stopping(tmp_path: Path) -> None:
    with KioskAtWork(tmp_path) as kiosk:
        systemd = SystemdSocket(tmp_path / "notify")
        kiosk.start(environment={"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "1500000"})
        kiosk.wait_until(lambda: len(systemd.said) >= 4, 10, "feeding of the watchdog")
        assert kiosk.stop() == 0
        systemd.close()
    words = [word for _, word in systemd.said]
    assert words[0] == "READY=1"
    assert words[-1] == "STOPPING=1"
    assert set(words[1:-1]) == {"WATCHDOG=1"}


def _skip_without_mdwe() -> None:
    test = "from tests.fakes.service_limits import deny_write_execute as d; d()"
    done = subprocess.run([sys.executable, "-c", test], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")
