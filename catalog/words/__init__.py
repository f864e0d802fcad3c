"""Words -> emotion: what a typed mood, a title, a lyric or a comment says."""

from catalog.words.mood import Keyword, WordMood, WordsError
from catalog.words.reading import read_mood
from catalog.words.track_texts import Comment, read_track

__all__ = ["Comment", "Keyword", "WordMood", "WordsError", "read_mood", "read_track"]
