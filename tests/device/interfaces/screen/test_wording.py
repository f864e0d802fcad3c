"""Every text in every language."""

import string

import pytest

from device.interfaces.screen.wording import LANGUAGES, TEXTS, say, words
from device.readings import Strategy
from models_tflite.labels import EXPRESSIONS


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_has_the_keys_and_placeholders_of_english(language: str) -> None:
    english, other = words("en"), words(language)
    assert set(other) == set(english)
    for key, text in english.items():
        assert names_in(other[key]) == names_in(text), key
        assert other[key].strip() == other[key] != "", key


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_every_expression_and_strategy(language: str) -> None:
    for expression in EXPRESSIONS:
        assert say(language, f"expression.{expression}")
    for strategy in Strategy:
        assert say(language, f"strategy.{strategy}") and say(language, f"strategy.{strategy}_text")


def test_translations_are_translated() -> None:
    same = {key for key, text in words("en").items() if words("ru")[key] == text}
    assert same <= {"fault.more"}


def test_every_text_is_used() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in TEXTS.parent.rglob("*.py"))
    for key in words("en"):
        table = key.split(".")[0]
        assert f'"{key}"' in code or f"{table}.{{" in code, key


def test_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("en", "no.such")
