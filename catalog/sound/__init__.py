"""Sound -> emotion: what a track makes listeners feel, from its audio alone.

The network and PyAV are loaded when they are used, not on import.
"""

from catalog.sound.annotator import SoundAnnotation, SoundAnnotator
from catalog.sound.decoding import SoundError, decode_mono

__all__ = ["SoundAnnotation", "SoundAnnotator", "SoundError", "decode_mono"]
