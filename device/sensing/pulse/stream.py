"""Blocks of samples as they come -> the pulse of the last minute, again and again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from device.config import PulseSettings
from device.readings import PpgBlock, PulseReading, frozen
from device.sensing.pulse.analysis import FINGER, MORE, STILL, PulseAnalysis, judge
from device.sensing.pulse.beats import find_beats
from device.sensing.pulse.follow import TAIL_S, BeatFollower
from device.sensing.pulse.order import quantile
from device.sensing.pulse.rhythm import Rhythm, lean, rhythm
from device.sensing.pulse.sensor_time import SensorTime
from device.sensing.pulse.systoles import even_power
from device.sensing.pulse.waveform import MAX_RATE_HZ, MIN_RATE_HZ, band_pass
from device.sensing.stress import StressGauge

ANALYSE_EVERY_S = 1.0
"""Of signal."""
WAVE_S, WAVE_RATE_HZ = 5.0, 50.0
WAVE_MARGIN_S = 2.0
RECENT_S = 20.0
"""Span of the rate that is shown and that stress is read from: a heart that races now is not
hidden by a calm half minute. Variability takes the whole window."""
RECENT_BEATS = 5
SPARE = 1.01
"""Times the window that is kept: cut to whole samples and timed by the sensor's own clock, one of
120 s would be 119.9 s long, for ever too short for what needs 120."""
MIN_WAVE_S = 2.0
FOLLOW_FROM_S = TAIL_S
SAME_RATE = 0.02
"""A measured rate wanders by less than this while it is being learnt."""
LIFTED_S = 1.0
"""A finger that is back so soon is the same one, laid better: its window goes on after a hole."""
SILENT_S = 2.0
"""Without a block for so long, the finger or the sensor is gone."""

COME_S, COME_STRENGTH, HOPE_S = 4.0, 0.55, 0.6
"""Where the sensor cannot tell: a rhythm this strong over so long, and for a while, is a finger.
White noise stays below 0.49 in 99 of 100 windows, a finger above 0.63 (synthetic waves, 10 dB)."""
GO_S, GO_STRENGTH, DOUBT_S = 3.0, 0.3, 0.6
"""A rhythm weaker than this, and not strong again for a while, is none: 2 s after a finger has
left it is about 0.12, with a finger above 0.39 in 99 of 100 windows."""
BEAT_AGO_S, LIKE_MATCH = 2.2, 0.85
"""A weak rhythm is no absence while the last beat this like the mean beat is no older (the longest
interval, and what a beat needs after it to be seen): deep breaths and a fibrillating heart have
none. Without it those were gone for 70 % of the time, with it for 6 %, and a finger that leaves is
missed as soon (synthetic waves, eight people each)."""
GO_PERIODS = 2.4
"""Of a heart too slow for two beats in that time, as many: a wave is compared with itself no more
than half of what is looked at later. At 34 to 48 beats a minute none was lost whose breath moves
its beats by up to 10 % (synthetic waves)."""
LEAN_S, LEAN_FROM_S, LEAN_EDGE_S, MIN_LEAN = 8.0, 5.0, 0.5, 0.45
"""Where the sensor cannot tell: a rhythm that leans so much is a finger beyond doubt. Fingers on
a clip and on phones lean by more in 95 of 100 windows (0.54 and 0.84 the 1 % of two clips), tones
and square waves of 0.8 to 3 Hz by less in 99."""
MAX_CROSSINGS_HZ = 7.0
"""A band-passed pulse crosses zero 2 to 6 times a second, noise in the band about 9 times (Rice
1945)."""


class PulseStream:
    """Follows one finger; belongs to one thread. Memory is bounded by the window."""

    def __init__(self, settings: PulseSettings) -> None:
        self._settings = settings
        self._gauge = StressGauge()
        self._clear()

        self._rate_hz = 0.0
        self._heard_at = -np.inf
        self._told: bool | None = None
        self._lifted_at: float | None = None
        self._finger_on: bool | None = None
        self._doubted_at: float | None = None
        self._hoped_at: float | None = None

    def _clear(self) -> None:
        self._samples: NDArray[np.float32] = np.zeros(0, np.float32)
        self._breaks: list[int] = []
        self._new_s = self._followed_s = 0.0
        self._heard = 0
        self._follower: BeatFollower | None = None
        self._time = SensorTime()
        self._analysis: PulseAnalysis | None = None
        self._found: partial[PulseReading] | None = None
        self._is_sure = False
        self._period_s: float | None = None
        """As the finger has come; one that beats twice as fast may repeat itself so too."""

    def forget(self) -> None:
        """Drop all that was measured; that a finger is there stays known, as a lamp would."""
        self._gauge.forget()
        self._clear()

    def feed(self, block: PpgBlock) -> None:
        """Take the next block; one without a finger, or of another rate, begins anew."""
        rate_hz = block.sample_rate_hz
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ or not len(block.samples):
            return
        lifted = self._note_lifting(block)
        if self._rate_hz and abs(rate_hz / self._rate_hz - 1) > SAME_RATE:
            self._clear()
        if rate_hz != self._rate_hz:
            self._follower = None
        self._heard_at, self._rate_hz, self._told = block.received_at, rate_hz, block.finger_on
        if block.finger_on is False:
            return
        good = block.samples
        if not np.isfinite(good).all():
            good = np.nan_to_num(good, nan=0.0, posinf=0.0, neginf=0.0)
        lost = block.gap_before or lifted
        if lost and len(self._samples):
            self._breaks.append(len(self._samples))
        self._time.note(self._heard, block.device_time_s, rate_hz, lost)
        self._samples = np.concatenate((self._samples, good))
        self._heard += len(good)
        self._keep_last(SPARE * self._settings.window_s)
        self._new_s += len(good) / rate_hz
        self._followed_s += len(good) / rate_hz

    def reading(self, now: float) -> PulseReading:
        """Return what is known now; analyses afresh once a second of new signal."""
        was_on, self._finger_on = self._finger_on, self._finger_is_on(now)
        is_lost = self._finger_on is None and was_on is not None
        if is_lost or (was_on and not self._finger_on and self._lifted_at is None):
            self._clear()
        if not self._finger_on:
            return PulseReading(now, self._finger_on, 0.0, 0.0, reason=FINGER)
        if not was_on and self._told is None:  # What came before the finger is not its own.
            self._keep_last(COME_S)
            self._followed_s = self._window_s
        if self._new_s >= ANALYSE_EVERY_S or self._analysis is None:
            self._look_afresh()
            self._is_sure = self._told is True or self._leans()
        assert self._found is not None
        wave, wave_rate_hz = _wave(self._samples, self._rate_hz)
        return self._found(
            measured_at=now,
            finger_sure=self._is_sure,
            window_s=min(self._window_s, self._settings.window_s),
            wave=wave,
            wave_rate_hz=wave_rate_hz,
        )

    def _look_afresh(self) -> None:
        self._new_s = 0.0
        self._analysis = self._analyse()
        self._found = self._publish(self._analysis)

    def _note_lifting(self, block: PpgBlock) -> bool:
        """Return whether the finger is back after it was lifted; begin anew if it was for long."""
        lifted_at, at = self._lifted_at, block.received_at
        if lifted_at is not None and at - lifted_at > LIFTED_S:
            self._clear()
        if block.finger_on is not False:
            self._lifted_at = None
        elif lifted_at is None:
            self._lifted_at = at
        return lifted_at is not None and self._lifted_at is None

    def _analyse(self) -> PulseAnalysis:
        """Analyse a short window as a whole, a longer one by following its beats."""
        if self._window_s < MIN_WAVE_S:
            return PulseAnalysis(self._window_s, 0.0, False, MORE)
        if self._window_s < FOLLOW_FROM_S:
            self._follower = None
            beats = find_beats(band_pass(self._samples, self._rate_hz))
        else:
            self._follower = self._follower or BeatFollower(self._rate_hz)
            beats = self._follower.follow(self._samples, self._heard)
        first = self._heard - len(self._samples)
        numbers = np.concatenate(
            (beats.times_s * self._rate_hz, self._breaks, (0, len(self._samples)))
        )
        times_s = self._time.seconds(first + numbers, self._rate_hz)
        times_s -= times_s[-2]
        return judge(
            replace(beats, times_s=times_s[: len(beats)]),
            float(times_s[-1]),
            times_s[len(beats) : -2].tolist(),
            min_window_s=self._settings.min_window_s,
            min_quality=self._settings.min_quality,
        )

    def _publish(self, found: PulseAnalysis) -> partial[PulseReading]:
        """Return the analysis as a reading that waits for its time, its window and the wave."""
        hrv = found.hrv
        recent_bpm, stress = None, None
        if hrv.heart_rate_bpm is not None:
            self._gauge.learn(hrv.heart_rate_bpm, self._followed_s)
            recent_bpm = _recent_rate(found)
            if recent_bpm is not None:
                stress = self._gauge.read(recent_bpm, found.quality)
        used = int(np.count_nonzero(found.intervals.valid))
        reason = found.reason or ("" if recent_bpm is not None else STILL)
        return partial(
            PulseReading,
            finger_on=True,
            quality=found.quality,
            beats_used=used,
            beats_rejected=len(found.intervals.valid) - used,
            # The finger is there: beats that are not found are no reason to ask for it.
            reason=STILL if reason == FINGER else reason,
            heart_rate_bpm=recent_bpm,
            rr_mean_ms=hrv.rr_mean_ms,
            sdnn_ms=hrv.sdnn_ms,
            rmssd_ms=hrv.rmssd_ms,
            pnn50=hrv.pnn50,
            sd1_ms=hrv.sd1_ms,
            sd2_ms=hrv.sd2_ms,
            vlf_ms2=hrv.vlf_ms2,
            lf_ms2=hrv.lf_ms2,
            hf_ms2=hrv.hf_ms2,
            stress=stress.value if stress else None,
            stress_confidence=stress.confidence if stress else 0.0,
        )

    @property
    def _window_s(self) -> float:
        return len(self._samples) / self._rate_hz if self._rate_hz else 0.0

    def _keep_last(self, seconds: float) -> None:
        """Drop what is older."""
        cut = max(0, len(self._samples) - int(seconds * self._rate_hz))
        self._samples = self._samples[cut:]
        self._breaks = [index - cut for index in self._breaks if index > cut]
        self._time.forget_before(self._heard - len(self._samples))

    def _finger_is_on(self, now: float) -> bool | None:
        if now - self._heard_at > SILENT_S:
            return None
        if self._told is not None:
            return self._told
        if self._finger_on:
            return self._still_there(now)
        if self._has_come(now):
            return True
        looked = self._window_s >= COME_S and self._hoped_at is None
        return False if looked or self._finger_on is False else None

    def _has_come(self, now: float) -> bool:
        found = self._rhythm(COME_S) if self._window_s >= COME_S else Rhythm(None, 0.0)
        regular = found.strength >= COME_STRENGTH
        self._doubted_at = None
        self._hoped_at = (self._hoped_at or now) if regular else None
        self._period_s = found.period_s
        return self._hoped_at is not None and now - self._hoped_at >= HOPE_S

    def _beats_go_on(self) -> bool:
        """Return whether a beat like the others came a moment ago, be its rhythm what it may."""
        found = self._analysis
        if found is None:
            return False
        since_s = found.duration_s + self._new_s - found.beats.times_s
        return bool(np.any((since_s < BEAT_AGO_S) & (found.beats.match > LIKE_MATCH)))

    def _still_there(self, now: float) -> bool:
        self._hoped_at = None
        span_s = self._going_span_s()
        if self._window_s < span_s:
            return True
        strength = self._rhythm(span_s).strength
        if strength >= COME_STRENGTH:
            self._doubted_at = None
        elif strength < GO_STRENGTH and self._doubted_at is None:
            self._doubted_at = now
        if self._doubted_at is None or now - self._doubted_at < DOUBT_S:
            return True
        if not self._beats_go_on():
            self._look_afresh()
        return self._beats_go_on()

    def _going_span_s(self) -> float:
        """Return how many of the last seconds tell whether the finger is still there."""
        found = self._analysis
        period_s = found.intervals.mean_s(least=RECENT_BEATS) if found else None
        period_s = period_s or self._period_s
        # Where nothing is known, after forgetting, the span of coming holds two of the longest.
        return max(GO_S, GO_PERIODS * period_s) if period_s else COME_S

    def _rhythm(self, last_s: float) -> Rhythm:
        """Return how regular the last seconds are; a step or silence among them breaks it."""
        part = self._samples[-int(last_s * self._rate_hz) - 1 :]
        if not np.ptp(part):
            return Rhythm(None, 0.0)  # What the filter leaves of it is errors of rounding.
        wave = band_pass(part, self._rate_hz)
        coarse, rate_hz = wave.coarse, wave.coarse_rate_hz
        crossings = int(np.count_nonzero(np.diff(np.signbit(coarse))))
        if crossings > MAX_CROSSINGS_HZ * len(coarse) / rate_hz:
            return Rhythm(None, 0.0)
        return rhythm(even_power(coarse, rate_hz), rate_hz)

    def _leans(self) -> bool:
        """Return whether the last seconds rise and fall as a heart's beats do."""
        # Its coming, a step, lies in the seconds that it was found by.
        span_s = min(LEAN_S, self._window_s - COME_S)
        if span_s < LEAN_FROM_S:
            return False
        wave = band_pass(self._samples[-int(span_s * self._rate_hz) :], self._rate_hz)
        edge = int(LEAN_EDGE_S * wave.coarse_rate_hz)
        return abs(lean(even_power(wave.coarse, wave.coarse_rate_hz)[edge:-edge])) >= MIN_LEAN


def _recent_rate(found: PulseAnalysis) -> float | None:
    mean_s = found.intervals.mean_s(found.duration_s - RECENT_S, RECENT_BEATS)
    return None if mean_s is None else 60 / mean_s


def _wave(samples: NDArray[np.float32], rate_hz: float) -> tuple[NDArray[np.float32], float]:
    """Return the last seconds of the band-passed wave, -1..1, for the screen, and its rate."""
    part = samples[-int((WAVE_S + WAVE_MARGIN_S) * rate_hz) :]
    if len(part) < 2 * rate_hz:
        return frozen(np.zeros(0, np.float32)), WAVE_RATE_HZ
    wave = band_pass(part, rate_hz, WAVE_RATE_HZ)
    shown = wave.fine[-int(WAVE_S * wave.rate_hz) :]
    level = (shown / (quantile(np.abs(shown), 0.98) or 1.0)).astype(np.float32)
    np.minimum(level, 1, out=level)
    np.maximum(level, -1, out=level)
    return frozen(level), wave.rate_hz
