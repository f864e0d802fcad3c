"""From fingers and keys to commands."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.interfaces.screen.canvas import compose
from device.interfaces.screen.hands import SHEET_TIMEOUT_S, Hands
from device.interfaces.screen.scenes.asking import MAX_TYPED
from device.interfaces.screen.view import ScreenView
from device.readings import (
    Command,
    Consent,
    Dislike,
    KioskState,
    Like,
    Pause,
    PickMood,
    Play,
    SayMood,
    SetStrategy,
    SetVolume,
    Skip,
    Start,
    Stop,
    Strategy,
    VisitState,
)
from tests.fakes.kiosk_states import (
    ASKING,
    BARRED,
    CONSENT,
    EMPTY_SENSING,
    GREETING,
    IDLE,
    NOW_S,
    PLAYING,
    SENSING,
)
from tests.fakes.screens import view


def hands_at(state: KioskState) -> Hands:
    hands = Hands()
    hands.follow(state, NOW_S - 5)
    return hands


def opened(hands: Hands) -> str:
    return hands.opened.sheet.value


def tap(
    hands: Hands, state: KioskState, name: str, shown: ScreenView | None = None
) -> list[Command]:
    shown = shown or view()
    part = compose(state, hands.view(shown)).part(name)
    assert part is not None, name
    down = hands.press(state, shown, *part.area.centre)
    return down + hands.release(state, shown, *part.area.centre)


def key(hands: Hands, state: KioskState, *names: str) -> list[Command]:
    return [command for name in names for command in hands.key(state, view(), name)]


def test_taps_on_the_music() -> None:
    hands = hands_at(PLAYING)
    assert tap(hands, PLAYING, "play") == [Pause(source="screen")]
    assert tap(hands, PLAYING, "skip") == [Skip(source="screen")]
    assert tap(hands, PLAYING, "like") == [Like(source="screen")]
    assert tap(hands, PLAYING, "dislike") == [Dislike(source="screen")]
    assert tap(hands, PLAYING, "leave") == [Stop(source="screen")]
    paused = replace(PLAYING, player=replace(PLAYING.player, status="paused"))
    assert tap(hands, paused, "play") == [Play(source="screen")]


def test_a_finger_that_slides_off_means_nothing() -> None:
    hands = hands_at(PLAYING)
    part = compose(PLAYING, view()).part("skip")
    assert part is not None
    assert hands.press(PLAYING, view(), *part.area.centre) == []
    assert hands.opened.pressed == "skip"
    assert hands.release(PLAYING, view(), 5, 5) == []
    assert hands.opened.pressed == ""


def test_the_finger_may_not_land_on_what_appears_under_it() -> None:
    """Pressed beside everything, released on a button: no command."""
    hands = hands_at(PLAYING)
    hands.press(PLAYING, view(), 5, 470)
    part = compose(PLAYING, view()).part("skip")
    assert part is not None
    assert hands.release(PLAYING, view(), *part.area.centre) == []


def test_a_second_tap_on_continue_does_not_consent() -> None:
    hands = hands_at(GREETING)
    assert tap(hands, GREETING, "begin") == [Start(source="screen")]
    hands.follow(CONSENT, NOW_S + 0.1)
    assert tap(hands, CONSENT, "full", view(now_s=NOW_S + 0.3)) == []
    assert tap(hands, CONSENT, "full", view(now_s=NOW_S + 1)) == [
        Consent(source="screen", camera=True)
    ]


def test_a_second_tap_on_the_cross_of_a_sheet_does_not_end_the_visit() -> None:
    hands = hands_at(PLAYING)
    key(hands, PLAYING, "v")
    assert tap(hands, PLAYING, "leave", view(now_s=NOW_S + 1)) == []
    assert opened(hands) == "none"
    assert tap(hands, PLAYING, "leave", view(now_s=NOW_S + 1.2)) == []
    assert tap(hands, PLAYING, "leave", view(now_s=NOW_S + 2)) == [Stop(source="screen")]


def test_a_second_tap_on_strategy_chooses_none() -> None:
    hands = hands_at(PLAYING)
    place = compose(PLAYING, view()).part("strategy")
    assert place is not None
    at = place.area.centre
    for after_s in (0.0, 0.2):
        shown = view(now_s=NOW_S + after_s)
        sent = hands.press(PLAYING, shown, *at) + hands.release(PLAYING, shown, *at)
        assert sent == []
    assert opened(hands) == "strategy"


def test_the_question_that_appears_under_a_finger_takes_no_answer_from_it() -> None:
    hands = hands_at(EMPTY_SENSING)
    hands.press(EMPTY_SENSING, view(), 150, 300)
    hands.follow(ASKING, NOW_S + 0.1)
    assert hands.release(ASKING, view(now_s=NOW_S + 0.2), 150, 300) == []
    assert tap(hands, ASKING, "field", view(now_s=NOW_S + 0.3)) == []
    assert len(tap(hands, ASKING, "field", view(now_s=NOW_S + 1))) == 1


def test_the_question_leaves_no_button_pressed() -> None:
    hands = hands_at(EMPTY_SENSING)
    leave = compose(EMPTY_SENSING, view()).part("leave")
    assert leave is not None
    hands.press(EMPTY_SENSING, view(), *leave.area.centre)
    hands.follow(ASKING, NOW_S + 0.1)
    assert hands.release(ASKING, view(now_s=NOW_S + 0.2), *leave.area.centre) == []
    assert hands.opened.pressed == ""


def test_a_camera_that_the_owner_allows_under_a_finger_is_not_agreed_to() -> None:
    """What was "Without camera" is "Camera and finger" from one moment to the next."""
    hands = hands_at(BARRED)
    place = compose(BARRED, view()).part("partial")
    assert place is not None
    x, y = place.area.x + 60, place.area.centre[1]
    hands.follow(CONSENT, NOW_S)
    for after_s, sent in ((0.2, []), (1.0, [Consent(source="screen", camera=True)])):
        shown = view(now_s=NOW_S + after_s)
        got = hands.press(CONSENT, shown, x, y) + hands.release(CONSENT, shown, x, y)
        assert got == sent


@pytest.mark.parametrize("name", ["play", "skip", "dislike", "like"])
def test_two_quick_taps_on_a_button_are_one(name: str) -> None:
    hands = hands_at(PLAYING)
    assert len(tap(hands, PLAYING, name, view(now_s=NOW_S))) == 1
    assert tap(hands, PLAYING, name, view(now_s=NOW_S + 0.25)) == []
    assert len(tap(hands, PLAYING, name, view(now_s=NOW_S + 1))) == 1


def test_each_tap_on_louder_counts() -> None:
    hands = hands_at(PLAYING)
    key(hands, PLAYING, "v")
    for after_s in (1.0, 1.1, 1.2):
        assert len(tap(hands, PLAYING, "more", view(now_s=NOW_S + after_s))) == 1


def test_a_finger_that_was_down_when_the_visit_ended_does_not_begin_another() -> None:
    hands = hands_at(PLAYING)
    hands.press(PLAYING, view(), 5, 470)
    hands.follow(IDLE, NOW_S + 1)
    assert hands.release(IDLE, view(now_s=NOW_S + 2), 5, 470) == []


def test_consent_by_touch_and_by_number() -> None:
    hands = hands_at(CONSENT)
    assert tap(hands, CONSENT, "full") == [Consent(source="screen", camera=True)]
    assert key(hands, CONSENT, "2") == [Consent(source="screen", camera=False)]
    assert key(hands, CONSENT, "9") == []


def test_enter_never_consents_by_itself() -> None:
    hands = hands_at(CONSENT)
    assert key(hands, CONSENT, "return", "space") == []
    assert key(hands, CONSENT, "tab", "return") == [Consent(source="screen", camera=True)]


def test_focus_goes_round() -> None:
    hands = hands_at(CONSENT)
    assert key(hands, CONSENT, "right", "right", "right", "right", "return") == [
        Consent(source="screen", camera=True)
    ]
    hands.key(CONSENT, view(), "tab", shift=True)
    assert hands.opened.focus == "no"


def test_strategy_closes_its_sheet() -> None:
    hands = hands_at(PLAYING)
    assert tap(hands, PLAYING, "strategy") == []
    assert opened(hands) == "strategy"
    assert tap(hands, PLAYING, "strategy_calm", view(now_s=NOW_S + 1)) == [
        SetStrategy(source="screen", strategy=Strategy.CALM)
    ]
    assert opened(hands) == "none"


def test_volume_follows_the_finger_but_not_too_often() -> None:
    hands = hands_at(PLAYING)
    key(hands, PLAYING, "v")
    part = compose(PLAYING, hands.view(view())).part("slider")
    assert part is not None
    later_s = NOW_S + 1
    sent = hands.press(PLAYING, view(now_s=later_s), part.area.x, part.area.centre[1])
    for step in range(1, 101):
        shown = view(now_s=later_s + step * 0.01)
        x = part.area.x + step / 100 * (part.area.w - 1)
        sent += hands.drag(PLAYING, shown, x, part.area.centre[1])
    sent += hands.release(PLAYING, view(), part.area.right - 1, 2)
    volumes = [command.percent for command in sent if isinstance(command, SetVolume)]
    assert volumes == sorted(volumes)
    assert volumes[0] == 0 and volumes[-1] == 100
    assert len(volumes) <= 13


def test_keys_of_the_music() -> None:
    hands = hands_at(PLAYING)
    assert key(hands, PLAYING, "space", "right", "l", "d") == [
        Pause(source="screen"),
        Skip(source="screen"),
        Like(source="screen"),
        Dislike(source="screen"),
    ]
    assert key(hands, PLAYING, "up", "down") == [
        SetVolume(source="screen", percent=69),
        SetVolume(source="screen", percent=59),
    ]
    assert key(hands, PLAYING, "escape") == [Stop(source="screen")]


def test_escape_closes_a_sheet_first() -> None:
    hands = hands_at(PLAYING)
    assert key(hands, PLAYING, "r", "escape") == []
    assert opened(hands) == "none"


@pytest.mark.parametrize("name", ["escape", "d", "l", "right", "space", "return"])
def test_a_key_that_is_held_counts_once(name: str) -> None:
    hands = hands_at(PLAYING)
    first = key(hands, PLAYING, "tab", name)
    assert len(first) == 1
    assert hands.key(PLAYING, view(), name, held=True) == []


def test_escape_held_over_a_sheet_does_not_end_the_visit() -> None:
    hands = hands_at(PLAYING)
    key(hands, PLAYING, "r", "escape")
    assert hands.key(PLAYING, view(), "escape", held=True) == []


def test_a_held_m_opens_the_sheet_and_writes_nothing_there() -> None:
    hands = hands_at(PLAYING)
    key(hands, PLAYING, "m")
    hands.key(PLAYING, view(), "m", held=True)
    hands.text(PLAYING, view(), "m")
    assert hands.opened.typed == ""


def test_louder_and_taking_back_go_on_while_their_key_is_held() -> None:
    hands = hands_at(PLAYING)
    assert len(hands.key(PLAYING, view(), "up", held=True)) == 1
    key(hands, PLAYING, "m", "x")
    hands.text(PLAYING, view(), "tired")
    hands.key(PLAYING, view(), "backspace", held=True)
    assert hands.opened.typed == "tire"


def test_start_by_key_and_nothing_to_leave_at_idle() -> None:
    hands = hands_at(IDLE)
    assert key(hands, IDLE, "return", "space") == [Start(source="screen"), Start(source="screen")]
    assert key(hands, IDLE, "escape") == []


def test_typing_a_mood() -> None:
    hands = hands_at(PLAYING)
    key(hands, PLAYING, "m")
    hands.text(PLAYING, view(), "m")  # the character of the key that opened the sheet
    for character in "tired":
        key(hands, PLAYING, character)
        hands.text(PLAYING, view(), character)
    key(hands, PLAYING, "backspace")
    hands.text(PLAYING, view(), "d and 难过\n")
    assert hands.opened.typed == "tired and 难过"
    assert key(hands, PLAYING, "return") == [SayMood(source="screen", text="tired and 难过")]
    assert hands.opened.typed == "" and opened(hands) == "none"


def test_typing_is_bounded() -> None:
    hands = hands_at(ASKING)
    for _ in range(50):
        hands.text(ASKING, view(), "very tired ")
    assert len(hands.opened.typed) == 120


@pytest.mark.parametrize(
    "whole",
    ["e\u0301", "\U0001f1e9\U0001f1ea", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
     "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\u1112\u1161\u11ab", "\u0915\u094d\u0937\u093f",
     "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"],
    ids=ascii,
)  # fmt: skip
def test_one_step_back_takes_what_looks_like_one_character(whole: str) -> None:
    hands = hands_at(ASKING)
    hands.text(ASKING, view(), f"sad {whole}")
    assert hands.opened.typed == f"sad {whole}"
    key(hands, ASKING, "backspace")
    assert hands.opened.typed == "sad "
    for character in whole:
        hands.text(ASKING, view(), character)
    assert hands.opened.typed == f"sad {whole}"
    assert tap(hands, ASKING, "erase") == []
    assert hands.opened.typed == "sad "


def test_the_limit_leaves_no_part_of_a_character() -> None:
    hands = hands_at(ASKING)
    hands.text(ASKING, view(), "x" * 118)
    hands.text(ASKING, view(), "\U0001f468\u200d\U0001f469")
    assert hands.opened.typed == "x" * 118
    hands.text(ASKING, view(), "ye")
    hands.text(ASKING, view(), "\u0301")
    assert hands.opened.typed == "x" * 118 + "ye"


@given(st.lists(st.text(max_size=30), max_size=12))
def test_what_is_typed_stays_bounded_and_can_be_taken_back(texts: list[str]) -> None:
    hands = hands_at(ASKING)
    for characters in texts:
        before = hands.opened.typed
        hands.text(ASKING, view(), characters)
        assert hands.opened.typed.startswith(before)
    assert len(hands.opened.typed) <= MAX_TYPED
    for _ in range(MAX_TYPED):
        key(hands, ASKING, "backspace")
    assert hands.opened.typed == ""


def test_typing_is_ignored_where_no_mood_is_asked() -> None:
    hands = hands_at(PLAYING)
    hands.text(PLAYING, view(), "hello")
    assert hands.opened.typed == ""


def test_picking_on_the_field() -> None:
    hands = hands_at(ASKING)
    (picked,) = tap(hands, ASKING, "field")
    assert isinstance(picked, PickMood)
    assert abs(picked.valence) < 0.02 and abs(picked.arousal) < 0.02


def test_what_was_typed_is_forgotten_with_the_visit() -> None:
    hands = hands_at(SENSING)
    key(hands, SENSING, "m")
    key(hands, SENSING, "x")
    hands.text(SENSING, view(), "secret")
    assert hands.opened.typed == "secret"
    hands.follow(replace(SENSING, visit=VisitState.FAREWELL), NOW_S + 1)
    assert hands.opened.typed == "" and opened(hands) == "none"


def test_a_sheet_nobody_touches_closes() -> None:
    hands = hands_at(PLAYING)
    key(hands, PLAYING, "s")
    hands.follow(PLAYING, NOW_S + SHEET_TIMEOUT_S - 1)
    assert opened(hands) == "strategy"
    hands.follow(PLAYING, NOW_S + SHEET_TIMEOUT_S + 1)
    assert opened(hands) == "none"
