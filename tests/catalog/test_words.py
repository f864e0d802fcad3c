"""Words to emotion: five languages, negation, the published golden case, and all the rest."""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.emotions import CODES
from catalog.words import Comment, WordsError, read_mood, read_track
from catalog.words import learned as learned_module
from catalog.words.chinese import read_keywords
from catalog.words.language import detect_language
from catalog.words.learned import LEAST_CONFIDENCE, read_learned
from catalog.words.lexicon import lexicon
from catalog.words.ontology import collect
from catalog.words.track_texts import comment_weight, lyric_weight, title_weight
from device.commands import mood as mood_command
from device.commands.errors import CommandError
from device.phrases import PHRASES
from tests.data_folder import data_folder

GOLDEN = "后悔也都没有用 还不如一切没有发生过 不过就是又少一个诗人 换一个人沉迷你的笑"
GOLDEN_SHARES = {"PG": 0.24286, "NJ": 0.41261, "NH": 0.17520, "NE": 0.16933}


def attune(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    mood_command.register(parser.add_subparsers())
    parsed = parser.parse_args(arguments)
    return int(parsed.run(parsed))


def leading(text: str) -> str | None:
    mood = read_mood(text)
    return None if mood.point is None else CODES[int(mood.point.emotions.argmax())]


def side_of(text: str) -> float:
    """1 for a pleasant mood, -1 for an unpleasant one."""
    point = read_mood(text).point
    assert point is not None
    return math.copysign(1, point.valence)


@pytest.mark.parametrize(
    ("text", "language", "code"),
    [
        ("I feel sad today", "en", "NB"), ("so calm and peaceful", "en", "PE"),
        ("furious!!", "en", "NA"), ("don't worry, be happy", "en", "PA"),
        ("我今天很开心", "zh", "PA"), ("有点难过", "zh", "NB"), ("压力很大", "zh", "NI"),
        ("Мне очень грустно", "ru", "NB"), ("я счастлив", "ru", "PA"), ("мне страшно", "ru", "NC"),
        ("오늘 너무 행복해요", "ko", "PA"), ("조금 불안해", "ko", "NI"), ("슬퍼요", "ko", "NB"),
        ("Ich bin sehr glücklich", "de", "PA"), ("ich bin so wütend", "de", "NA"),
        ("Ich habe Angst", "de", "NC"), ("😢", None, "NB"), ("great :)", "en", "PA"),
    ],
)  # fmt: skip
def test_moods_in_five_languages(text: str, language: str | None, code: str) -> None:
    mood = read_mood(text)
    assert mood.language == language
    assert leading(text) == code
    assert mood.confidence > 0.4
    assert mood.keywords


@pytest.mark.parametrize(
    ("text", "valence"),
    [("I'm not happy", -1), ("не грустно", 1), ("不开心", -1), ("행복하지 않아", -1),
     ("nicht traurig", 1), ("I have never been so happy", 1), ("not sad, but happy", 1),
     ("not sad anymore", 1), ("no more tears", 1), ("happy no more", -1), ("im not happy", -1),
     ("dont feel happy", -1), ("I don't want to listen to sad music", 1), ("can't be happy", -1),
     ("nothing makes me happy", -1), ("I have no hope", -1), ("nobody does it better", 1),
     ("far from happy", -1), ("anything but happy", -1), ("not-so-happy", -1),
     ("开心不起来", -1), ("平静不下来", -1), ("никогда не был так счастлив", 1),
     ("행복하지않아요", -1), ("행복하지 못해요", -1), ("재미없어", -1), ("걱정하지마", 1),
     ("짜증 안 나", 1), ("스트레스 받지 않아", 1)],
)  # fmt: skip
def test_negation_turns_a_mood(text: str, valence: int) -> None:
    assert side_of(text) == valence


@pytest.mark.parametrize(
    ("text", "valence"),
    [("I can't stop crying", -1), ("why don't we dance", 1), ("不停地哭", -1), ("忍不住想哭", -1),
     ("有没有开心的歌", 1), ("累，不过很开心", 1), ("离别的伤感", -1), ("无尽的悲伤", -1),
     ("чуть не плачу", -1), ("нет ли чего-нибудь весёлого", 1), ("ganz schön müde", -1),
     ("ich kann nicht aufhören zu weinen", -1)],
)  # fmt: skip
def test_what_only_looks_like_a_negation_or_a_mood_turns_nothing(text: str, valence: int) -> None:
    assert side_of(text) == valence


@pytest.mark.parametrize(
    "text",
    [
        "放点音乐",
        "麻烦下一首",
        "lieber nicht",
        "happened",
        "huge",
        "painting",
        "environment",
        "reverse",
        "gentlemen",
        "шоколад",
        "страховка",
        "아파트",
        "静音",
        "Hasselhoff",
        "Amazon",
        "Victoria",
        "Joyce",
        "Пугачёва",
        "противник",
        "아프리카 음악",
        "Hoffmann",
    ],
)
def test_a_word_in_a_longer_one_is_no_mood(text: str) -> None:
    assert read_mood(text).point is None


def test_intensifiers_weigh() -> None:
    little, plain, very = (
        read_mood(text).strengths.sum() for text in ("a little sad", "sad", "very sad")
    )
    assert little < plain < very


@pytest.mark.parametrize("text", ["", "   ", "qwerty asdf", "12345", "\u200b\ufeff", "estoy aquí"])
def test_nothing_understood_is_said(text: str) -> None:
    mood = read_mood(text)
    assert mood.point is None
    assert mood.emotions is None
    assert mood.confidence == 0


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_any_text_gives_a_distribution_or_nothing(text: str) -> None:
    mood = read_mood(text)
    assert 0 <= mood.confidence < 1
    if mood.emotions is not None:
        assert sum(mood.emotions.values()) == pytest.approx(1, abs=1e-5)
        assert min(mood.emotions.values()) >= 0


def test_a_very_long_text_is_read() -> None:
    mood = read_mood("I was happy and then I was sad again. " * 2700)
    assert mood.emotions is not None
    assert set(mood.emotions) == set(CODES)
    assert read_mood("x" * 100_000).point is None


@pytest.mark.parametrize(
    ("text", "language"),
    [("the night is young", "en"), ("die Nacht ist jung", "de"), ("ночь молода", "ru"),
     ("밤이 젊다", "ko"), ("夜还年轻", "zh"), ("夜はまだ若い", None),
     ("la nuit est jeune et tu", None), ("?!", None)],
)  # fmt: skip
def test_languages_are_told_apart(text: str, language: str | None) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("text", "code"),
    [("traurig", "NB"), ("gut gelaunt", "PA"), ("Angst", "NC"), ("keine Angst", "PG"),
     ("ohne Stress", "PE"), ("froehlich", "PA"), ("gluecklich", "PA"), ("keine Energie", "NB"),
     ("bin happy", "PA")],
)  # fmt: skip
def test_german_without_small_words_or_umlauts_is_german(text: str, code: str) -> None:
    assert read_mood(text).language == "de"
    assert leading(text) == code


@pytest.mark.parametrize("text", ["im sad", "im so tired", "quality time", "party", "super happy"])
def test_english_without_an_apostrophe_or_small_words_is_english(text: str) -> None:
    assert read_mood(text).language == "en"


@pytest.mark.parametrize("language", PHRASES)
def test_the_words_that_the_kiosk_offers_are_understood_in_its_language(language: str) -> None:
    _, _, offered = PHRASES[language].not_understood.partition("{text}")
    words = re.split(r"\W+", offered)
    understood = [word for word in words if read_mood(word).point is not None]
    assert len(understood) == 4
    assert {read_mood(word).language for word in understood} == {language}


@pytest.mark.parametrize(
    ("text", "same"),
    [("ｖｅｒｙ ｈａｐｐｙ", "very happy"), ("：（", ":("),
     ("我很難過", "我很难过"), ("放鬆不下來", "放松不下来"), ("沒有壓力", "没有压力"),
     ("我愛妳", "我爱你"), ("睡不著", "睡不着"), ("憂鬱", "忧郁"),
     ("無聊，不過還好", "无聊，不过还好"),
     (unicodedata.normalize("NFD", "행복해요"), "행복해요"),
     (unicodedata.normalize("NFD", "fröhlich"), "fröhlich"),
     (unicodedata.normalize("NFD", "спокойно"), "спокойно")],
)  # fmt: skip
def test_letters_mean_the_same_however_they_are_encoded(text: str, same: str) -> None:
    found, wanted = read_mood(text), read_mood(same)
    assert wanted.point is not None
    assert found.emotions == wanted.emotions
    assert found.language == wanted.language


@pytest.mark.parametrize(
    ("text", "words"),
    [("sad,tired", ["sad", "tired"]), ('"happy"', ["happy"]), ("calm/sleepy", ["calm", "sleepy"]),
     ("#happy:)", ["happy", ":)"]), ("note:(see)", []), ("xylophone", []),
     ("开心:)真的", ["开心", ":)"]),
     ("I am sad I don't know why", ["sad"]), ("happy but can't relax", ["happy", "¬relax"]),
     ("외롭지 않아 너무 행복해", ["¬외롭지", "너무 행복해"]),
     ("걱정 없어 행복해", ["¬걱정", "행복해"]), ("this is not\nhappy", ["happy"])],
)  # fmt: skip
def test_no_sign_and_no_negation_swallows_the_words_beside_it(text: str, words: list[str]) -> None:
    assert [keyword.word for keyword in read_mood(text).keywords] == words


@pytest.mark.parametrize("face", lexicon("*").words)
def test_every_emoji_and_emoticon_of_the_table_is_read(face: str) -> None:
    for text in (face, face.upper(), f"ok {face}!"):
        assert [keyword.word for keyword in read_mood(text).keywords][:1] == [face], text


@pytest.mark.parametrize(
    ("text", "code"),
    [("I need to calm down", "PE"), ("full of energy", "PA"), ("stress free", "PE"),
     ("couldn't be happier", "PA"), ("never felt better", "PA"), ("nobody loves me", "NB"),
     ("I want to die", "NB"), ("我emo了", "NB"), ("困难", "NJ"), ("生气勃勃", "PA"),
     ("睡不着", "NB"), ("想死", "NB"), ("мне нужно успокоиться", "PE"), ("я грущу", "NB"),
     ("плохое настроение", "NB"), ("ничего не радует", "NB"), ("хочу умереть", "NB"),
     ("슬픕니다", "NB"), ("기쁩니다", "PA"), ("좋지 않아", "NB"), ("기분 나빠", "NB"),
     ("잠이 안 와", "NB"), ("죽고 싶어", "NB"), ("진정하고 싶어요", "PE"), ("sorgenfrei", "PE"),
     ("Liebeskummer", "NB"), ("ich will sterben", "NB"),
     ("눈물이 멈추지 않아", "NB"), ("행복할 수 없어", "NB"), ("슬플 때", "NB"), ("잠 안 와", "NB"),
     ("хочется плакать", "NB"), ("не так уж и грустно", "PA"), ("я спокоен", "PE"),
     ("нет настроения", "NE"), ("心情特别好", "PA"), ("闷闷不乐", "NE"),
     ("was Ruhiges bitte", "PE"),
     ("alles super", "PA"), ("I couldn't be more proud", "PH"), ("laid-back", "PE"),
     ("super-happy", "PA"), ("happiest", "PA"), ("terrific", "PA"),
     ("driving me crazy", "NA"), ("чего-нибудь весёлого", "PA"),
     ("довольно грустно", "NB"), ("я доволен", "PA")],
)  # fmt: skip
def test_plain_words_are_not_missed_nor_taken_for_their_opposite(text: str, code: str) -> None:
    assert leading(text) == code


def test_unknown_language_is_refused() -> None:
    with pytest.raises(WordsError, match="'fr'"):
        read_mood("triste", language="fr")


def test_an_auxiliary_category_is_a_second_entry_and_slips_are_passed_over() -> None:
    ontology = collect(
        [
            ("悲喜", "NB", 5),
            ("悲喜", "PA ", 3),
            ("悲喜", "NB", 9),
            ("错", "??", 5),
            ("强", "PH", 99),
        ]
    )
    assert ontology == {"悲喜": (("NB", 5), ("PA", 3)), "强": (("PH", 9),)}
    mood = read_keywords([("悲喜", 2.0), ("无关", 3.0)], ontology)
    assert mood.emotions is not None
    assert mood.emotions["NB"] == pytest.approx(10 / 16)
    assert mood.strengths.sum() == pytest.approx(16)


def test_the_published_golden_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jieba")
    dlut = data_folder("lexicons") / "DLUT_emotion_ontology.xlsx"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mood = read_mood(GOLDEN, dlut=dlut)
    assert mood.emotions is not None
    for code, share in mood.emotions.items():
        assert share == pytest.approx(GOLDEN_SHARES.get(code, 0), abs=1e-4)
    assert list((tmp_path / "attune").glob("ontology-*.tsv"))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 broken", b"word,code\n"])
def test_a_bad_ontology_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    pytest.importorskip("jieba")
    path = tmp_path / "ontology.xlsx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        attune("mood", "text", "后悔", "--dlut", str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_texts_of_a_track_are_weighted_as_published() -> None:
    assert comment_weight(0) == 0
    assert lyric_weight(10) == pytest.approx(math.log(102))
    assert title_weight(10) == pytest.approx(math.log(202))
    mood = read_track("Happy", "sad", [Comment("furious", 10), Comment("hateful", 0)])
    assert mood.emotions is not None
    assert mood.emotions["ND"] == 0
    happy, sad = 7 * math.log(202), 7 * math.log(102)
    angry = 9 * math.log(11)
    assert mood.emotions["PA"] == pytest.approx(happy / (happy + sad + angry), abs=1e-3)
    assert read_track("Track 01").point is None


@pytest.mark.parametrize(
    ("text", "valence"),
    [("my dog died last night", -1), ("thank you so much for yesterday", 1),
     ("他离开了我 再也不会回来 我们的故事已经结束 只剩我一个人在雨中走着", -1)],
)  # fmt: skip
def test_a_feeling_that_is_not_named_is_read(text: str, valence: int) -> None:
    mood = read_mood(text)
    assert mood.point is not None
    assert math.copysign(1, mood.point.valence) == valence
    assert 0.2 <= mood.confidence < 0.95


@pytest.mark.parametrize("text", ["the meeting is at nine", "今天星期三", "夜还年轻", "ok then"])
def test_a_line_without_a_feeling_stays_without(text: str) -> None:
    assert read_mood(text).confidence < 0.5
    assert read_learned(text, detect_language(text)) is None


def test_a_title_and_the_ontology_are_not_touched_by_what_was_learnt() -> None:
    assert read_mood("my dog died last night", title=True).point is None
    assert read_track("my dog died last night").point is None
    assert read_track(lyric="my dog died last night").point is not None


def test_other_languages_have_no_classifier() -> None:
    for language in ("ru", "ko", "de", None):
        assert read_learned("мне грустно und traurig 슬퍼요", language) is None


@given(st.text(max_size=300), st.sampled_from(["en", "zh"]))
def test_what_was_learnt_gives_a_distribution_or_nothing(text: str, language: str) -> None:
    reading = read_learned(text, language)
    if reading is not None:
        assert LEAST_CONFIDENCE <= reading.confidence < 1
        assert reading.point.emotions.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("damage", ["missing", "cut", "zeroed", "text"])
def test_a_damaged_classifier_leaves_the_table_of_words(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = (learned_module.FOLDER / "words_en.npz").read_bytes()
    damaged = {
        "cut": content[: len(content) // 2],
        "zeroed": content[:5000] + bytes(20_000) + content[25_000:],
        "text": b"no archive",
    }
    if damage != "missing":
        (tmp_path / "words_en.npz").write_bytes(damaged[damage])
    monkeypatch.setattr(learned_module, "FOLDER", tmp_path)
    learned_module.learned.cache_clear()
    try:
        assert read_mood("I feel sad today").point is not None
        assert read_mood("my dog died last night").point is None
    finally:
        learned_module.learned.cache_clear()
    assert "words are read by the table alone" in caplog.text
    assert len(caplog.records) == 1  # Once, not for every text.


def test_the_command_prints_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert attune("mood", "text", "calm but a little nostalgic", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert sum(document["emotions"].values()) == pytest.approx(1, abs=1e-5)
    assert {"valence", "arousal", "dominance", "confidence", "label"} <= set(document)
    assert attune("mood", "text", "zzz", "--json") == 1
    assert json.loads(capsys.readouterr().out)["emotions"] is None


def test_the_command_says_why_also_where_no_word_names_a_mood(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert attune("mood", "text", "my dog died last night") == 0
    assert "because of: the text as a whole" in capsys.readouterr().out


def test_typed_words_need_neither_jieba_nor_openpyxl() -> None:
    code = (
        "import sys; sys.modules['jieba'] = sys.modules['openpyxl'] = None\n"
        "from catalog.words import read_mood\n"
        "assert read_mood('我很开心').point is not None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
