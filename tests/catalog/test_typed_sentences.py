"""What people type into the kiosk: feelings stated and denied, wishes for music and for change."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catalog.words import WordMood, read_mood
from catalog.words.mood import TURNED
from device.config import MoodSettings

TABLE = Path(__file__).with_name("typed_sentences.tsv")
OTHERWISE = frozenset((5, 7, 56))
"""Rows that are not read as wanted. Who mends one takes it out."""


def rows() -> list[tuple[int, str, str]]:
    """Return (row, what is wanted, text)."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        table = csv.DictReader(
            (line for line in lines if not line.startswith("#")),
            delimiter="\t",
            quoting=csv.QUOTE_NONE,
        )
        return [(int(row["row"]), row["wanted"], row["text"]) for row in table]


def side_of(mood: WordMood) -> str:
    """+ or -, or ? where the kiosk asks again, by the rule of the conductor."""
    unsure = not mood.keywords and mood.confidence < MoodSettings().min_confidence
    if mood.point is None or unsure:
        return "?"
    return "+" if mood.point.valence > 0 else "-"


@pytest.mark.parametrize(("row", "wanted", "text"), rows())
def test_a_sentence_is_read_as_it_is_meant(row: int, wanted: str, text: str) -> None:
    mood = read_mood(text)
    arousal = 0.0 if mood.point is None else mood.point.arousal
    as_wanted = (
        side_of(mood) in wanted
        and ("^" not in wanted or arousal > 0)
        and ("v" not in wanted or arousal < 0)
    )
    assert as_wanted is (row not in OTHERWISE)


@pytest.mark.parametrize(
    "text",
    ["I hate my boring job", "I hate sad people", "I hate you, I'm sad", "I can't forget my pain",
     "forget it, I'm sad", "I feel like crying", "non-stop crying", "my ex hates me and I'm sad",
     "I don't know why I feel so sad", "I want sad music because I am sad",
     "last night was not so good", "this music makes me sad", "nothing good ever happens",
     "couldn't sleep last night", "I'm not in love", "I'm not happy play a song",
     "without you I'm sad", "без тебя мне грустно", "ohne dich traurig",
     "не могу забыть боль", "не знаю почему мне грустно", "ничего не радует",
     "Ich bin satt und müde", "ich bin traurig, was ist los", "es tut mir leid",
     "ich fühle mich vergessen und einsam", "ich weiß nicht, warum ich traurig bin",
     "我讨厌下雨天，心情低落", "我受不了了", "不知道为什么难过", "我不想上班好累", "싫어 우울해"],
)  # fmt: skip
def test_a_dislike_beside_a_feeling_does_not_turn_it(text: str) -> None:
    assert side_of(read_mood(text)) == "-"


@pytest.mark.parametrize(
    "text",
    ["ich fühle nichts als Traurigkeit", "nichts außer Kummer", "во мне ничего кроме грусти",
     "не чувствую ничего, кроме грусти", "除了痛苦什么都没有", "除了悲伤我什么也感觉不到",
     "gegen die Trauer hilft nichts", "我摆脱不了焦虑", "我停止不了哭泣", "걱정을 잊을 수가 없다",
     "스트레스를 풀 수가 없어", "ich habe nichts und bin allein",
     "I can't seem to get rid of this sadness", "it's hard to forget the pain",
     "unable to get over my grief", "невозможно забыть боль", "it's hard to be happy"],
)  # fmt: skip
def test_who_has_nothing_but_a_feeling_or_cannot_leave_it_has_it(text: str) -> None:
    assert side_of(read_mood(text)) == "-"


@pytest.mark.parametrize(
    ("text", "side"),
    [("I can't live without happy music", "+"), ("I cannot live without my sad songs", "-"),
     ("Ich kann nicht ohne fröhliche Musik leben", "+"), ("не могу без грустной музыки", "-"),
     ("ich will nichts als Ruhe", "+"), ("ich brauche nichts außer Liebe", "+"),
     ("music without sad songs", "+"), ("除了伤心的歌什么都行", "+")],
)  # fmt: skip
def test_what_somebody_cannot_be_without_is_wished(text: str, side: str) -> None:
    assert side_of(read_mood(text)) == side


@pytest.mark.parametrize("text", ["no love songs", "keine Liebeslieder", "不要情歌"])
def test_music_that_is_refused_and_leaves_open_what_is_wished_is_asked_about(text: str) -> None:
    mood = read_mood(text)
    assert side_of(mood) == "?"
    assert all(word.word.startswith(TURNED) and word.weight == 0 for word in mood.keywords)


@pytest.mark.parametrize(
    ("text", "word"),
    [("I hate sad songs", "¬sad"), ("I love sad songs", "sad"), ("我讨厌悲伤的歌", "¬悲伤"),
     ("ненавижу грустные песни", "¬грустные"), ("ich hasse traurige Lieder", "¬traurige"),
     ("슬픈 노래 싫어", "¬슬픈")],
)  # fmt: skip
def test_the_verb_of_a_taste_is_no_feeling(text: str, word: str) -> None:
    assert [keyword.word for keyword in read_mood(text).keywords] == [word]


def test_many_small_words_after_a_mood_are_read() -> None:
    assert side_of(read_mood("I hate sadness " + "the " * 20_000)) in {"+", "-"}
