"""The ways in which threads talk: newest wins, a bounded queue, a permission. Drops are counted."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Literal, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Holds the newest value; a value nobody read before the next one is counted.

    >>> slot: LatestSlot[int] = LatestSlot()
    >>> slot.put(1); slot.put(2)
    >>> slot.latest(), slot.overwritten
    (2, 1)
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: T | None = None
        self._version = 0
        self._read_version = 0
        self._overwritten = 0

    def put(self, value: T) -> None:
        """Replace the value and wake whoever waits."""
        with self._changed:
            if self._version != self._read_version:
                self._overwritten += 1
            self._value = value
            self._version += 1
            self._changed.notify_all()

    def latest(self) -> T | None:
        """Return the newest value, or None before the first; the value stays."""
        with self._changed:
            self._read_version = self._version
            return self._value

    def wait_newer(self, version: int, timeout_s: float) -> tuple[int, T | None]:
        """Wait for a value newer than ``version``; return (version, value).

        On timeout the returned version equals ``version`` and the value is the last one.
        Start with version 0. Each reader keeps its own version, so several may wait.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version > version, timeout_s)
            self._read_version = self._version
            return self._version, self._value

    def clear(self) -> None:
        """Forget the value (a visit has ended)."""
        with self._changed:
            self._value = None
            self._version += 1
            self._read_version = self._version
            self._changed.notify_all()

    @property
    def overwritten(self) -> int:
        """How many values were replaced before anyone read them."""
        return self._overwritten


class BoundedQueue(Generic[T]):
    """First in, first out, at most ``capacity`` items; every drop is counted.

    ``drop="oldest"`` keeps what is new (measurements), ``drop="newest"`` keeps what was
    promised first (commands): then :meth:`put` returns False and the sender can say so.

    >>> queue: BoundedQueue[int] = BoundedQueue(2, drop="oldest")
    >>> [queue.put(n) for n in (1, 2, 3)]
    [True, True, False]
    >>> queue.get(0), queue.get(0), queue.get(0), queue.dropped
    (2, 3, None, 1)
    """

    def __init__(self, capacity: int, drop: Literal["oldest", "newest"]) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity} is below 1")
        self._capacity = capacity
        self._drop = drop
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._dropped = 0

    def put(self, item: T) -> bool:
        """Add ``item`` without ever blocking; False when something was dropped for it."""
        with self._changed:
            full = len(self._items) >= self._capacity
            if full:
                self._dropped += 1
                if self._drop == "newest":
                    return False
                self._items.popleft()
            self._items.append(item)
            self._changed.notify()
            return not full

    def get(self, timeout_s: float) -> T | None:
        """Take the oldest item, waiting at most ``timeout_s``; None when there is none."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items), timeout_s)
            return self._items.popleft() if self._items else None

    def clear(self) -> None:
        """Throw everything away without counting it as dropped."""
        with self._changed:
            self._items.clear()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def dropped(self) -> int:
        """How many items were lost to the bound."""
        return self._dropped


class Permission(threading.Event):
    """What one thread gives and withdraws, and another heeds; given again it is another one.

    >>> permission = Permission()
    >>> permission.set(); permission.number
    1
    >>> permission.clear(); permission.number is None
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self._times = 0

    def set(self) -> None:
        """Give it, if it is not given; by one thread only."""
        if not self.is_set():
            self._times += 1
            super().set()

    @property
    def number(self) -> int | None:
        """Which one holds; None while it is withdrawn.

        Who is busy for a while sees by it that the one it went by is over, though there is another.
        """
        return self._times if self.is_set() else None
