"""What fingers and keys do: from touches to commands and to what this screen has open."""

from __future__ import annotations

from dataclasses import dataclass, replace

from device.clusters import is_joiner, shortened, without_last
from device.interfaces.screen.canvas import asks_now, compose
from device.interfaces.screen.parts import Part, Scene
from device.interfaces.screen.scenes.asking import MAX_TYPED
from device.interfaces.screen.scenes.sheets import volume_to
from device.interfaces.screen.view import Action, EraseTyped, OpenSheet, ScreenView, Sheet
from device.readings import (
    Command,
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
    VisitState,
)

SHEET_TIMEOUT_S = 30.0
"""A sheet nobody touches closes: the next look from afar should see the music."""
VOLUME_KEY_STEP = 5.0
SETTLE_S = 0.4
"""A touch this soon after the screen changed was meant for the one before: a second tap on
"Continue" must not consent to anything. And two taps this soon on one button are one."""
REPEATED = ("erase", "less", "more", "slider")
"""Here each tap counts."""
HELD = ("backspace", "tab", "up", "down")
"""Here a key that is held counts again and again. Elsewhere it would dislike one track after the
other, or close a sheet and then end the visit."""
DRAG_INTERVAL_S = 0.1
"""Least time between two volumes of one drag, so that it cannot flood the inbox."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is open on this screen; goes into the view."""

    sheet: Sheet = Sheet.NONE
    typed: str = ""
    focus: str = ""
    pressed: str = ""


class Hands:
    """Keeps what is open and turns input into commands; knows nothing of SDL."""

    def __init__(self) -> None:
        self.opened = Opened()
        self._visit = VisitState.IDLE
        self._asks = False
        self._camera_allowed = True
        self._changed_at = self._tapped_at = -SETTLE_S
        self._tapped = ""
        self._down = False
        self._touched_at = 0.0
        self._sent_at = 0.0
        self._sent: Action | None = None
        self._typing_since_key = True

    def follow(self, state: KioskState, now_s: float) -> None:
        """Close what does not belong to the visit any more; forget what was typed with it."""
        if state.visit is not self._visit:
            self._visit, self._changed_at, self._down = state.visit, now_s, False
            if state.visit not in {VisitState.SENSING, VisitState.PLAYING}:
                self.opened = Opened()
            else:
                self.opened = replace(self.opened, focus="", pressed="")
        sheet_is_open = self.opened.sheet is not Sheet.NONE
        if sheet_is_open and now_s - self._touched_at > SHEET_TIMEOUT_S:
            self.opened, self._changed_at = Opened(), now_s
        if asks_now(state) is not self._asks:
            self._asks = not self._asks
            if not sheet_is_open:
                self._let_go(now_s)
        if state.camera_allowed is not self._camera_allowed:
            self._camera_allowed = state.camera_allowed
            if state.visit is VisitState.CONSENT:
                # With the owner's switch "Camera and finger" comes to where another choice was.
                self._let_go(now_s)

    def _let_go(self, now_s: float) -> None:
        self._changed_at, self._down = now_s, False
        self.opened = replace(self.opened, pressed="")

    def view(self, view: ScreenView) -> ScreenView:
        """Return ``view`` with what is open."""
        seen = self.opened
        return replace(
            view, sheet=seen.sheet, typed=seen.typed, focus=seen.focus, pressed=seen.pressed
        )

    # --- touch -------------------------------------------------------------------------

    def press(self, state: KioskState, view: ScreenView, x: float, y: float) -> list[Command]:
        """A finger comes down: show it; a slider answers at once."""
        self._touched_at = view.now_s
        self._down = view.now_s - self._changed_at >= SETTLE_S
        if not self._down:
            return []
        part = compose(state, self.view(view)).part_at(x, y)
        self.opened = replace(self.opened, pressed=part.name if part else "", focus="")
        return self._slide(part, view, x, y)

    def drag(self, state: KioskState, view: ScreenView, x: float, y: float) -> list[Command]:
        """The finger moves: only a slider follows."""
        if not self.opened.pressed:
            return []
        self._touched_at = view.now_s
        part = compose(state, self.view(view)).part(self.opened.pressed)
        if view.now_s - self._sent_at < DRAG_INTERVAL_S:
            return []
        return self._slide(part, view, x, y)

    def release(self, state: KioskState, view: ScreenView, x: float, y: float) -> list[Command]:
        """The finger leaves: what it pressed is meant if it is still on it."""
        self._touched_at = view.now_s
        if not self._down:
            return []
        self._down = False
        scene = compose(state, self.view(view))
        pressed = self.opened.pressed
        self.opened = replace(self.opened, pressed="")
        slider = scene.part(pressed)
        if slider is not None and slider.name == "slider":
            return self._act(slider.at(x, y))
        part = scene.part_at(x, y)
        if (part.name if part else "") != pressed or self._is_double(pressed, view.now_s):
            return []
        return self._act(part.at(x, y) if part is not None else scene.everywhere)

    def _is_double(self, name: str, now_s: float) -> bool:
        before, since_s = self._tapped, now_s - self._tapped_at
        self._tapped, self._tapped_at = name, now_s
        return name == before and since_s < SETTLE_S and name not in REPEATED

    def _slide(self, part: Part | None, view: ScreenView, x: float, y: float) -> list[Command]:
        if part is None or part.name != "slider":
            return []
        action = part.at(x, y)
        if action == self._sent:
            return []
        self._sent, self._sent_at = action, view.now_s
        return self._act(action)

    # --- keys --------------------------------------------------------------------------

    def key(
        self, state: KioskState, view: ScreenView, name: str, *, shift: bool = False,
        held: bool = False,
    ) -> list[Command]:  # fmt: skip
        """A key by its pygame name (``space``, ``return``, ``left``, ``m``)."""
        self._touched_at = view.now_s
        if held and name not in HELD:
            return []
        self._typing_since_key = True
        scene = compose(state, self.view(view))
        if name == "escape":
            return self._act(self._way_out(state))
        if name == "tab":
            self._move_focus(scene, -1 if shift else 1)
            return []
        if name in {"return", "enter"}:
            return self._enter(scene)
        if scene.name == "asking":
            # Characters come as text; what is left is taking them back.
            return self._act(EraseTyped() if name == "backspace" else None)
        return self._shortcut(state, scene, name)

    def text(self, state: KioskState, view: ScreenView, characters: str) -> None:
        """Characters from a keyboard; they count only where a mood can be typed."""
        if not self._typing_since_key or compose(state, self.view(view)).name != "asking":
            return
        self._touched_at = view.now_s
        before = self.opened.typed
        typed = before
        for character in characters:
            if character.isprintable() or (typed and is_joiner(character)):
                typed += character
        typed = shortened(typed, MAX_TYPED)
        # An accent that has no room any more does not take its letter away.
        self.opened = replace(self.opened, typed=max(before, typed, key=len), focus="")

    def _way_out(self, state: KioskState) -> Action | None:
        if self.opened.sheet is not Sheet.NONE:
            return OpenSheet(Sheet.NONE)
        return None if state.visit is VisitState.IDLE else Stop(source="screen")

    def _enter(self, scene: Scene) -> list[Command]:
        focused = scene.part(self.opened.focus)
        if focused is not None:
            return self._act(focused.at(*focused.area.centre))
        # Without a focus Enter begins, plays or sends; it never consents.
        for name in ("send", "begin", "again", "play"):
            part = scene.part(name)
            if part is not None:
                return self._act(part.action)
        return []

    def _move_focus(self, scene: Scene, step: int) -> None:
        names = [part.name for part in scene.parts if part.answers and part.touch is None]
        if not names:
            return
        if self.opened.focus in names:
            focus = names[(names.index(self.opened.focus) + step) % len(names)]
        else:
            focus = names[0 if step > 0 else -1]
        self.opened = replace(self.opened, focus=focus)

    def _numbered(self, scene: Scene, number: int) -> list[Command]:
        """The first, second, third of the choices of consent and strategy."""
        if scene.name not in {"consent", "strategy"}:
            return []
        choices = [part for part in scene.parts if part.action is not None and part.name != "leave"]
        return self._act(choices[number - 1].action) if number <= len(choices) else []

    def _shortcut(self, state: KioskState, scene: Scene, name: str) -> list[Command]:
        if len(name) == 1 and name in "123456789":
            return self._numbered(scene, int(name))
        if scene.name in {"idle", "greeting"} and name == "space":
            return self._act(Start(source="screen"))
        volume = state.player.volume_percent
        playing = state.visit is VisitState.PLAYING
        music: dict[str, Action] = {
            "space": Pause(source="screen")
            if state.player.status == "playing"
            else Play(source="screen"),
            "right": Skip(source="screen"),
            "up": volume_to(volume + VOLUME_KEY_STEP),
            "down": volume_to(volume - VOLUME_KEY_STEP),
            "l": Like(source="screen"),
            "d": Dislike(source="screen"),
            "s": OpenSheet(Sheet.STRATEGY),
            "v": OpenSheet(Sheet.VOLUME),
            "r": OpenSheet(Sheet.READING),
            "m": OpenSheet(Sheet.MOOD),
        }
        if playing and name in music:
            return self._act(music[name])
        if name == "m" and scene.name == "sensing":
            return self._act(OpenSheet(Sheet.MOOD))
        if name in {"left", "up", "right", "down"} and not playing:
            self._move_focus(scene, -1 if name in {"left", "up"} else 1)
        return []

    # --- what it means -----------------------------------------------------------------

    def _act(self, action: Action | None) -> list[Command]:
        if action is None:
            return []
        if isinstance(action, OpenSheet):
            # The key that opens the sheet is not the first letter of what is typed there.
            self._typing_since_key = False
            self.opened, self._changed_at = Opened(sheet=action.sheet), self._touched_at
            return []
        if isinstance(action, EraseTyped):
            self.opened = replace(self.opened, typed=without_last(self.opened.typed))
            return []
        if isinstance(action, SetStrategy | SayMood | PickMood):
            self.opened, self._changed_at = Opened(), self._touched_at
        elif not isinstance(action, SetVolume):
            self.opened = replace(self.opened, pressed="")
        return [action]
