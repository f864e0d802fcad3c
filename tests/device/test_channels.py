from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.channels import BoundedQueue, LatestSlot


@given(st.lists(st.integers(), max_size=60), st.integers(1, 8))
def test_a_full_queue_that_drops_the_oldest_keeps_the_newest(items: list[int], size: int) -> None:
    queue: BoundedQueue[int] = BoundedQueue(size, drop="oldest")
    for item in items:
        queue.put(item)
    kept = [queue.get(0) for _ in range(len(queue))]
    assert kept == items[-size:] if items else kept == []
    assert queue.dropped == max(0, len(items) - size)


@given(st.lists(st.integers(), max_size=60), st.integers(1, 8))
def test_a_full_queue_that_drops_the_newest_says_so(items: list[int], size: int) -> None:
    queue: BoundedQueue[int] = BoundedQueue(size, drop="newest")
    taken = [queue.put(item) for item in items]
    assert taken == [index < size for index in range(len(items))]
    assert [queue.get(0) for _ in range(len(queue))] == items[:size]


def test_a_waiting_reader_is_woken_by_an_item() -> None:
    queue: BoundedQueue[str] = BoundedQueue(1, drop="newest")
    got: list[str | None] = []
    reader = threading.Thread(target=lambda: got.append(queue.get(5)))
    reader.start()
    queue.put("hello")
    reader.join(5)
    assert got == ["hello"]


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity 0"):
        BoundedQueue[int](0, drop="newest")


def test_a_slot_keeps_the_newest_and_counts_the_unread() -> None:
    slot: LatestSlot[int] = LatestSlot()
    assert slot.latest() is None
    for number in range(5):
        slot.put(number)
    assert (slot.latest(), slot.overwritten) == (4, 4)
    slot.put(5)
    assert (slot.latest(), slot.overwritten) == (5, 4)


def test_each_reader_of_a_slot_waits_for_what_is_new_to_it() -> None:
    slot: LatestSlot[int] = LatestSlot()
    slot.put(1)
    version, value = slot.wait_newer(0, 1)
    assert value == 1
    assert slot.wait_newer(version, 0.01) == (version, 1)
    slot.put(2)
    assert slot.wait_newer(version, 1) == (version + 1, 2)
    assert slot.wait_newer(0, 1)[1] == 2


def test_a_cleared_slot_holds_nothing() -> None:
    slot: LatestSlot[int] = LatestSlot()
    slot.put(1)
    slot.clear()
    assert slot.latest() is None
