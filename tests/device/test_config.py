from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import ConfigError, Settings, find_and_load, load, parse, settings_file


def test_the_defaults_are_right() -> None:
    assert parse({}) == Settings()
    assert not str(Settings().catalog.folder).startswith("~")


def test_all_faults_are_named_at_once_with_key_range_and_value(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(
        "[camera]\nwidht_px = 640\nheight_px = 3\n[playback]\nvolume_percent = 'loud'\n[moood]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    text = str(caught.value)
    assert "unknown key 'camera.widht_px'; did you mean 'width_px'?" in text
    assert "'camera.height_px'" in text
    assert "120" in text
    assert "found 3" in text
    assert "'playback.volume_percent'" in text
    assert "found 'loud'" in text
    assert "unknown key 'moood'; did you mean 'mood'?" in text
    assert all(line.startswith(str(path)) for line in text.splitlines())
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"[camera", "not valid TOML"), (b"\xff\xfe", "is not text in UTF-8")],
)
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=fault):
        load(path)
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"catalog": {"music": "/srv"}}, "'catalog.music': input should be a list such as"),
        ({"kiosk": 3}, "'kiosk': input should be a table: "),
        ({"catalog": {"folder": "~no such user/x"}}, "there is no user 'no such user' here"),
        ({"kiosk": {"state_dir": "a\0b"}}, "no path holds a NUL"),
        ({"kiosk": {"state_dir": ""}}, "'kiosk.state_dir': is empty: take the key out"),
        ({"mqtt": {"password_file": "/x"}}, "'mqtt': password_file does nothing"),
        ({"pulse": {"window_s": 20, "min_window_s": 60}}, "'pulse': min_window_s must not be"),
        ({"pulse": {"min_window_s": 61}}, "'pulse': min_window_s must not be above window_s"),
        ({"recommender": {"repeat_after_s": float("inf")}}, "a finite number, found inf"),
    ],
)
def test_a_fault_is_told_in_the_words_of_the_file(data: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse(data)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"name": "Hall"}, r"unknown key 'name'; it belongs below \[kiosk\]"),
        ({"camera": {"port": 3}}, r"'camera.port'; it belongs below \[sensor\] or \[mqtt\]"),
        ({"camera": {"width": 3}}, "'camera.width'; did you mean 'width_px'"),
    ],
)
def test_a_key_in_the_wrong_place_is_shown_the_right_one(
    data: dict[str, object], fault: str
) -> None:
    """A name above the first table was taken for a misspelt camera."""
    with pytest.raises(ConfigError, match=fault):
        parse(data)


def test_an_empty_name_of_a_file_one_can_do_without_is_none() -> None:
    mqtt = parse({"mqtt": dict.fromkeys(("password_file", "ca_file", "cert_file"), "")}).mqtt
    assert (mqtt.password_file, mqtt.ca_file, mqtt.cert_file) == (None, None, None)


def test_every_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell leaves --config=~/kiosk.toml as it is, and systemd knows no ~ at all."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "kiosk.toml").write_text(
        '[camera]\nsource = "~/film.mp4"\n[playback]\noutput = "~/played.wav"\n'
    )
    settings = find_and_load(Path("~/kiosk.toml"))
    assert settings.camera.source == f"{tmp_path}/film.mp4"
    assert settings.playback.output == f"{tmp_path}/played.wav"


def test_a_mark_at_the_beginning_of_the_file_is_no_fault(tmp_path: Path) -> None:
    """Some editors write one (BOM), and show nothing of it."""
    path = tmp_path / "kiosk.toml"
    path.write_text('[kiosk]\nname = "Hall"\n', encoding="utf-8-sig")
    assert load(path).kiosk.name == "Hall"


@pytest.mark.parametrize("table", [{"password_file": "hunter2"}, [{"password_file": "hunter2"}]])
def test_a_fault_of_a_whole_table_does_not_repeat_what_is_in_it(table: object) -> None:
    """It goes into the log; and some write the password where its file belongs."""
    with pytest.raises(ConfigError, match="'mqtt': ") as caught:
        parse({"mqtt": table})
    assert "hunter2" not in str(caught.value)


def test_keys_that_do_not_fit_together_are_named_beside_one_that_is_wrong() -> None:
    mqtt: dict[str, object] = {"port": 0, "ca_file": "/ca", "password_file": "/p", "key_file": "/k"}
    with pytest.raises(ConfigError) as caught:
        parse({"mqtt": mqtt})
    assert "'mqtt.port'" in caught.value.faults[0]
    assert caught.value.faults[1:] == [
        "'mqtt': cert_file and key_file are needed together",
        "'mqtt': ca_file and cert_file do nothing without tls = true",
        "'mqtt': password_file does nothing without a username",
    ]
    with pytest.raises(ConfigError) as caught:
        parse({"mqtt": {key: value for key, value in mqtt.items() if key != "port"}})
    (fault,) = caught.value.faults
    assert "needed together; ca_file and cert_file do nothing" in fault
    # A key that is set, if wrongly, is not said to be missing.
    with pytest.raises(ConfigError) as caught:
        parse({"mqtt": {"tls": "maybe", "ca_file": "/ca", "username": 3, "password_file": "/p"}})
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "'mqtt.username'",
        "'mqtt.tls'",
    ]


def test_settings_do_not_change_after_loading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().camera.width_px = 1


def test_the_file_of_the_environment_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[kiosk]\nname = "Hall"\n')
    monkeypatch.setenv("ATTUNE_CONFIG", str(path))
    assert find_and_load().kiosk.name == "Hall"
    monkeypatch.setenv("ATTUNE_CONFIG", "")
    assert settings_file() != Path()


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*Settings.model_fields, "x"]),
        st.dictionaries(st.sampled_from(["port", "source", "host", "name", "y"]), json_like)
        | json_like,
        max_size=4,
    )
)
def test_whatever_is_written_gives_settings_or_a_config_error(data: dict[str, object]) -> None:
    try:
        assert isinstance(parse(data), Settings)
    except ConfigError as error:
        assert error.faults
