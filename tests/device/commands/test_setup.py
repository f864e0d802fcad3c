"""`attune setup` with answers from a pipe, as a person or a script gives them."""

from __future__ import annotations

import io
import os
import shlex
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.cli import main
from device.commands import setup_files
from device.commands.errors import CommandError
from device.commands.setup_questions import (
    LANGUAGES,
    PLACES,
    Answers,
    Dialogue,
    _listed,
    _split,
    ask_all,
)
from device.config import load, parse
from tests.fakes.sudo import ASKER, as_with_sudo


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def run_setup(config: Path, *said: str) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in said)))
        code = main(["setup", "--no-doctor", f"--config={config}"])
    return Done(code, out.getvalue(), err.getvalue())


def answers(music: Path, place: str = "1", broker: tuple[str, ...] = ("-",)) -> list[str]:
    #      place, language, name, camera, sensor, sound, music, broker, history
    return [place, "de", "Hall 2", "1", "none", "1", str(music), *broker, "n"]


def test_the_answers_become_settings_that_are_right(tmp_path: Path) -> None:
    config = tmp_path / "etc" / "kiosk.toml"
    done = run_setup(config, *answers(tmp_path))
    assert done.returncode == 0, done.stderr
    settings = load(config)
    assert settings.kiosk.language == "de"
    assert (settings.kiosk.name, settings.kiosk.id) == ("Hall 2", "hall_2")
    assert settings.sensor.port == "none"
    assert settings.catalog.music == (tmp_path,)
    assert settings.mqtt.host == ""
    assert settings.history.keep is False


@pytest.mark.parametrize("place", ["5", "6", "workplace", "school"])
def test_work_and_school_are_refused_with_the_reason(tmp_path: Path, place: str) -> None:
    config = tmp_path / "kiosk.toml"
    done = run_setup(config, *answers(tmp_path, place))
    assert done.returncode == 1
    assert "Art. 5(1)(f)" in done.stderr
    assert "Traceback" not in done.stderr
    assert not config.exists()


def test_the_password_lies_beside_the_settings_for_the_owner_alone(tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    broker = ("10.0.0.7", "y", "8883", "-", "hall", "s3cret word")
    done = run_setup(config, *answers(tmp_path, broker=broker))
    assert done.returncode == 0, done.stderr
    secret = tmp_path / "mqtt-password"
    assert secret.read_text() == "s3cret word\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in config.read_text() + done.stdout + done.stderr
    mqtt = load(config).mqtt
    assert (mqtt.host, mqtt.port, mqtt.tls, mqtt.username) == ("10.0.0.7", 8883, True, "hall")
    # A second run keeps the password where none is given.
    again = run_setup(config, "", "", "", "", "", "", "", "", "", "", "", "", "", "", "n")
    assert again.returncode == 0, again.stderr
    assert secret.read_text() == "s3cret word\n"
    assert load(config).mqtt.host == "10.0.0.7"


def test_a_second_run_keeps_what_it_does_not_ask(tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text('[kiosk]\nid = "old_id"\n[playback]\ncrossfade_s = 7.5\n# a word\n')
    assert run_setup(config, *answers(tmp_path)).returncode == 0
    settings = load(config)
    assert settings.playback.crossfade_s == 7.5
    assert settings.kiosk.id == "old_id"
    assert "# a word" in (tmp_path / "kiosk.toml.before-setup").read_text()


def test_a_second_run_leaves_the_way_to_the_broker_as_it_is(tmp_path: Path) -> None:
    """In a file written by hand much has its default: plain MQTT, and the box's own identity."""
    config = tmp_path / "kiosk.toml"
    config.write_text(
        f'[kiosk]\nname = "Hall"\n[catalog]\nmusic = ["{tmp_path}"]\n[mqtt]\nhost = "10.0.0.7"\n'
    )
    before = load(config)
    done = run_setup(config, *[""] * 12)
    assert done.returncode == 0, done.stderr
    after = load(config)
    assert (after.kiosk.id, after.mqtt) == (before.kiosk.id, before.mqtt)


def test_settings_that_their_owner_closed_stay_closed(tmp_path: Path) -> None:
    """The address of a network camera opens it."""
    config = tmp_path / "kiosk.toml"
    config.write_text('[camera]\nsource = "rtsp://eva:word@10.0.0.9/eye"\n')
    config.chmod(0o600)
    assert run_setup(config, *answers(tmp_path)).returncode == 0
    assert config.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("how_many", [0, 1, 4, 8])
def test_answers_that_end_too_soon_change_nothing(tmp_path: Path, how_many: int) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text("[kiosk]\n")
    done = run_setup(config, *answers(tmp_path)[:how_many])
    assert done.returncode == 1
    assert "ended too soon; nothing was changed" in done.stderr
    assert config.read_text() == "[kiosk]\n"


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text("[kiosk\n")
    done = run_setup(config, *answers(tmp_path))
    assert done.returncode == 1
    assert "cannot be taken over" in done.stderr
    assert config.read_text() == "[kiosk\n"


@pytest.mark.parametrize(
    ("text", "named"),
    [("foo = 1\n", "unknown key 'foo'"), ("kiosk = 3\n", "'kiosk'"),
     ('[catalog]\nmusic = "/srv/music"\n', "'catalog.music'"),
     ("[mqtt]\nport = true\n[sceen]\n", "unknown key 'sceen'")],
)  # fmt: skip
def test_settings_that_are_wrong_are_named_before_the_first_question(
    tmp_path: Path, text: str, named: str
) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(text)
    done = run_setup(config, *answers(tmp_path))
    assert done.returncode == 1
    assert named in done.stderr
    assert "mend or move it" in done.stderr
    assert "?" not in done.stdout
    assert config.read_text() == text


def test_a_place_that_is_refused_may_be_changed(tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text('[kiosk]\nplace = "school"\n')
    assert run_setup(config, *answers(tmp_path)).returncode == 0
    assert load(config).kiosk.place == "home"


def test_a_password_kept_elsewhere_stays_where_it_is(tmp_path: Path) -> None:
    config, secret = tmp_path / "kiosk.toml", tmp_path / "my-secret"
    secret.write_text("mine\n")
    config.write_text(f'[mqtt]\nhost = "10.0.0.7"\nusername = "hall"\npassword_file = "{secret}"\n')
    kept = ("10.0.0.7", "n", "1883", "hall", "")
    assert run_setup(config, *answers(tmp_path, broker=kept)).returncode == 0
    assert load(config).mqtt.password_file == secret
    assert not (tmp_path / "mqtt-password").exists()
    new = ("10.0.0.7", "n", "1883", "hall", "new")
    assert run_setup(config, *answers(tmp_path, broker=new)).returncode == 0
    assert load(config).mqtt.password_file == tmp_path / "mqtt-password"
    assert secret.read_text() == "mine\n"


def test_a_broker_without_user_or_encryption_may_follow_one_with(tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    config.write_text(
        f'[mqtt]\nhost = "10.0.0.7"\nusername = "hall"\npassword_file = "{tmp_path}/key"\n'
        f'tls = true\nca_file = "{tmp_path}/ca"\ncert_file = "{tmp_path}/cert"\n'
        f'key_file = "{tmp_path}/key"\nbase_topic = "mine"\n'
    )
    broker = ("10.0.0.8", "n", "1883", "-")
    done = run_setup(config, *answers(tmp_path, broker=broker))
    assert done.returncode == 0, done.stderr
    mqtt = load(config).mqtt
    assert (mqtt.host, mqtt.tls, mqtt.username, mqtt.base_topic) == ("10.0.0.8", False, "", "mine")
    # And none at all keeps what was not asked about.
    assert run_setup(config, *answers(tmp_path)).returncode == 0
    assert (load(config).mqtt.host, load(config).mqtt.base_topic) == ("", "mine")


def test_what_is_written_holds_wherever_the_kiosk_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broker = ("10.0.0.7", "n", "1883", "hall", "word")
    assert run_setup(Path("kiosk.toml"), *answers(tmp_path, broker=broker)).returncode == 0
    assert load(tmp_path / "kiosk.toml").mqtt.password_file == tmp_path / "mqtt-password"


def test_settings_at_home_are_found_by_every_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After --config= most leave the ~ as it is; and an editor may have left a mark (BOM)."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "kiosk.toml"
    config.write_text('[kiosk]\nid = "old_id"\n', encoding="utf-8-sig")
    assert run_setup(Path("~/kiosk.toml"), *answers(tmp_path)).returncode == 0
    assert (load(config).kiosk.id, load(config).kiosk.name) == ("old_id", "Hall 2")


def test_with_sudo_settings_for_a_kiosk_started_by_hand_are_of_whoever_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = as_with_sudo(monkeypatch)
    broker = ("broker.local", "n", "1883", "kiosk", "word")
    config = tmp_path / "kiosk.toml"
    assert run_setup(config, *answers(tmp_path, broker=broker)).returncode == 0
    assert [tuple(owner) for _, *owner in given] == [ASKER] * 2  # The settings, the password.
    assert run_setup(config, *answers(tmp_path)).returncode == 0
    assert (tmp_path / "kiosk.toml.before-setup", *ASKER) in given


def test_wrong_answers_are_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = answers(tmp_path)
    said[0:1] = ["nine", "0", "2"]
    said[said.index(str(tmp_path))] = "music"
    file = tmp_path / "file"
    file.touch(0o755)
    at = said.index("music") + 1
    said[at:at] = ["~nobodyhere/Music", str(file), str(tmp_path)]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(said) + "\n"))
    found = ask_all(Dialogue(), {}, services=False)
    assert found.tables["kiosk"]["place"] == "public"
    assert found.tables["catalog"]["music"] == [str(tmp_path)]
    out = capsys.readouterr().out
    assert out.count("answer with a number from 1 to 6") == 2
    assert "give the whole path" in out
    assert "there is no user 'nobodyhere' here" in out
    assert f"{file}: is no folder that can be read" in out


@pytest.mark.parametrize(
    "said",
    [
        "{0}/Hits, 80s",
        '"{0}/Hits, 80s"',
        "'{0}/Hits, 80s' , {0}/old",
        '{0}/12" mix,{0}/old',
        '"{0}/Hits, 80s", "{0}/old"',
        '"{0}/say ""a, b"""',
    ],
)
def test_a_music_folder_may_have_a_comma_in_its_name(tmp_path: Path, said: str) -> None:
    names = ("Hits, 80s", "old", '12" mix', 'say "a, b"')
    for name in names:
        (tmp_path / name).mkdir()
    config, said = tmp_path / "kiosk.toml", said.format(tmp_path)
    done = run_setup(config, *answers(Path(said)))
    assert done.returncode == 0, done.stderr
    music = load(config).catalog.music
    assert set(music) <= {tmp_path / name for name in names}
    assert len(music) == 1 + said.count(f"{tmp_path}/old")
    # What is there is offered in the same way, and taken by an empty line.
    assert run_setup(config, *answers(Path("\n"))[:6], "", "-", "n").returncode == 0
    assert load(config).catalog.music == music


def test_where_a_comma_may_be_meant_for_a_part_of_a_name_quotes_are_told(tmp_path: Path) -> None:
    said = answers(Path(f"{tmp_path}/Hits, 80s"))
    done = run_setup(tmp_path / "kiosk.toml", *said[:6], *[said[6]] * 5)
    told = "80s: give the whole path, beginning with /; one with a comma in it goes between quotes"
    assert told in done.stdout


@given(st.lists(st.text("ab ,\"'/", max_size=9).map("/{}".format), min_size=1, max_size=3))
def test_folders_are_offered_as_they_are_read(folders: list[str]) -> None:
    assert _split(_listed(folders)) == folders


def test_a_music_folder_that_is_missing_is_made_if_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = tmp_path / "kiosk.toml", tmp_path / "music" / "all"
    refused = [*answers(folder)[:7], "n", *answers(folder)[7:]]
    assert run_setup(config, *refused).returncode == 0
    assert not folder.exists()
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    monkeypatch.setenv("SUDO_GID", str(os.getgid()))
    wanted = [*answers(folder)[:7], "y", *answers(folder)[7:]]
    done = run_setup(config, *wanted)
    assert done.returncode == 0, done.stderr
    assert f"made {folder}" in done.stdout
    assert folder.stat().st_mode & 0o777 == 0o755
    assert load(config).catalog.music == (folder,)
    # Not asked where it is there.
    assert run_setup(config, *answers(folder)).returncode == 0


def test_broken_off_by_the_keyboard_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Keyboard(io.StringIO):
        def readline(self, *_: object) -> str:  # type: ignore[override]
            raise KeyboardInterrupt

    config, err = tmp_path / "kiosk.toml", io.StringIO()
    monkeypatch.setattr("sys.stdin", Keyboard())
    with redirect_stderr(err), redirect_stdout(io.StringIO()):
        assert main(["setup", "--no-doctor", f"--config={config}"]) == 130
    assert "broken off; nothing was changed" in err.getvalue()
    assert not config.exists()


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.one_of(
            st.text(), st.booleans(), st.integers(-(2**53), 2**53),
            st.floats(allow_nan=False, allow_infinity=False), st.lists(st.text(), max_size=3),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_what_is_written_is_read_back_the_same(table: dict[str, object]) -> None:
    assert tomllib.loads(setup_files.as_toml({"kiosk": table})) == {"kiosk": table}


def test_the_services_see_the_music_and_no_more(tmp_path: Path) -> None:
    given_answers = Answers()
    given_answers.put("catalog", music=["/home/eva/Music: all 100%", "/srv/music"])
    given_answers.put("mqtt", host="192.168.1.4")
    setup_files.adapt_services(given_answers, tmp_path)
    kiosk = (tmp_path / "attune.service.d/setup.conf").read_text()
    assert 'BindReadOnlyPaths="-/home/eva/Music\\: all 100%%"' in kiosk
    assert "/srv/music" not in kiosk
    assert "IPAddressAllow=\nIPAddressAllow=localhost 192.168.1.4\n" in kiosk
    watched = (tmp_path / "attune-catalog.path.d/setup.conf").read_text()
    assert "PathChanged=/home/eva/Music: all 100%%\n" in watched
    assert "PathChanged=/srv/music\n" in watched
    # Without a broker it reaches the box itself and no more; the music is seen by all services.
    given_answers.put("mqtt", host=None)
    given_answers.put("catalog", music=["/srv/music"])
    setup_files.adapt_services(given_answers, tmp_path)
    kiosk = (tmp_path / "attune.service.d/setup.conf").read_text()
    assert "IPAddressAllow=localhost\n" in kiosk
    assert not (tmp_path / "attune-catalog.service.d/setup.conf").exists()


@pytest.mark.parametrize("name", ["Rock'n'Roll", "Anna'sMusic", "Anna's Music", 'a "b" c', '"b"'])
def test_quotation_marks_in_the_name_of_a_folder_are_letters_to_systemd(
    tmp_path: Path, name: str
) -> None:
    """It read Rock'n'Roll as RocknRoll, which is not there and may be: no music, and no word."""
    given_answers = Answers()
    given_answers.put("catalog", music=[f"/home/eva/{name}"])
    setup_files.adapt_services(given_answers, tmp_path)
    lines = (tmp_path / "attune-catalog.service.d/setup.conf").read_text().splitlines()
    (bound,) = [line.partition("=")[2] for line in lines if line.startswith("Bind")]
    assert shlex.split(bound) == [f"-/home/eva/{name}"]  # systemd quotes as the shell does.


@pytest.mark.parametrize(
    ("broker", "camera", "allowed"),
    [
        (None, "rtsp://eva:word@192.168.1.7:554/eye", "localhost 192.168.1.7"),
        ("10.0.0.2", "http://[fd00::7]/eye", "localhost 10.0.0.2 fd00::7"),
        ("10.0.0.2", "/dev/video0", "localhost 10.0.0.2"),
        ("fe80::1%eth0", "none", "localhost fe80::1"),
        ("10.0.0.2", "http://door.lan/eye", None),
        (None, "file:///srv/film.mp4", "localhost"),
    ],
)
def test_the_service_reaches_its_network_camera(
    tmp_path: Path, broker: str | None, camera: str, allowed: str | None
) -> None:
    given_answers = Answers()
    given_answers.put("mqtt", host=broker)
    given_answers.put("camera", source=camera)
    setup_files.adapt_services(given_answers, tmp_path)
    written = tmp_path / "attune.service.d/setup.conf"
    lines = written.read_text().splitlines()[2:] if written.exists() else []
    assert lines == ([] if allowed is None else ["IPAddressAllow=", f"IPAddressAllow={allowed}"])


def test_what_cannot_be_written_is_said_before_the_first_question(tmp_path: Path) -> None:
    locked = tmp_path / "etc"
    locked.mkdir(mode=0o555)
    if os.access(locked, os.W_OK):
        pytest.skip("root may write everywhere")
    with pytest.raises(CommandError, match="sudo attune setup"):
        setup_files.check_writable(locked / "kiosk.toml")


def test_the_places_are_those_of_the_settings() -> None:
    for name, _ in PLACES[:4]:
        assert parse({"kiosk": {"place": name}}).kiosk.place == name
    for name, _ in LANGUAGES:
        assert parse({"kiosk": {"language": name}}).kiosk.language == name
