"""The table of parts: nothing overlaps, nothing is too small, everything can be touched."""

from dataclasses import replace
from typing import Any

import pytest

from device.interfaces.screen.area import Area
from device.interfaces.screen.canvas import compose, hit
from device.interfaces.screen.parts import NEAR_PX, kit_for
from device.interfaces.screen.wording import LANGUAGES
from device.readings import (
    Command,
    Consent,
    KioskState,
    PickMood,
    PlayerState,
    SayMood,
    SensorStatus,
    SetVolume,
    Start,
    Stop,
    WorkerHealth,
)
from tests.fakes.kiosk_states import BARRED, CONSENT, FAREWELL, GREETING, IDLE, PLAYING, SENSING
from tests.fakes.screens import SIZES, moments, view

LEAST_TOUCH = 48
"""Layout units: WCAG 2.2 2.5.5 asks for 44 CSS pixels; the main controls are larger."""


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("large", [False, True], ids=["normal", "large"])
def test_parts_stay_apart_and_inside(size: tuple[int, int], large: bool) -> None:
    whole = Area(0, 0, *size)
    for name, state, opened in moments():
        shown = view(*size, large_type=large, **opened)
        parts = compose(state, shown).parts
        names = [part.name for part in parts]
        assert len(names) == len(set(names)), name
        for index, part in enumerate(parts):
            assert part.area.w > 0 and part.area.h > 0, (name, part.name)
            assert whole.holds(part.area.x, part.area.y), (name, part.name)
            assert part.area.right <= whole.w and part.area.bottom <= whole.h, (name, part.name)
            for other in parts[index + 1 :]:
                assert not part.area.overlaps(other.area), (name, part.name, other.name)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_every_button_is_large_enough_and_answers(size: tuple[int, int]) -> None:
    for name, state, opened in moments():
        shown = view(*size, **opened)
        least = kit_for(shown).px(LEAST_TOUCH)
        for part in compose(state, shown).parts:
            if not part.answers:
                continue
            assert min(part.area.w, part.area.h) >= least, (name, part.name, part.area)
            assert hit(state, shown, *part.area.centre) == part.at(*part.area.centre)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_beside_a_warning_the_invitation_keeps_its_button_and_hint(size: tuple[int, int]) -> None:
    shown = view(*size)
    scene = compose(replace(IDLE, message="No loudspeaker: connect one, the music waits"), shown)
    for name, least in (("begin", 72), ("finger", 28)):
        part = scene.part(name)
        assert part is not None
        assert part.area.h >= kit_for(shown).px(least), name


def test_every_command_of_the_screen_says_where_it_came_from() -> None:
    for _, state, opened in moments():
        for part in compose(state, view(**opened)).parts:
            action = part.at(*part.area.centre)
            assert not isinstance(action, Command) or action.source == "screen"


def test_consent_has_three_choices_of_equal_size() -> None:
    scene = compose(CONSENT, view())
    choices = [part for part in scene.parts if part.answers]
    assert [part.action for part in choices] == [
        Consent(source="screen", camera=True),
        Consent(source="screen", camera=False),
        Stop(source="screen"),
    ]
    assert len({part.area.h for part in choices}) == 1
    assert max(p.area.w for p in choices) - min(p.area.w for p in choices) <= 1


def test_no_camera_choice_where_the_owner_barred_it() -> None:
    actions = [part.action for part in compose(BARRED, view()).parts if part.answers]
    assert actions == [Consent(source="screen", camera=False), Stop(source="screen")]


def test_no_camera_choice_where_the_settings_have_no_camera() -> None:
    shown = view(has_camera=False)
    actions = [part.action for part in compose(CONSENT, shown).parts if part.answers]
    assert actions == [Consent(source="screen", camera=False), Stop(source="screen")]
    said = all_text(CONSENT, has_camera=False)
    assert "also means: without camera" in said
    assert "The owner has switched" not in said


def test_a_touch_anywhere_begins() -> None:
    assert hit(IDLE, view(), 3, 300) == Start(source="screen")


def test_who_misses_a_small_button_by_little_meant_it() -> None:
    """The cross in the corner is 5 mm wide on a panel of 3.5 inches."""
    shown = view(480, 320)
    scene = compose(SENSING, shown)
    leave = scene.part("leave")
    assert leave is not None
    x, y = leave.area.right, leave.area.centre[1]
    assert hit(SENSING, shown, x + NEAR_PX - 1, y) == leave.action
    assert hit(SENSING, shown, x, leave.area.y - 1) == leave.action
    assert hit(SENSING, shown, x + NEAR_PX + 2, y) is None
    label = scene.part("camera")
    assert label is not None and not label.answers
    assert hit(SENSING, shown, label.area.right - 1, y) is None


def test_between_two_buttons_the_nearer_one_is_meant() -> None:
    shown = view(480, 320)
    scene = compose(PLAYING, shown)
    dislike, like = scene.part("dislike"), scene.part("like")
    assert dislike is not None and like is not None
    y, middle = like.area.centre[1], (dislike.area.right + like.area.x) / 2
    assert hit(PLAYING, shown, middle - 1, y) == dislike.action
    assert hit(PLAYING, shown, middle + 1, y) == like.action


def test_nobody_agrees_by_a_near_miss() -> None:
    scene = compose(CONSENT, view())
    full, partial = scene.part("full"), scene.part("partial")
    assert full is not None and partial is not None
    assert full.area.right < partial.area.x
    assert scene.hit(full.area.right, full.area.centre[1]) is None
    assert scene.hit(full.area.right - 1, full.area.centre[1]) == full.action


def test_field_maps_the_corners() -> None:
    shown = view(sheet="mood")
    area = next(p.area for p in compose(PLAYING, shown).parts if p.name == "field")
    top_right = hit(PLAYING, shown, area.right - 1, area.y)
    assert isinstance(top_right, PickMood)
    assert top_right.valence > 0.98 and top_right.arousal > 0.98
    low_left = hit(PLAYING, shown, area.x, area.bottom - 1)
    assert isinstance(low_left, PickMood)
    assert low_left.valence < -0.98 and low_left.arousal < -0.98


def test_slider_maps_its_ends() -> None:
    shown = view(sheet="volume")
    area = next(p.area for p in compose(PLAYING, shown).parts if p.name == "slider")
    assert hit(PLAYING, shown, area.x, area.centre[1]) == SetVolume(source="screen", percent=0)
    assert hit(PLAYING, shown, area.right - 1, area.centre[1]) == SetVolume(
        source="screen", percent=100
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_chips_send_words_that_the_analyser_knows(language: str) -> None:
    chips = [
        part.action
        for part in compose(PLAYING, view(sheet="mood", language=language)).parts
        if part.name.startswith("chip_")
    ]
    assert len(chips) >= 6
    assert all(isinstance(action, SayMood) and action.text.isascii() for action in chips)


def all_text(state: KioskState, **opened: Any) -> str:
    return " ".join(str(part.content) for part in compose(state, view(**opened)).parts)


def test_a_sound_card_that_is_gone_is_said_in_the_language_of_the_kiosk() -> None:
    missing = "no sound card: plug one in; music starts when it appears"
    silent = replace(PLAYING, player=PlayerState("no_output", message=missing))
    assert missing in all_text(silent)
    assert "Kein Lautsprecher gefunden" in all_text(silent, language="de")
    assert "plug one in" not in all_text(silent, language="de")


def test_the_question_says_that_the_finger_answers_too() -> None:
    assert "also means: camera and finger" in all_text(CONSENT)
    assert "Keep holding for yes" in all_text(replace(CONSENT, finger_on=True, finger_speaks=True))
    assert "Keep holding for yes" not in all_text(replace(CONSENT, finger_on=True))
    doubted = all_text(replace(CONSENT, finger_on=True, finger_speaks=True, finger_doubted=True))
    assert "please touch a choice" in doubted
    assert "Keep holding" not in doubted
    no_sensor = replace(CONSENT, sensor=SensorStatus(False, "", ""))
    assert "also means" not in all_text(no_sensor)
    assert "also means: without camera" in all_text(BARRED)


def test_a_kiosk_that_tells_the_house_does_not_say_that_nothing_leaves_the_box() -> None:
    told = (WorkerHealth("mqtt", "running", False),)
    for state in (IDLE, GREETING, CONSENT):
        assert "Nothing leaves this box" in all_text(state)
        assert "Nothing leaves this box" not in all_text(replace(state, health=told))
        assert "Only this house hears of it" in all_text(replace(state, health=told))


def test_no_finger_is_asked_for_that_nobody_may_measure() -> None:
    """The house has set a mood, and nobody was asked for consent."""
    begun_by_the_house = replace(PLAYING, pulse=None, may_measure=False)
    said = all_text(begun_by_the_house, sheet="reading")
    assert "Nothing is measured." in said
    assert "Rest a finger" not in said


def test_the_farewell_says_when_something_is_kept() -> None:
    assert "is forgotten now." in all_text(FAREWELL)
    assert "but for a few numbers without a name" in all_text(FAREWELL, keeps_history=True)


def test_the_farewell_does_not_promise_what_the_house_may_keep() -> None:
    told = replace(FAREWELL, health=(WorkerHealth("mqtt", "running", False),))
    assert "The house" not in all_text(FAREWELL)
    for keeps in (False, True):
        assert "The house may keep what it heard." in all_text(told, keeps_history=keeps)


def test_the_invitation_promises_privacy() -> None:
    said = all_text(IDLE)
    for promise in ("Camera off", "Nothing leaves this box", "Not a medical device"):
        assert promise in said
