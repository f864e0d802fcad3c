"""What the kiosk itself says is never cut, in no language, size or look."""

from dataclasses import replace
from typing import Any

import pytest
from pygame import Surface

from device.interfaces.screen.area import Area
from device.interfaces.screen.canvas import render
from device.interfaces.screen.typesetting import ELLIPSIS, Style, Typesetter
from device.interfaces.screen.view import Sheet
from device.interfaces.screen.wording import LANGUAGES, say
from device.phrases import PHRASES
from device.readings import PlayerState, WorkerHealth
from tests.fakes.kiosk_states import ASKING, BARRED, CONSENT, FAREWELL, IDLE, PLAYING
from tests.fakes.screens import moments, view

FOREIGN = {"long", "faults"}
"""Moments whose texts come from elsewhere and may be of any length."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("large", [False, True], ids=["normal", "large"])
@pytest.mark.parametrize("size", [(800, 480), (480, 800)], ids=["wide", "tall"])
def test_own_words_are_whole(
    language: str, large: bool, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest sizes decide: larger ones are the same layout at a larger scale."""
    fit, cut = Typesetter._fit, set()

    def watched(setter: Typesetter, text: str, *rest: Any) -> Any:
        font, rows = fit(setter, text, *rest)
        if rows and rows[-1].endswith(ELLIPSIS) and not text.endswith(ELLIPSIS):
            cut.add(text)
        return font, rows

    monkeypatch.setattr(Typesetter, "_fit", watched)
    seen = [(state, opened) for name, state, opened in moments() if name not in FOREIGN]
    told = (WorkerHealth("mqtt", "running", False),)
    seen += [(replace(state, health=told, finger_speaks=True), {}) for state in (IDLE, CONSENT)]
    seen.append((replace(CONSENT, finger_doubted=True), {}))
    answer = PHRASES[language].not_understood.format(text="I really cannot say how I feel just now")
    says = (answer, PHRASES[language].no_music)
    asked = (IDLE, CONSENT, BARRED, ASKING)
    seen += [(replace(state, message=message), {}) for message in says for state in asked]
    # One line of plain words makes the cards of the consent lower, yet what they promise is whole.
    seen += [(replace(state, catalogue_tracks=0), {}) for state in asked]
    farewells = (FAREWELL, replace(FAREWELL, health=told))
    seen += [(state, {"keeps_history": keeps}) for state in farewells for keeps in (False, True)]
    seen.append((replace(PLAYING, pulse=None, may_measure=False), {"sheet": Sheet.READING}))
    seen.append((replace(PLAYING, player=PlayerState("idle", message="5 tracks in a row")), {}))
    for state, opened in seen:
        render(state, view(*size, language=language, large_type=large, **opened))
    assert not cut


@pytest.mark.parametrize("large", [False, True], ids=["usual", "large"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [(800, 480), (480, 800)], ids=["wide", "tall"])
def test_choices_side_by_side_are_written_alike(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], language: str, large: bool
) -> None:
    """A larger sentence would push its choice."""
    write, sizes = Typesetter.write, dict[str, int]()

    def watched(
        setter: Typesetter, surface: Surface, text: str, area: Area, style: Style, *rest: Any,
        lines: int = 1, **how: Any,
    ) -> Area:  # fmt: skip
        sizes[text] = setter._fit(text, area.w, area.h, style, lines)[0].size_px
        return write(setter, surface, text, area, style, *rest, lines=lines, **how)

    monkeypatch.setattr(Typesetter, "write", watched)
    render(CONSENT, view(*size, language=language, large_type=large))
    for part in ("", "_text"):
        choices = [say(language, f"consent.{name}{part}") for name in ("full", "partial", "no")]
        assert len({sizes[text] for text in choices}) == 1
