"""What the kiosk says of its own accord to the person, in the five languages of the screen.

Labels and buttons are the screen's (``device/interfaces/screen/texts``). These are sentences
about a mood and a track, which go to the house as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device.readings import Strategy


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language; braces are filled in."""

    voices: dict[str, str]
    """What a source of a mood is called."""
    joined: tuple[str, str]
    """Between voices, and before the last one."""
    matched: str
    unsure: str
    wished: str
    stepped: str
    goals: dict[Strategy, str]
    music: str
    """With the distance as :meth:`number` writes it."""
    liked: str
    not_understood: str
    no_music: str
    left_out: str
    not_kept: str
    comma: str = "."
    """Between a whole number and its decimals."""

    def number(self, value: float) -> str:
        """Return a number with two decimals."""
        return f"{value:.2f}".replace(".", self.comma)


ENGLISH = Phrases(
    voices={"face": "your face", "pulse": "your pulse", "words": "your words",
            "touch": "your touch"},
    joined=(", ", " and "),
    matched="{who}: {mood}.",
    unsure="Nothing sure was sensed; taken as {mood}.",
    wished="You asked for {mood}.",
    stepped="From “{mood}”, a step to {goal}.",
    goals={Strategy.LIFT: "lift you", Strategy.CALM: "calm you",
           Strategy.ENERGISE: "wake you up"},
    music="This music is {music} (distance {distance}).",
    liked="It was liked here before.",
    not_understood="“{text}” says nothing about a mood that I know. Try words such as calm, happy,"
    " sad, tense.",
    no_music="No track of the library can be played: `attune doctor` says what is wrong.",
    left_out="This track cannot be played: on to the next.",
    not_kept="This is not remembered: the memory of the kiosk cannot be written.",
)  # fmt: skip
GERMAN = Phrases(
    voices={"face": "dein Gesicht", "pulse": "dein Puls", "words": "deine Worte",
            "touch": "deine Berührung"},
    joined=(", ", " und "),
    matched="{who}: {mood}.",
    unsure="Nichts Sicheres erkannt; angenommen: {mood}.",
    wished="Gewünscht: {mood}.",
    stepped="Von „{mood}“ ein Schritt, {goal}.",
    goals={Strategy.LIFT: "um dich aufzumuntern", Strategy.CALM: "um dich zu beruhigen",
           Strategy.ENERGISE: "um dich zu beleben"},
    music="Diese Musik: {music} (Abstand {distance}).",
    liked="Sie hat hier schon gefallen.",
    not_understood="„{text}“ sagt mir nichts über eine Stimmung. Versuch es mit Worten wie ruhig,"
    " fröhlich, traurig, angespannt.",
    no_music="Kein Stück der Sammlung lässt sich abspielen: `attune doctor` sagt, woran es liegt.",
    left_out="Dieses Stück lässt sich nicht abspielen: weiter zum nächsten.",
    not_kept="Das wird nicht behalten: Das Gedächtnis der Box lässt sich nicht beschreiben.",
    comma=",",
)  # fmt: skip
CHINESE = Phrases(
    voices={"face": "你的表情", "pulse": "你的脉搏", "words": "你的话", "touch": "你的触摸"},
    joined=("、", "和"),
    matched="{who}：{mood}。",
    unsure="没有感知到确定的情绪，暂定为：{mood}。",
    wished="你想要的：{mood}。",
    stepped="从“{mood}”出发，{goal}。",
    goals={Strategy.LIFT: "让你开心一点", Strategy.CALM: "让你平静一点",
           Strategy.ENERGISE: "让你更有活力"},
    music="这首音乐：{music}（距离 {distance}）。",
    liked="这里有人喜欢过它。",
    not_understood="从“{text}”里我听不出情绪。试试平静、快乐、悲伤、紧张这样的词。",
    no_music="曲库里没有可以播放的曲目：请运行 `attune doctor` 查看原因。",
    left_out="这首无法播放，换下一首。",
    not_kept="没能记住：本机的存储无法写入。",
)  # fmt: skip
RUSSIAN = Phrases(
    voices={"face": "ваше лицо", "pulse": "ваш пульс", "words": "ваши слова",
            "touch": "ваше касание"},
    joined=(", ", " и "),
    matched="{who}: {mood}.",
    unsure="Ничего определённого не замечено; принято: {mood}.",
    wished="По вашему желанию: {mood}.",
    stepped="От «{mood}» шаг, чтобы {goal}.",
    goals={Strategy.LIFT: "поднять настроение", Strategy.CALM: "успокоить",
           Strategy.ENERGISE: "взбодрить"},
    music="Эта музыка: {music} (расстояние {distance}).",
    liked="Здесь она уже нравилась.",
    not_understood="«{text}» ничего не говорит мне о настроении. Попробуйте слова вроде: спокойно,"
    " радостно, грустно, тревожно.",
    no_music="Ни одну запись из медиатеки нельзя воспроизвести: причину покажет `attune doctor`.",
    left_out="Эту запись нельзя воспроизвести: включаю следующую.",
    not_kept="Это не запомнится: память устройства недоступна для записи.",
    comma=",",
)  # fmt: skip
KOREAN = Phrases(
    voices={"face": "표정", "pulse": "맥박", "words": "말", "touch": "터치"},
    joined=(", ", ", "),
    matched="{who}: {mood}.",
    unsure="확실히 느껴진 것이 없어 이렇게 보았어요: {mood}.",
    wished="원하신 기분: {mood}.",
    stepped="‘{mood}’에서 {goal} 한 걸음.",
    goals={Strategy.LIFT: "밝은 쪽으로", Strategy.CALM: "차분한 쪽으로",
           Strategy.ENERGISE: "활기찬 쪽으로"},
    music="이 음악: {music} (거리 {distance}).",
    liked="여기서 사랑받은 곡이에요.",
    not_understood="“{text}”에서는 기분을 알 수 없어요."
    " 차분함, 행복, 슬픔, 긴장 같은 말을 써 보세요.",
    no_music="재생할 수 있는 곡이 없어요. 원인은 `attune doctor`로 확인하세요.",
    left_out="이 곡은 재생할 수 없어 다음 곡으로 넘어가요.",
    not_kept="기억하지 못했어요. 저장 공간에 쓸 수 없어요.",
)  # fmt: skip
PHRASES = {"en": ENGLISH, "de": GERMAN, "zh": CHINESE, "ru": RUSSIAN, "ko": KOREAN}


def join_voices(phrases: Phrases, names: Sequence[str]) -> str:
    """Return the sources by name, the first letter large: "Your pulse and your face"."""
    voices = [phrases.voices[name] for name in names]
    between, last = phrases.joined
    text = voices[0] if len(voices) == 1 else between.join(voices[:-1]) + last + voices[-1]
    return text[:1].upper() + text[1:]
