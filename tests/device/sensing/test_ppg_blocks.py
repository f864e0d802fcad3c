"""Runs -> blocks: batches, rates and holes that only the time of arrival shows."""

from __future__ import annotations

import pytest

from device.channels import BoundedQueue
from device.readings import PpgBlock
from device.sensing.ppg_blocks import PpgBlocks
from firmware_bridge.samples import run_of


def made(steps: list[tuple[float, int]], rate_hz: float | None) -> list[PpgBlock]:
    """Return the blocks from (arrival, samples) pairs of a sensor without a clock."""
    queue: BoundedQueue[PpgBlock] = BoundedQueue(10_000, drop="oldest")
    blocks = PpgBlocks(queue)
    for at_s, count in steps:
        if count:
            blocks.add(run_of([1.0] * count, rate_hz=rate_hz), at_s)
    return [block for _ in range(len(queue)) if (block := queue.get(0)) is not None]


def steady(from_s: float, to_s: float, rate_hz: float = 50) -> list[tuple[float, int]]:
    step_s = 1 / rate_hz
    return [(from_s + k * step_s, 1) for k in range(round((to_s - from_s) * rate_hz))]


def test_single_samples_become_batches() -> None:
    blocks = made(steady(0, 10), 50)
    assert {len(block.samples) for block in blocks} == {8}
    assert [block.gap_before for block in blocks] == [True] + [False] * (len(blocks) - 1)
    assert not blocks[0].samples.flags.writeable


def test_without_a_stated_rate_the_first_seconds_are_only_listened_to() -> None:
    blocks = made(steady(0, 10), None)
    assert blocks[0].received_at > 2
    assert blocks[0].sample_rate_hz == pytest.approx(50, rel=0.01)
    assert blocks[0].gap_before


def test_the_rate_of_a_sensor_that_sends_in_bursts_becomes_known() -> None:
    blocks = made([(0.5 * burst, 25) for burst in range(40)], None)
    assert blocks[0].received_at < 4
    assert all(block.sample_rate_hz == pytest.approx(50, rel=0.001) for block in blocks)
    assert not any(block.gap_before for block in blocks[1:])


def test_samples_that_never_came_are_a_hole() -> None:
    blocks = made(steady(0, 5) + steady(6, 10), 50)
    gaps = [block.received_at for block in blocks[1:] if block.gap_before]
    assert len(gaps) == 1
    assert 6 <= gaps[0] <= 6.2


def test_samples_that_came_late_are_none() -> None:
    late = [(6.0, 50)]
    blocks = made(steady(0, 5) + late + steady(6.02, 10), 50)
    assert not any(block.gap_before for block in blocks[1:])
    assert all(block.sample_rate_hz == pytest.approx(50, rel=0.02) for block in blocks)


def test_a_drifting_rate_is_followed() -> None:
    at_s, steps = 0.0, []
    while at_s < 120:
        steps.append((at_s, 1))
        at_s += 1 / (60 * (1 + 0.03 * at_s / 120))
    rates = [block.sample_rate_hz for block in made(steps, 60)]
    assert rates[0] == 60
    assert rates[-1] == pytest.approx(61.8, rel=0.006)


def test_a_finger_taken_off_is_told_at_once_and_a_hole_begins_a_block() -> None:
    queue: BoundedQueue[PpgBlock] = BoundedQueue(100, drop="oldest")
    blocks = PpgBlocks(queue)
    for number, (finger, lost) in enumerate([(True, False), (False, False), (False, True)]):
        blocks.add(run_of([1.0] * 4, rate_hz=50, finger_on=finger, lost=lost), number * 0.1)
    first, second = queue.get(0), queue.get(0)
    assert first is not None
    assert second is not None
    assert (first.finger_on, first.gap_before) == (True, True)
    assert (second.finger_on, second.gap_before) == (False, False)


def test_a_new_connection_is_a_gap() -> None:
    queue: BoundedQueue[PpgBlock] = BoundedQueue(100, drop="oldest")
    blocks = PpgBlocks(queue)
    blocks.add(run_of([1.0] * 20, rate_hz=50), 0.4)
    blocks.connect()
    blocks.add(run_of([1.0] * 20, rate_hz=50), 0.8)
    assert [queue.get(0).gap_before for _ in range(2)] == [True, True]  # type: ignore[union-attr]
