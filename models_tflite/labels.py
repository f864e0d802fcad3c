"""The one table of facial expressions, in the order of FER-2013."""

from __future__ import annotations

from typing import Final

EXPRESSIONS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
