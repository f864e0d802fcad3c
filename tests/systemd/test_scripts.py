"""What puts Attune on a machine and takes it away: the parts that can be tried anywhere."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data_folder import ROOT
from tests.fakes.shell_functions import call, shell_function

PLACE = "/opt/attune/venv"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("folder", ["plain", "with a space", "größe", "a|b&c", "x" * 130])
def test_the_program_starts_where_it_is_installed_wherever_it_was_built(
    tmp_path: Path, folder: str
) -> None:
    """pip writes a path with a space, or a long one, in three lines for a shell."""
    new = tmp_path / folder / "venv.new"
    python = program(new / "bin/python", "exit 0")
    program(new / "bin/activate", "")
    program(new / "bin/pip", "")
    (new / "pyvenv.cfg").write_text(f"home = /usr/bin\ncommand = python3 -m venv {new}\n")
    maker = importlib.import_module("pip._vendor.distlib.scripts").ScriptMaker(None, new / "bin")
    maker.executable, maker.variants = str(python), {""}
    maker.make("attune = device.cli:main")
    call("install", "settle", new, PLACE)
    first, *rest = (new / "bin/attune").read_text().splitlines()
    assert first == f"#!{PLACE}/bin/python"
    compile("\n".join(rest), "attune", "exec")
    assert "device.cli" in "\n".join(rest)
    assert str(new) not in (new / "bin/attune").read_text() + (new / "pyvenv.cfg").read_text()
    assert sorted(one.name for one in (new / "bin").iterdir()) == ["attune", "python"]


@pytest.mark.parametrize("script", ["uninstall", "deb"])
@pytest.mark.parametrize(
    ("entry", "gone"),
    [
        ("attune:x:1000:1000::/home/attune:/bin/bash", ""),
        ("attune:x:993:993:Attune kiosk:/var/lib/attune:/usr/sbin/nologin", "user group "),
    ],
)
def test_a_login_that_is_called_attune_outlives_the_kiosk(
    tmp_path: Path, script: str, entry: str, gone: str
) -> None:
    """It may be the name that the owner of the box goes by."""
    program(tmp_path / "getent", f"echo '{entry}'")
    program(tmp_path / "userdel", f'printf "user " >>"{tmp_path}/gone"')
    program(tmp_path / "groupdel", f'printf "group " >>"{tmp_path}/gone"')
    (tmp_path / "gone").touch()
    call(script, "forget_user", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (tmp_path / "gone").read_text() == gone


PEOPLE = [
    ("attune:x:1000:1000:Eva:/home/attune:/bin/bash", "number 1000, shell /bin/bash"),
    ("attune:x:1000:1000::/home/attune:/usr/sbin/nologin", "number 1000, shell /usr/sbin/nologin"),
    ("attune:x:993:993::/home/attune:", "number 993, shell /bin/sh"),
]
SERVICES = ["", "attune:x:993:993:Attune kiosk:/var/lib/attune:/usr/sbin/nologin"]


def with_login(tmp_path: Path, entry: str) -> dict[str, str]:
    """Return an environment for root of a machine with this login; empty: without."""
    program(tmp_path / "getent", f"echo '{entry}'" if entry else "exit 2")
    program(tmp_path / "id", "echo 0")
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


@pytest.mark.parametrize(("entry", "told"), [*PEOPLE, *((one, "") for one in SERVICES)])
def test_a_person_who_is_called_attune_does_not_become_the_service(
    tmp_path: Path, entry: str, told: str
) -> None:
    """The service ran with that person's rights; nothing is put on the machine before it."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/install", tmp_path / "scripts/install")
    program(tmp_path / "scripts/system_packages", "echo went on; exit 1")
    done = subprocess.run(
        [tmp_path / "scripts/install"], check=False, capture_output=True, text=True,
        env={**with_login(tmp_path, entry), "PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 1
    assert (done.stdout == "went on\n") is not bool(told)
    if told:
        assert f"a login attune already, a person's ({told})" in done.stderr
        assert "usermod -l NAME attune" in done.stderr


def test_an_upgrade_goes_on_with_the_person_it_was_installed_with(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    parts = [shell_function("install", name) for name in ("is_person", "spare_person")]
    script = 'say() { echo "$*"; }\n' + "".join(parts) + "spare_person; echo went on"
    done = subprocess.run(
        ["/bin/sh", "-euc", script], check=True, capture_output=True, text=True,
        env={**with_login(tmp_path, PEOPLE[0][0]), "opt": str(tmp_path), "DESTDIR": ""},
    )  # fmt: skip
    told, went_on = done.stdout.splitlines()
    assert told.endswith("the service goes on running as that person")
    assert went_on == "went on"


@pytest.mark.parametrize(("entry", "told"), [*PEOPLE, *((one, "") for one in SERVICES)])
def test_the_package_does_not_take_a_person_either_and_an_upgrade_says_it(
    tmp_path: Path, entry: str, told: str
) -> None:
    text = (ROOT / "scripts/deb").read_text()
    preinst = text.split("DEBIAN/preinst\" <<'END'\n")[1].split("\nEND\n")[0]
    for step, code in (("install", 1 if told else 0), ("upgrade", 0), ("abort-upgrade", 0)):
        done = subprocess.run(
            ["/bin/sh", "-c", preinst, "preinst", step], check=False, capture_output=True,
            text=True, env=with_login(tmp_path, entry),
        )  # fmt: skip
        assert done.returncode == code
        assert told in done.stderr
        assert bool(done.stderr) is bool(told)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_a_package_can_be_made_by_somebody_whose_files_are_closed_to_others(
    tmp_path: Path,
) -> None:
    """dpkg-deb refuses, at the end of some minutes; here a stand-in installs at once."""
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", "NOTICE", "LICENSE", "scripts/deb"):
        shutil.copy(ROOT / name, tmp_path / name)
    program(
        tmp_path / "scripts/install",
        'mkdir -p "$DESTDIR/opt/attune" "$DESTDIR/etc/attune"; touch "$DESTDIR/opt/attune/one"',
    )
    done = subprocess.run(
        ["/bin/sh", "-c", "umask 077; scripts/deb"], cwd=tmp_path, check=False,
        env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (package,) = (tmp_path / "build/deb").glob("*.deb")
    listed = subprocess.run(["dpkg-deb", "-c", package], check=True, capture_output=True, text=True)
    assert "drwx------" not in listed.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("state", "is_made_anew"),
    [("whole", False), ("moved", True), ("broken off", True), ("of another Python", True)],
)
def test_a_virtual_environment_that_does_not_stand_is_made_anew(
    tmp_path: Path, state: str, is_made_anew: bool
) -> None:
    """A folder that was moved said `.venv/bin/attune: not found`, for ever."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    python = program(tmp_path / ".venv/bin/python", f"exit {int(state == 'broken off')}")
    interpreter = "/where/it/was/python" if state == "moved" else python
    (tmp_path / ".venv/bin/attune").write_text(f"#!{interpreter}\n")
    if state == "of another Python":
        python.unlink()
        python.symlink_to("/usr/bin/python3.of-before")
    (tmp_path / ".venv/.product").touch()
    asked = ["make", "-n", "setup", f"PYTHON={sys.executable}"]
    done = subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert ("scripts/make_venv" in done.stdout) == is_made_anew
