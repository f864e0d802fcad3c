"""What the kiosk itself says is never cut, in no language, size or look."""

from dataclasses import replace
from typing import Any

import pytest

from device.interfaces.screen.canvas import render
from device.interfaces.screen.typesetting import ELLIPSIS, Typesetter
from device.interfaces.screen.wording import LANGUAGES
from device.phrases import PHRASES
from device.readings import WorkerHealth
from tests.fakes.kiosk_states import ASKING, CONSENT, FAREWELL, IDLE
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
    answer = PHRASES[language].not_understood.format(text="I really cannot say how I feel just now")
    says = (answer, PHRASES[language].no_music)
    seen += [(replace(state, message=message), {}) for message in says for state in (IDLE, ASKING)]
    seen.append((FAREWELL, {"keeps_history": True}))
    for state, opened in seen:
        render(state, view(*size, language=language, large_type=large, **opened))
    assert not cut
