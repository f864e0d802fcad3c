"""A TCP connection on which everything takes its time, in both directions."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536


class SlowWire:
    """Listens on :attr:`port` and passes connections on to ``target_port``, ``delay_s`` late."""

    def __init__(self, target_port: int, delay_s: float) -> None:
        self._target = ("127.0.0.1", target_port)
        self._delay_s = delay_s
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.2)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            far = socket.create_connection(self._target, 5)
            for pair in ((near, far), (far, near)):
                thread = threading.Thread(target=self._carry, args=pair, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        source.settimeout(0.02)
        under_way: deque[tuple[float, bytes]] = deque()
        open_still = True
        while (open_still or under_way) and not self._stop.is_set():
            try:
                data = source.recv(CHUNK_BYTES)
                open_still = bool(data)
                if data:
                    under_way.append((time.monotonic() + self._delay_s, data))
            except TimeoutError:
                pass
            except OSError:
                break
            while under_way and under_way[0][0] <= time.monotonic():
                try:
                    sink.sendall(under_way.popleft()[1])
                except OSError:
                    return
        sink.close()
