"""Whatever comes in whatever order: consent holds, nothing outlives the visit, every visit ends."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device import readings as r
from device.playback.messages import TrackEnded, TrackStarted, WantsNext
from device.readings import VisitState as V
from tests.fakes.desk import HAPPY, SAD, Stage
from tests.fakes.synthetic_library import make_library

SHORT = {
    "greeting_s": 1.0, "consent_timeout_s": 5.0, "sensing_s": 3.0, "finger_consent_s": 1.0,
    "absence_s": 4.0, "unseen_s": 10.0, "max_visit_s": 60.0, "farewell_s": 2.0,
}  # fmt: skip
IN_VISIT = (V.SENSING, V.PLAYING)

COMMANDS: list[r.Command] = [
    made
    for source in ("screen", "mqtt")
    for made in (
        r.Start(source=source), r.Stop(source=source), r.Play(source=source),
        r.Pause(source=source), r.Skip(source=source), r.Like(source=source),
        r.Dislike(source=source), r.Consent(source=source, camera=True),
        r.Consent(source=source, camera=False), r.SayMood(source=source, text="I am sad"),
        r.SayMood(source=source, text="qwxz"), r.PickMood(source=source, valence=1, arousal=-1),
        r.SetCameraAllowed(source=source, allowed=True),
        r.SetCameraAllowed(source=source, allowed=False),
        *(r.SetStrategy(source=source, strategy=strategy) for strategy in r.Strategy),
    )
]  # fmt: skip
AROUND = st.fixed_dictionaries(
    {
        "finger": st.booleans(),
        "stress": st.sampled_from([None, 0.9]),
        "face": st.sampled_from([None, HAPPY, SAD]),
    }
)
NOBODY: dict[str, Any] = {"finger": False, "stress": None, "face": None}
FRAGMENTS: list[list[Any]] = [
    [r.Start(source="screen"), (1.25, NOBODY)],
    [(1.25, NOBODY | {"finger": True}), (1.5, NOBODY | {"finger": True})],
    [r.Consent(source="screen", camera=True), (3.5, NOBODY | {"face": HAPPY})],
    [r.SetCameraAllowed(source="mqtt", allowed=False)],
    [r.SetCameraAllowed(source="mqtt", allowed=True)],
    [r.Consent(source="mqtt", camera=True)],
]
"""What leads on through a visit: chance alone would seldom come far."""
STEPS = st.lists(
    st.one_of(
        st.sampled_from(FRAGMENTS),
        st.sampled_from(COMMANDS).map(lambda command: [command]),
        st.tuples(st.sampled_from([0.25, 1.0, 4.0, 12.0]), AROUND).map(lambda step: [step]),
        st.sampled_from([["plays along"], ["wants next"], ["fails"]]),
    ),
    max_size=20,
).map(lambda pieces: [step for piece in pieces for step in piece])


@pytest.fixture(scope="module", name="library")
def _library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("library") / "catalogue", 60)


class Watch:
    """Knows from the commands alone what the person on the spot agreed to."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._camera_agreed = False
        self._owner = stage.state.camera_allowed

    def take(self, step: Any) -> None:
        """Do the step, then look at every promise."""
        stage, before = self._stage, self._stage.state
        if isinstance(step, tuple):
            seconds, around = step
            after = stage.pass_time(seconds, **around)
            if around["finger"] and before.visit not in IN_VISIT and after.visit in IN_VISIT:
                # Under the notice it says yes to the camera where the owner lets it.
                self._camera_agreed = self._owner
        elif isinstance(step, r.Command):
            self._note(step, before)
            stage.do(step)
        else:
            self._play(step)
        if stage.state.visit in (V.IDLE, V.FAREWELL):
            self._camera_agreed = False
        self._check(stage.state)

    def _note(self, command: r.Command, before: r.KioskState) -> None:
        if isinstance(command, r.SetCameraAllowed):
            self._owner = command.allowed
        if isinstance(command, r.Consent) and command.source != "mqtt":
            asked = before.visit not in (V.IDLE, V.FAREWELL)
            self._camera_agreed = asked and command.camera

    def _play(self, what: str) -> None:
        stage = self._stage
        stage.play_along()
        if what == "wants next":
            stage.report(WantsNext(stage.now))
        if what == "fails" and (choice := stage.state.choice) is not None:
            stage.report(TrackStarted(choice.track.track_id, stage.now))
            stage.report(TrackEnded(choice.track.track_id, stage.now, "failed", 0.0, "broken"))
        stage.conductor.turn()

    def _check(self, state: r.KioskState) -> None:
        open_now = self._stage.wires.camera_allowed.is_set()
        assert not open_now or (state.visit in IN_VISIT and self._owner and self._camera_agreed)
        if state.visit not in IN_VISIT:
            personal = (state.pulse, state.faces, state.mood, state.target, state.choice)
            assert personal == (None,) * 5
            assert self._stage.wires.faces.latest() is None
        assert state.visit is V.FAREWELL or state.chart == ()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_consent_holds_and_every_visit_ends(library: Path, steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "catalogue").symlink_to(library)
        with Stage(Path(folder), visit=SHORT, history={"keep": True}) as stage:
            stage.pass_time(0.25)
            watch = Watch(stage)
            for step in steps:
                watch.take(step)
            # Somebody stays and smiles, finger on the sensor: even that visit ends.
            for _ in range(8):
                watch.take((10.0, {"finger": True, "stress": None, "face": HAPPY}))
            watch.take((16.0, NOBODY))
            assert stage.state.visit is V.IDLE
