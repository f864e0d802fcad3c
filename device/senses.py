"""What may be believed of camera and finger at this moment: nothing stale, nothing unasked."""

from __future__ import annotations

from device import readings as r
from device.visit import PRESENCE_HOLD_S
from device.wires import Wires

FINGER_HOLD_S = 2.0
"""The pulse worker says five times a second whether a finger is there: after this long nobody
knows, and what nobody knows is no yes."""


class Senses:
    """The conductor's eyes and its hand; belongs to its thread."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._finger_left = False
        """Whether the sensor was seen without a finger since the last visit, and since the start:
        one that rests there, or was forgotten there, has agreed to nothing."""

    def faces(self) -> r.FacesInView | None:
        """Return the faces in view, while the camera is allowed."""
        return self._wires.faces.latest() if self._wires.camera_allowed.is_set() else None

    def pulse(self, since: float | None) -> r.PulseReading | None:
        """Return the pulse if it was measured after ``since``, the person's consent."""
        pulse = self._wires.pulse.latest()
        if pulse is None or since is None or pulse.measured_at <= since:
            return None
        return pulse

    def sees_somebody(self, now: float) -> bool:
        """Return whether a face was in view a moment ago."""
        faces = self.faces()
        return (
            faces is not None and bool(faces.faces) and now - faces.captured_at <= PRESENCE_HOLD_S
        )

    def camera_sees(self, now: float) -> bool:
        """Return whether the camera can tell if somebody is there: not in the dark, unplugged."""
        faces, camera = self.faces(), self._wires.camera.latest()
        is_blind = camera is not None and camera.message != ""
        return faces is not None and now - faces.captured_at <= PRESENCE_HOLD_S and not is_blind

    def finger_on(self, now: float) -> bool:
        """Return whether a finger is known to be on the sensor."""
        pulse = self._wires.pulse.latest()
        if pulse is None or not pulse.finger_on:
            return False
        return now - pulse.measured_at <= FINGER_HOLD_S

    def finger_speaks(self, now: float) -> bool:
        """Return whether a finger came to the sensor, which begins a visit or says yes."""
        return self.finger_on(now) and self._finger_left and self._wires.finger_may_agree

    def finger_is_sure(self) -> bool:
        """Return whether what is on the sensor is a finger beyond doubt: only then it may agree."""
        pulse = self._wires.pulse.latest()
        return pulse is not None and pulse.finger_sure

    def note_finger(self) -> None:
        """Note where the sensor is without a finger; to be called with each decision."""
        pulse = self._wires.pulse.latest()
        if pulse is not None and pulse.finger_on is False:
            self._finger_left = True

    def forget_person(self) -> None:
        """Drop all that was sensed; a finger that is still there has to leave first."""
        self._finger_left = False
        self._wires.forget()
        self._wires.faces.clear()
        self._wires.pulse.clear()
