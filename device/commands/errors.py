"""The one way a command fails towards the user."""

from __future__ import annotations


class CommandError(Exception):
    """One clear line: what happened, which file or device, what to do. No traceback is shown."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
