"""The only decider: hears senses, player and commands, leads the visit, writes KioskState.

idle -> greeting -> consent -> sensing -> playing -> farewell -> idle. The camera may be open
only in sensing and playing, and only after a person on the spot said yes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from catalog.emotions import point_from_va
from catalog.words import read_mood
from device import readings as r
from device.camera_switch import CameraSwitch
from device.clusters import shortened
from device.config import Settings
from device.mood.fusion import MoodTracker, SaidMood
from device.music_desk import MusicDesk
from device.phrases import PHRASES
from device.readings import VisitState as V
from device.recommender.ranking import Recommender
from device.recommender.shelf import Shelf
from device.senses import Senses
from device.storage.kiosk_store import StoreError, open_store
from device.visit import PRESENCE_HOLD_S, SHORTEST_LOOK_S, SURE_CONFIDENCE, new_visit
from device.wires import Wires

log = logging.getLogger(__name__)

TICK_S = 0.05
"""How long a reading may wait to be decided on."""
COMMANDS_PER_TICK = 20
"""A flood of commands may not starve the senses."""
DOUBT_S = 3.0
"""A finger is sure a moment after it was held for a yes, or it is doubted."""
ANSWER_S = 20.0
MOST_QUOTED = 40
"""How long the answer to words that said nothing stays on the screen, and how many letters of
them it repeats."""


class Conductor:
    """The worker that leads the visit."""

    name = "conductor"
    critical = True

    def __init__(
        self,
        settings: Settings,
        wires: Wires,
        clock: r.Clock = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._wires = wires
        self._senses = Senses(wires)
        self._clock = clock
        self._wall_clock = wall_clock
        self._tracker = MoodTracker(settings.mood)
        self._strategy = settings.strategy.default
        """With which a visit begins: the settings' or what the house asked for since."""
        self._visit = new_visit(settings, clock(), self._strategy)
        self._switch = CameraSwitch(settings.kiosk.state_dir)
        self._mood: r.Mood | None = None
        self.note = ""
        """What is amiss with the catalogue while the music plays on."""
        self._seq = 0

    def __enter__(self) -> Self:
        """Open the catalogue and the kiosk's memory in the thread that will use them."""
        with ExitStack() as opened:
            self._store = opened.enter_context(
                open_store(self._settings.kiosk.state_dir, self._wall_clock)
            )
            self._shelf = opened.enter_context(Shelf(self._settings.catalog.folder, self._clock))
            recommender = Recommender(
                self._shelf, self._store, self._settings.recommender, self._wall_clock,
                self._settings.kiosk.language,
            )  # fmt: skip
            self._desk = MusicDesk(self._settings, recommender, self._store, self._wires.orders)
            self._opened = opened.pop_all()
        self._drop_visit()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the camera closed and the music fading out."""
        self._wires.camera_allowed.clear()
        self._desk.stop()
        self._opened.close()

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Decide until stopped."""
        with self:
            while not stop.is_set():
                beat()
                self.turn(self._wires.commands.get(TICK_S))

    def turn(self, command: r.Command | None = None) -> None:
        """Take one decision: commands, the player's events, the senses, then publish."""
        for _ in range(COMMANDS_PER_TICK):
            if command is None:
                break
            self._obey(command)
            command = self._wires.commands.get(0)
        now = self._clock()
        try:
            self._desk.hear_player(self._visit, self._mood, self._wires.player_events)
            self._lead(now)
        except StoreError as error:
            self._tell_fault(error)
        self._set_camera()
        self._publish(now)

    # --- the visit --------------------------------------------------------------------

    def _lead(self, now: float) -> None:
        visit = self._visit
        speaks = self._senses.finger_speaks(now)
        if visit.state is V.IDLE and speaks:
            self._begin(now)
        elif visit.state is V.GREETING:
            if visit.in_state_s(now) >= self._settings.visit.greeting_s:
                self._enter(V.CONSENT, now)
        elif visit.state is V.CONSENT:
            self._lead_consent(now, speaks)
        elif visit.state in (V.SENSING, V.PLAYING):
            self._lead_music(now)
        elif visit.state is V.FAREWELL:
            if speaks:
                self._begin(now)
            elif visit.in_state_s(now) >= self._settings.visit.farewell_s:
                self._rest(now)
        self._senses.note_finger()

    def _begin(self, now: float) -> None:
        self._visit = new_visit(self._settings, now, self._strategy)
        self._visit.began_at = self._visit.last_interaction_at = now
        self._enter(V.GREETING, now)

    def _lead_consent(self, now: float, speaks: bool) -> None:
        visit, limits = self._visit, self._settings.visit
        if not speaks:
            visit.finger_since = None
        elif visit.finger_since is None:
            visit.finger_since = now
        elif self._finger_was_held(now) and self._senses.finger_is_sure():
            # It says yes to what the notice offers, which is no camera where the owner barred it.
            self._consent(camera=self._switch.allows, now=now)
            return
        if visit.in_state_s(now) >= limits.consent_timeout_s:
            log.info("no answer to the question of consent")
            self._rest(now)

    def _finger_was_held(self, now: float, longer_s: float = 0.0) -> bool:
        """Whether a finger lies on the sensor under the notice for longer than a yes takes."""
        since, visit = self._visit.finger_since, self._visit.state
        enough_s = self._settings.visit.finger_consent_s + longer_s
        return visit is V.CONSENT and since is not None and now - since >= enough_s

    def _consent(self, camera: bool, now: float) -> None:
        self._tracker.forget()
        self._agree(camera)
        self._visit.last_interaction_at = now
        self._enter(V.SENSING, now)

    def _agree(self, camera: bool) -> None:
        if self._visit.consented_at is None:
            self._wires.forget()
            # Only now: what was being worked out meanwhile may still hold what was before.
            self._visit.consented_at = self._clock()
        self._visit.camera = camera

    def _lead_music(self, now: float) -> None:
        visit, finger = self._visit, self._senses.finger_on(now)
        if finger or self._senses.sees_somebody(now):
            visit.last_present_at = now
        self._mood = self._tracker.update(self._senses.faces(), self._pulse(), visit.said, now)
        visit.note_chart(now, self._mood, self._pulse())
        visit.note_sight(now, finger or self._senses.camera_sees(now))
        if over := visit.is_over(now, self._settings):
            self._end(now, over)
        elif visit.state is V.SENSING:
            self._lead_sensing(now, self._mood)
        else:
            visit.asks_for_mood = visit.lacks_word or self._is_unsure(self._mood)

    def _lead_sensing(self, now: float, mood: r.Mood) -> None:
        visit = self._visit
        looked_s = visit.in_state_s(now)
        sure = mood.confidence >= SURE_CONFIDENCE and looked_s >= SHORTEST_LOOK_S
        if not (sure or looked_s >= self._settings.visit.sensing_s):
            return
        visit.asks_for_mood = visit.lacks_word or self._is_unsure(mood)
        if not visit.asks_for_mood:
            self._start_music(now, mood)

    def _is_unsure(self, mood: r.Mood) -> bool:
        return mood.confidence < self._settings.mood.min_confidence

    def _start_music(self, now: float, mood: r.Mood) -> None:
        if self._desk.play_now(self._visit, mood):
            self._visit.asks_for_mood = False
            if self._visit.state is not V.PLAYING:
                self._enter(V.PLAYING, now)

    def _music_has_ended(self) -> bool:
        """Whether a visit goes on in silence, because nothing could be played or queued."""
        player, visit = self._wires.player.latest(), self._visit
        is_idle = player is not None and player.status == "idle"
        return visit.state is V.PLAYING and visit.starting is None and is_idle

    def _end(self, now: float, why: str) -> None:
        """Say farewell: the music fades, the camera closes, the measurements are gone."""
        log.info("visit ends: %s", why)
        visit = self._visit
        self._desk.stop()
        self._forget_person()
        if visit.state not in (V.SENSING, V.PLAYING):
            self._rest(now)
            return
        self._visit = new_visit(self._settings, now, self._strategy)
        self._visit.chart = visit.chart
        self._enter(V.FAREWELL, now)
        # Last, because a full disk may not keep a visit from ending.
        if self._settings.history.keep:
            self._store.add_visit(visit.summary(now, self._wall_clock()))

    def _rest(self, now: float) -> None:
        self._visit = new_visit(self._settings, now, self._strategy)
        log.info("visit state: idle")

    def _drop_visit(self) -> None:
        """After a fault of the conductor: the visit it led is over, its music has stopped."""
        if self._visit.state is not V.IDLE:
            self._forget_person()
            self._rest(self._clock())

    def _forget_person(self) -> None:
        self._senses.forget_person()
        self._tracker.forget()
        self._mood = None

    def _enter(self, state: V, now: float) -> None:
        self._visit.enter(state, now)
        log.info("visit state: %s", state.value)

    def _pulse(self) -> r.PulseReading | None:
        return self._senses.pulse(self._visit.consented_at)

    def _set_camera(self) -> None:
        wanted = (
            self._visit.state in (V.SENSING, V.PLAYING)
            and self._visit.consented_at is not None
            and self._visit.camera
            and self._switch.allows
        )
        if not wanted:
            self._wires.camera_allowed.clear()
        if not self._wires.camera_allowed.is_set():
            # The face of who left is cleared here, at every turn up to the next opening, and by
            # the worker that reads it. Neither would do alone. The worker takes a frame that comes
            # after it forgot, while the camera closes, for one of somebody new; and of a reading
            # that ends when the camera is open for the next visitor only the worker knows.
            self._wires.faces.clear()
        if wanted:
            self._wires.camera_allowed.set()

    # --- commands ---------------------------------------------------------------------

    def _obey(self, command: r.Command) -> None:
        now = self._clock()
        visit = self._visit
        if command.source != "mqtt":
            visit.last_interaction_at = now
        between_visits = visit.state in (V.IDLE, V.FAREWELL)
        try:
            match command:
                case r.Start() | r.Play() if between_visits:
                    self._begin(now)
                case r.Play() if self._mood is not None and self._music_has_ended():
                    self._start_music(now, self._mood)
                case r.Start() if visit.state is V.GREETING:
                    self._enter(V.CONSENT, now)
                case r.Stop() if not between_visits:
                    self._end(now, "asked to stop")
                case r.Consent():
                    self._take_consent(command, now)
                case r.SayMood():
                    self._take_words(command.text, now)
                case r.PickMood():
                    point = point_from_va(command.valence, command.arousal)
                    self._take_said(SaidMood(point, now, "touch"), now)
                case r.SetStrategy():
                    self._set_strategy(command)
                case r.SetCameraAllowed():
                    self._switch.turn(command.allowed)
                case _:
                    self._desk.obey(command, visit, self._mood)
        except StoreError as error:
            self._tell_fault(error)

    def _set_strategy(self, command: r.SetStrategy) -> None:
        if command.source != "screen":
            self._strategy = command.strategy
        self._desk.set_strategy(self._visit, command.strategy, self._mood)

    def _tell_fault(self, error: StoreError) -> None:
        self._visit.tell(PHRASES[self._settings.kiosk.language].not_kept)
        log.error("%s", error)

    def _take_consent(self, command: r.Consent, now: float) -> None:
        if command.source == "mqtt":
            log.warning("consent over the network is refused: a person must agree on the spot")
        elif self._visit.state in (V.GREETING, V.CONSENT):
            self._consent(command.camera, now)
        elif self._visit.state in (V.SENSING, V.PLAYING):
            # The person changed their mind about the camera in mid-visit.
            self._agree(command.camera)

    def _take_words(self, text: str, now: float) -> None:
        words = read_mood(text)
        # Where no word names a mood the classifier only guesses, and sometimes hardly that.
        unsure = not words.keywords and words.confidence < self._settings.mood.min_confidence
        if words.point is None or unsure:
            phrases = PHRASES[self._settings.kiosk.language]
            heard = text if len(text) <= MOST_QUOTED else f"{shortened(text, MOST_QUOTED - 1)}…"
            answer = phrases.not_understood.format(text=heard)
            self._visit.tell(answer, until=now + ANSWER_S)
            return
        self._take_said(SaidMood(words.point, now, "words"), now)

    def _take_said(self, said: SaidMood, now: float) -> None:
        """Take the person's own word for it; music may start with nothing measured at all."""
        if self._visit.state in (V.IDLE, V.FAREWELL):
            self._begin(now)
        self._visit.said = said
        self._visit.last_interaction_at = now
        self._visit.tell("")
        self._desk.restart_path(self._visit)
        self._mood = self._tracker.update(self._senses.faces(), self._pulse(), said, now)
        self._start_music(now, self._mood)

    # --- what the edges see -----------------------------------------------------------

    def _publish(self, now: float) -> None:
        visit, wires = self._visit, self._wires
        self.note = self._shelf.note
        measured = visit.state in (V.SENSING, V.PLAYING)
        mood = self._mood if measured else None
        self._seq += 1
        wires.state.put(
            r.KioskState(
                seq=self._seq,
                updated_at=now,
                visit=visit.state,
                visit_since=visit.since,
                strategy=visit.strategy,
                camera_allowed=self._switch.allows,
                camera=wires.camera.latest() or r.CameraStatus(False, ""),
                sensor=wires.sensor.latest() or r.SensorStatus(False, "", ""),
                player=wires.player.latest() or r.PlayerState("idle"),
                presence=measured and now - visit.last_present_at <= PRESENCE_HOLD_S,
                finger_on=self._senses.finger_on(now),
                finger_speaks=self._senses.finger_speaks(now),
                finger_doubted=self._finger_was_held(now, DOUBT_S),
                faces=self._senses.faces() if measured else None,
                pulse=self._pulse() if measured else None,
                mood=mood,
                target=visit.path.target(mood, visit.said) if mood else None,
                choice=visit.choice,
                liked=visit.liked,
                may_measure=visit.consented_at is not None,
                asks_for_mood=visit.asks_for_mood,
                message=visit.message if now < visit.message_until else "",
                chart=tuple(visit.chart) if visit.state is V.FAREWELL else (),
                health=wires.health(),
                catalogue_tracks=self._desk.track_count,
            )
        )
