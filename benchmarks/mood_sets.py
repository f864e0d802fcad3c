"""Tracks with a mood from the product's own evidence and, apart from it, people's judgement.

No set is judged by what its points were made of: sound by listeners of tracks the network was not
fitted on, words and computed features by ratings or tags of other people. Needs the shared data
sets (set ATTUNE_DATA); a set whose data is missing is left out.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from catalog.analysis import EvidencePart, fuse
from catalog.builder.evidence import TRUST
from catalog.builder.tables import FEATURE_CONFIDENCE, FEATURE_TRUST, match_key
from catalog.emotions import EmotionPoint, point_from_va
from catalog.sound.annotator import MODEL as SOUND_MODEL
from catalog.sound.annotator import SoundAnnotator
from catalog.vocabularies import SPOTIFY_FEATURES, VOCABULARIES, spotify_point, to_point
from catalog.words import read_mood, read_track
from device.mood.strategies import GOALS
from device.readings import Strategy
from models_tflite.runtime import TfliteModel
from models_tflite.training.sound_ratings import GEMS, GENRES
from models_tflite.training.sound_train import fit, folds
from tests.data_folder import find_data

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MoodSet:
    """n tracks, where the product puts them, and what people say of them."""

    name: str
    evidence: str
    judge: str
    points: Sequence[EmotionPoint]
    labels: Ints
    """(n,) the mood people give; two tracks agree where it is the same."""
    places: Floats | None = None
    """(n, d) people's ratings in their own spread, where there are any."""
    asked: Sequence[tuple[EmotionPoint, int]] = ()
    """Moods as the kiosk comes to know them, each with the label that answers it."""
    raw: Floats | None = None
    """(n, d) the numbers the points were made of, where they come from outside the space."""


def load_sets() -> Iterator[MoodSet]:
    """Yield the sets whose data is here."""
    for name, loaders in _LOADERS:
        folder = find_data(name)
        if folder is None:
            print(f"(left out: the data set {name} is not here)")
            continue
        for loader in loaders:
            yield loader(folder)


# --- emotify: sound of tracks left out, and listeners --------------------------------------


def emotify_sound(folder: Path) -> MoodSet:
    """Return the 320 clips as heard by heads fitted without them, judged by all listeners."""
    votes, genre = _votes(folder)
    gems = np.array([track.mean(axis=0) for track in votes])
    features = _support_features()
    targets = np.concatenate([gems, np.eye(len(GENRES))[genre]], axis=1)
    predicted = np.zeros_like(targets)
    for out in folds(genre, seed=0):
        kept = np.setdiff1d(np.arange(len(genre)), out)
        predicted[out] = fit(features[kept], targets[kept])(features[out])
    return _emotify("sound, clips left out", "listeners", predicted, gems)


def emotify_listeners(folder: Path) -> MoodSet:
    """Return the clips as one half of the listeners felt them, judged by the other half."""
    votes, _ = _votes(folder)
    random = np.random.default_rng(0)
    halves = [np.array_split(random.permutation(track), 2) for track in votes]
    one, other = (np.array([pair[side].mean(axis=0) for pair in halves]) for side in (0, 1))
    heard = np.concatenate([one, np.zeros((len(one), len(GENRES)))], axis=1)
    return _emotify("half of the listeners", "other half", heard, other)


def _emotify(evidence: str, judge: str, heard: Floats, felt: Floats) -> MoodSet:
    annotator = _annotator(np.concatenate([heard, np.ones((len(heard), 1))], axis=1))
    nothing = np.zeros((1, 187, 96), np.float32)
    points = [annotator.annotate_patches(nothing).point for _ in heard]
    labels = np.argmax(felt / felt.mean(axis=0), axis=1)
    asked = _asked({(word, "gems9", name): i for i, (name, word) in enumerate(_GEMS_WORDS.items())})
    raw = _spread(heard[:, : len(GEMS)])
    return MoodSet("emotify", evidence, judge, points, labels, _spread(felt), asked, raw)


_GEMS_WORDS: Final = {
    "amazement": "amazed, wonder", "solemnity": "solemn, sacred", "tenderness": "tender, loving",
    "nostalgia": "nostalgic, memories", "calmness": "calm, peaceful",
    "power": "powerful, triumphant", "joyful_activation": "joyful, dance",
    "tension": "tense, nervous", "sadness": "sad, sorrow",
}  # fmt: skip


def _annotator(outputs: Floats) -> SoundAnnotator:
    """Return the product's annotator, over answers that are known instead of its network."""
    answers = iter(outputs[:, np.newaxis].astype(np.float32))
    facts = json.loads(SOUND_MODEL.with_suffix(".json").read_text(encoding="utf-8"))
    return SoundAnnotator(cast("TfliteModel", lambda _: next(answers)), facts)


def _support_features() -> Floats:
    """Return what the shipped network keeps of the 320 clips: (320, 500), in their order."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter: Any = Interpreter(str(SOUND_MODEL))
    interpreter.allocate_tensors()
    for detail in interpreter.get_tensor_details():
        if tuple(detail["shape"]) == (320, 500) and detail["dtype"] == np.float16:
            return np.asarray(interpreter.get_tensor(detail["index"]), np.float64)
    raise LookupError(f"{SOUND_MODEL}: holds no features of 320 clips")


def _votes(folder: Path) -> tuple[list[Floats], Ints]:
    found: dict[int, list[list[float]]] = defaultdict(list)
    genres: dict[int, str] = {}
    for row in _rows(folder / "ratings.csv"):
        number = int(row["track_id"])
        found[number].append([float(row[name]) for name in GEMS])
        genres[number] = row["genre"]
    order = sorted(int(path.stem) for path in (folder / "audio").iterdir())
    return [np.array(found[n]) for n in order], np.array([GENRES.index(genres[n]) for n in order])


# --- songs with one of four moods ----------------------------------------------------------

FOUR: Final = ("Happy", "Sad", "Calm", "Energetic")


def four_moods(folder: Path) -> MoodSet:
    """Return 686 tracks by features and title, judged by their mood of four."""
    rows = list(_rows(folder / "spotify_686_moods.csv"))
    points = [_fused([_features(row), _title(row["name"])]) for row in rows]
    labels = np.array([FOUR.index(row["mood"]) for row in rows])
    asked = _asked(_FOUR_ASKED) + _goals()
    return MoodSet("four moods", "features, title", "tags", points, labels, None, asked)


_FOUR_ASKED: Final = {
    ("happy, feeling cheerful, 快乐, радость, 행복, glücklich", "face7", "happy"): 0,
    ("sad, so lonely and down, 悲伤, грустно, 슬픔, traurig", "face7", "sad"): 1,
    ("calm, relaxed and peaceful, 平静, спокойно, ruhig", "gems9", "calmness"): 2,
    ("energetic, pumped up, 活力, energiegeladen", "voice7", "enthusiasm"): 3,
}


def _goals() -> list[tuple[EmotionPoint, int]]:
    kinds = (Strategy.LIFT, Strategy.CALM, Strategy.ENERGISE)
    return [(GOALS[kind], label) for kind, label in zip(kinds, (0, 2, 3), strict=True)]


# --- Deezer: valence and arousal out of listeners' tags ------------------------------------


def deezer_features(folder: Path) -> MoodSet:
    """Return tracks by their features, judged by V/A."""
    return _deezer(folder, "features", lambda row, features: [features])


def deezer_titles(folder: Path) -> MoodSet:
    """Return tracks by the words of their title, judged by V/A."""
    return _deezer(folder, "title words", lambda row, features: [_title(row["track_name"])])


def deezer_mixed(folder: Path) -> MoodSet:
    """Return tracks by features, title or both, whatever there is, judged by V/A."""
    return _deezer(
        folder, "features or title", lambda row, features: [features, _title(row["track_name"])]
    )


def _deezer(
    folder: Path,
    evidence: str,
    parts: Callable[[dict[str, str], EvidencePart | None], list[EvidencePart | None]],
) -> MoodSet:
    known = _known_features()
    points, rated = [], []
    for row in (
        row for part in ("train", "validation") for row in _rows(folder / f"{part}.csv.gz")
    ):
        features = known.get(match_key(row["artist_name"], row["track_name"]))
        if any(found := parts(row, features)):
            points.append(_fused(found))
            rated.append([float(row["valence"]), float(row["arousal"])])
    places = _spread(np.array(rated))
    asked = _asked(_QUADRANTS_ASKED) + [
        (point_from_va(radius * math.cos(angle), radius * math.sin(angle)), _quadrant(angle))
        for radius in (0.4, 0.7)
        for angle in np.pi * (np.arange(4)[:, np.newaxis] + (0.3, 0.5, 0.7)).ravel() / 2
    ]
    angles = np.arctan2(places[:, 1], places[:, 0])
    return MoodSet("deezer", evidence, "V/A of tags", points, _quadrant(angles), places, asked)


_QUADRANTS_ASKED: Final = {
    ("happy, energetic", "face7", "happy"): 0,
    ("angry, tense", "face7", "angry"): 1,
    ("sad, lonely", "face7", "sad"): 2,
    ("calm, peaceful", "gems9", "calmness"): 3,
}


def _quadrant(angle: Any) -> Any:
    return np.floor(np.mod(angle, 2 * np.pi) / (np.pi / 2)).astype(int)


def _known_features() -> dict[str, EvidencePart | None]:
    known: dict[str, EvidencePart | None] = {}
    sources = (
        ("spotify_tidytuesday", "spotify_songs.csv.gz", "track_artist", "track_name"),
        ("song_annotations", "spotify_686_moods.csv", "artist", "name"),
    )
    for name, file, artist, title in sources:
        if (folder := find_data(name)) is not None:
            known |= {
                match_key(row[artist], row[title]): _features(row) for row in _rows(folder / file)
            }
    return known


# --- Chinese lyrics with a label -----------------------------------------------------------

ZH_LABELS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise")
_ZH_WORDS: Final = (
    "生气, 愤怒", "恶心, 讨厌", "害怕, 恐惧", "快乐, 开心", "悲伤, 伤心", "惊讶, 惊奇",
)  # fmt: skip


def zh_built_in(folder: Path) -> MoodSet:
    """Return lyrics by the built-in words, judged by their label."""
    return _lyrics(folder, "built-in words", None)


def zh_ontology(folder: Path) -> MoodSet:
    """Return lyrics by the ontology, judged by their label."""
    lexicons = find_data("lexicons")
    dlut = lexicons / "DLUT_emotion_ontology.xlsx" if lexicons else None
    return _lyrics(folder, "ontology", dlut)


def _lyrics(folder: Path, evidence: str, dlut: Path | None) -> MoodSet:
    points, labels = [], []
    for row in _rows(folder / "lyrics_emotion.csv.gz"):
        if row["label"] in ZH_LABELS:
            point = read_track("", row["text"], dlut=dlut).point
            if point is not None:
                points.append(point)
                labels.append(ZH_LABELS.index(row["label"]))
    asked = _asked({(words, "face7", ZH_LABELS[i]): i for i, words in enumerate(_ZH_WORDS)})
    return MoodSet("Chinese lyrics", evidence, "labels", points, np.array(labels), None, asked)


# --- moods asked for -----------------------------------------------------------------------


def _asked(moods: dict[tuple[str, str, str], int]) -> list[tuple[EmotionPoint, int]]:
    """Return each mood as typed words, as a face or a feeling, and as a touch on the V/A plane."""
    found = []
    for (words, vocabulary, term), label in moods.items():
        typed = [read_mood(word).point for word in words.split(", ")]
        terms = VOCABULARIES[vocabulary].terms
        named = to_point(vocabulary, np.eye(len(terms))[terms.index(term)])
        touched = point_from_va(named.valence, named.arousal)
        found += [(point, label) for point in (*typed, named, touched) if point is not None]
    return found


# --- the product's own evidence ------------------------------------------------------------


def _features(row: dict[str, str]) -> EvidencePart | None:
    columns = {"loudness_db": "loudness", "tempo_bpm": "tempo"}
    texts = [row.get(columns.get(name, name)) for name in SPOTIFY_FEATURES]
    values = [float(text) if text else math.nan for text in texts]
    if not all(map(math.isfinite, values[:2])):
        return None
    return EvidencePart("features", FEATURE_TRUST, FEATURE_CONFIDENCE, spotify_point(values))


def _title(title: str) -> EvidencePart | None:
    mood = read_track(title)
    if mood.point is None:
        return None
    return EvidencePart("title", TRUST["title"], mood.confidence, mood.point)


def _fused(parts: Iterable[EvidencePart | None]) -> EmotionPoint:
    point, _ = fuse([part for part in parts if part is not None])
    return cast("EmotionPoint", point)


def _spread(ratings: Floats) -> Floats:
    spread: Floats = (ratings - ratings.mean(axis=0)) / ratings.std(axis=0)
    return spread


def _rows(path: Path) -> Iterator[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines)


_LOADERS: Final[tuple[tuple[str, tuple[Callable[[Path], MoodSet], ...]], ...]] = (
    ("emotify", (emotify_sound, emotify_listeners)),
    ("song_annotations", (four_moods,)),
    ("deezer_mood", (deezer_features, deezer_titles, deezer_mixed)),
    ("zh_lyrics", (zh_built_in, zh_ontology)),
)
