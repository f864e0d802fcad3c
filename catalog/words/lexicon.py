"""The built-in mood words of five languages, from ``tables/mood_words.tsv``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from catalog.emotions import ANCHORS_VAD, CODES
from catalog.tables import read_table

LONGEST_PHRASE: Final = 4
"""Words in the longest phrase of the tables."""

SHORTEST_STEM: Final = 1

_SPELLED_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
"""German on a keyboard that has none of these."""

TO_SIMPLIFIED: Final = str.maketrans(
    "丟嚴喪麗樂鄉亂親僅從優會偉傷偽備別勁勞勵單壓厭發嘆歎嚇聖堅盡寧實寵寶尷悵懷憶憂戀惡惱悅驚"
    "懼憊愜憤願擾擔擁掛斷舊無來極夢歡氣沒淚溫滿潰澀點煩熱愛猶獨著確禱離窮緊糾紅級經結絕羨恥肅"
    "腸膽腳臉見視覺討議記訝許評詩誠詳說謝貝責敗賴讚贊輕輝過還適遺鬱釋鍾鐘欽錯閒閑悶隊難順頹飛"
    "驕頂慮虛壯張棄強當興淒動莊廢開鬆暢靜奮後厲麼牽癒妳",
    "丢严丧丽乐乡乱亲仅从优会伟伤伪备别劲劳励单压厌发叹叹吓圣坚尽宁实宠宝尴怅怀忆忧恋恶恼悦惊"
    "惧惫惬愤愿扰担拥挂断旧无来极梦欢气没泪温满溃涩点烦热爱犹独着确祷离穷紧纠红级经结绝羡耻肃"
    "肠胆脚脸见视觉讨议记讶许评诗诚详说谢贝责败赖赞赞轻辉过还适遗郁释钟钟钦错闲闲闷队难顺颓飞"
    "骄顶虑虚壮张弃强当兴凄动庄废开松畅静奋后厉么牵愈你",
)
"""Traditional characters -> those in which the table of Chinese is written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one mood word means."""

    code: str
    intensity: float
    valence: float
    arousal: float
    dominance: float


@dataclass(frozen=True, slots=True)
class Modifier:
    """A word that turns (-1), strengthens (> 1) or weakens (< 1) the mood word beside it, or 1."""

    kind: str
    factor: float


@dataclass(slots=True)
class Lexicon:
    """Mood words and modifiers of one language; words are lower-case, phrases joined by _."""

    words: dict[str, Entry] = field(default_factory=dict)
    stems: dict[str, Entry] = field(default_factory=dict)
    modifiers: dict[str, Modifier] = field(default_factory=dict)
    modifier_stems: dict[str, Modifier] = field(default_factory=dict)
    longest: int = 0
    """Characters of the longest word."""

    def find(self, token: str) -> Entry | None:
        """Return the entry of a word: exact, else the longest stem that it begins with."""
        entry = self.words.get(token)
        if entry is not None or not self.stems:
            return entry
        for end in range(min(len(token), self.longest), SHORTEST_STEM - 1, -1):
            entry = self.stems.get(token[:end])
            if entry is not None:
                return entry
        return None

    def find_modifier(self, token: str) -> Modifier | None:
        """Return how a word changes the mood word beside it, or None."""
        modifier = self.modifiers.get(token)
        if modifier is not None or not self.modifier_stems:
            return modifier
        for end in range(len(token), 0, -1):
            modifier = self.modifier_stems.get(token[:end])
            if modifier is not None:
                return modifier
        return None


@cache
def lexicon(language: str) -> Lexicon:
    """Return the lexicon of "en", "zh", "ru", "ko", "de", or "*" for emoji; empty otherwise."""
    made = Lexicon()
    for row in read_table("mood_words"):
        if row["language"] == language:
            _add(made, row)
    for row in read_table("mood_modifiers"):
        if row["language"] == language:
            modifier = Modifier(row["kind"], float(row["factor"]))
            for word in _spellings(row):
                place = made.modifier_stems if word.endswith("*") else made.modifiers
                place[word.rstrip("*")] = modifier
    keys = (*made.words, *made.stems, *made.modifiers)
    made.longest = max(map(len, keys), default=0)
    return made


def _add(made: Lexicon, row: dict[str, str]) -> None:
    anchor = ANCHORS_VAD[CODES.index(row["code"])].tolist()
    valence = float(row["valence"]) if row["valence"] else anchor[0]
    arousal = float(row["arousal"]) if row["arousal"] else anchor[1]
    entry = Entry(row["code"], float(row["intensity"]), valence, arousal, anchor[2])
    for word in _spellings(row):
        if len(word) > 1 and word.endswith("*") and row["language"] != "*":
            made.stems.setdefault(word[:-1], entry)
        else:
            made.words.setdefault(word, entry)


def _spellings(row: dict[str, str]) -> Iterator[str]:
    """Yield the words of a row, German ones also as they are written without its letters."""
    for word in row["words"].split():
        yield word
        if row["language"] == "de":
            yield word.replace("ß", "ss")
            yield word.translate(_SPELLED_OUT)
