"""Faces in real pictures, through the real models."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from catalog.vocabularies import to_point
from device.channels import LatestSlot
from device.cli import main
from device.config import FaceSettings
from device.readings import Box, FaceReading, FacesInView, Frame, frozen
from device.sensing.face import FaceReader, FaceWorker, area_weighted, make_detector
from device.sensing.face.crop import grey_crop, quality
from device.sensing.face.detector import MODEL, Detection, FaceDetector, overlap
from device.sensing.pictures import BUILTIN, Picture, builtin_picture, read_picture
from models_tflite.labels import EXPRESSIONS
from models_tflite.runtime import ModelError
from tests.data_folder import data_folder

HAPPY, SAD = EXPRESSIONS.index("happy"), EXPRESSIONS.index("sad")


@pytest.fixture(scope="module", name="portrait")
def _portrait() -> Picture:
    return read_picture(BUILTIN)


@pytest.fixture(scope="module", name="detector", params=["litert", "mediapipe"])
def _detector(request: pytest.FixtureRequest) -> Iterator[FaceDetector]:
    with closing(make_detector(FaceSettings(detector=request.param))) as detector:
        yield detector


@pytest.fixture(scope="module", name="plain")
def _plain() -> FaceDetector:
    return make_detector(FaceSettings(detector="litert"))


def shown(portrait: Picture, face_px: float, at: tuple[int, int] = (300, 200)) -> Picture:
    """Return a 640x480 view with the portrait's face ``face_px`` high (it is 104 px there)."""
    scale = face_px / 104
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    view = np.full((480, 640, 3), 90, np.uint8)
    height, width = min(small.shape[0], 480 - at[1]), min(small.shape[1], 640 - at[0])
    view[at[1] : at[1] + height, at[0] : at[0] + width] = small[:height, :width]
    return view


@pytest.mark.parametrize("face_px", [200, 104, 60, 48, 40, 35, 30, 25])
def test_a_face_is_found_near_and_far(
    portrait: Picture, detector: FaceDetector, face_px: int
) -> None:
    """35 px is a person beyond 1.5 m before a 640x480 webcam with 65 degrees of view."""
    at = (20, 0) if face_px == 200 else (300, 200)
    faces = detector.detect(shown(portrait, face_px, at))
    assert len(faces) == 1
    found = faces[0]
    scale = face_px / 104
    assert found.box.x_px + found.box.width_px / 2 == pytest.approx(
        at[0] + 225 * scale, abs=0.08 * face_px
    )
    assert found.box.y_px + found.box.height_px / 2 == pytest.approx(
        at[1] + 119 * scale, abs=0.08 * face_px
    )
    assert found.score > 0.6
    assert found.box.height_px == pytest.approx(104 * scale, rel=0.12)
    right_eye, left_eye, nose, mouth = found.keypoints[:4]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < mouth[1]


def test_both_ways_of_driving_the_model_agree(portrait: Picture, detector: FaceDetector) -> None:
    view = shown(portrait, 104)
    one, other = (way.detect(view)[0] for way in (make_detector(FaceSettings()), detector))
    assert overlap(one.box, other.box) > 0.9
    assert np.abs(one.keypoints - other.keypoints).max() < 5


def test_a_far_face_in_any_corner_is_found(portrait: Picture, plain: FaceDetector) -> None:
    for at in [(0, 0), (480, 0), (0, 300), (480, 300), (240, 150)]:
        (face,) = plain.detect(shown(portrait, 35, at))
        assert face.box.x_px + face.box.width_px / 2 == pytest.approx(at[0] + 76, abs=4)
        assert face.box.y_px + face.box.height_px / 2 == pytest.approx(at[1] + 40, abs=4)


def test_patterns_are_no_faces(detector: FaceDetector) -> None:
    """Coloured noise of natural spectra: one glance alone takes some of it for far faces."""
    rng = np.random.default_rng(5)
    seen = sum(bool(detector.detect(clouds(rng, slope))) for slope in np.linspace(0.3, 1.8, 10))
    assert seen == 0


def clouds(rng: np.random.Generator, slope: float) -> Picture:
    """Return 640x480 noise whose amplitude falls with frequency to the power of ``slope``."""
    spectrum = np.fft.rfft2(rng.normal(size=(480, 640, 3)), axes=(0, 1))
    frequency = np.hypot(np.fft.fftfreq(480)[:, None], np.fft.rfftfreq(640)[None])
    frequency[0, 0] = 1
    waves = np.fft.irfft2(spectrum / (frequency**slope)[..., None], axes=(0, 1))
    levels = 120 + 50 * (waves - waves.mean()) / waves.std()
    return np.asarray(np.clip(levels, 0, 255), np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (5, 400), (400, 5), (48, 48), (1080, 1920)])
def test_any_size_of_picture_is_searched(
    portrait: Picture, plain: FaceDetector, shape: tuple[int, int]
) -> None:
    picture = np.asarray(cv2.resize(portrait, shape[::-1]), np.uint8)
    assert isinstance(plain.detect(picture), list)


def test_an_empty_room_holds_no_face(detector: FaceDetector) -> None:
    assert detector.detect(np.full((480, 640, 3), 120, np.uint8)) == []


def test_a_missing_or_damaged_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run `make setup`"):
        make_detector(FaceSettings(), tmp_path / "none.tflite")
    damaged = tmp_path / "face.tflite"
    content = bytearray(MODEL.read_bytes())
    content[300_000] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        make_detector(FaceSettings(), damaged)
    with pytest.raises(ModelError, match="damaged"):
        make_detector(FaceSettings(detector="mediapipe"), damaged)


def test_the_libraries_keep_quiet(
    detector: FaceDetector, capfd: pytest.CaptureFixture[str]
) -> None:
    make_detector(FaceSettings()).detect(np.zeros((480, 640, 3), np.uint8))
    detector.detect(np.zeros((480, 640, 3), np.uint8))
    assert capfd.readouterr().err == ""


def test_the_portrait_smiles(portrait: Picture, plain: FaceDetector) -> None:
    reader = FaceReader(FaceSettings(), plain)
    view = reader.read(Frame(0, 0.0, shown(portrait, 120)))
    (face,) = view.faces
    assert EXPRESSIONS[int(face.probabilities.argmax())] == "happy"
    assert face.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert face.quality > 0.7
    assert (view.frame_width_px, view.frame_height_px) == (640, 480)


@pytest.mark.parametrize("angle_deg", [-30, -20, 20, 30])
def test_a_tilted_head_is_set_upright(
    portrait: Picture, plain: FaceDetector, angle_deg: float
) -> None:
    """The box of a tilted face is smaller, so the crops are alike, not the same."""
    turn = cv2.getRotationMatrix2D((225, 119), angle_deg, 1)
    tilted = np.asarray(cv2.warpAffine(portrait, turn, (512, 512)), np.uint8)
    found = plain.detect(tilted)[0]
    box = found.box
    untouched = tilted[round(box.y_px) :, round(box.x_px) :]
    untouched = untouched[: round(box.height_px), : round(box.width_px)]
    grey = cv2.cvtColor(untouched, cv2.COLOR_BGR2GRAY)
    as_it_is = np.asarray(cv2.resize(grey, (48, 48)), np.uint8)
    upright = grey_crop(portrait, plain.detect(portrait)[0])
    assert alike(upright, grey_crop(tilted, found)) > alike(upright, as_it_is) + 0.1
    reading = FaceReader(FaceSettings(), plain).read(Frame(0, 0.0, tilted)).faces[0]
    assert EXPRESSIONS[int(reading.probabilities.argmax())] == "happy"


def alike(one: Picture, other: Picture) -> float:
    """Return the correlation of two pictures."""
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


@pytest.mark.parametrize("spoil", ["dark", "blur", "small"])
def test_a_poor_picture_has_a_poor_quality(
    portrait: Picture, plain: FaceDetector, spoil: str
) -> None:
    found = plain.detect(portrait)[0]
    good = quality(grey_crop(portrait, found), found)
    if spoil == "dark":
        bad = (portrait * 0.12).astype(np.uint8)
    elif spoil == "blur":
        bad = np.asarray(cv2.GaussianBlur(portrait, (0, 0), 9), np.uint8)
    else:
        bad = shown(portrait, 30)
        found = plain.detect(bad)[0]
    assert quality(grey_crop(bad, found), found) < 0.6 * good


def test_several_faces_are_read_in_one_call_the_largest_first(
    portrait: Picture, plain: FaceDetector
) -> None:
    view = shown(portrait, 110, (0, 0))
    view[200:, 360:] = shown(portrait, 60, (0, 0))[:280, :280]
    faces = FaceReader(FaceSettings(), plain).read(Frame(0, 0.0, view)).faces
    assert len(faces) == 2
    assert faces[0].box.area_px > 2 * faces[1].box.area_px


def a_reading(expression: int, side_px: float, quality: float = 1.0) -> FaceReading:
    shares = np.zeros(7, np.float32)
    shares[expression] = 1
    return FaceReading(
        0.0, Box(0, 0, side_px, side_px), frozen(np.zeros((6, 2), np.float32)),
        frozen(shares), quality,
    )  # fmt: skip


def test_faces_are_pooled_by_area_and_quality() -> None:
    view = FacesInView(0.0, (a_reading(HAPPY, 200), a_reading(SAD, 100)), 640, 480)
    pooled = area_weighted(view)
    assert pooled is not None
    assert pooled.probabilities[HAPPY] == pytest.approx(0.8)
    assert pooled.confidence == pytest.approx(1)
    blurred = FacesInView(0.0, (a_reading(HAPPY, 200, 0.1), a_reading(SAD, 100, 1.0)), 640, 480)
    pooled = area_weighted(blurred)
    assert pooled is not None
    assert pooled.probabilities[SAD] > 0.6
    assert pooled.confidence < 0.35
    assert area_weighted(FacesInView(0.0, (), 640, 480)) is None
    assert area_weighted(FacesInView(0.0, (a_reading(HAPPY, 100, 0.0),), 640, 480)) is None


def test_an_expression_fades_in_and_a_new_person_begins_anew(
    portrait: Picture, plain: FaceDetector
) -> None:
    happy = shown(portrait, 120)
    # The same place covered by a face without features: a flat grey mouth.
    other = happy.copy()
    other[330:360, 320:420] = 128
    reader = FaceReader(FaceSettings(neutral_s=0, smoothing_s=2.0), plain)
    first = reader.read(Frame(0, 0.0, happy)).faces[0].probabilities[HAPPY]
    changed = plain.detect(other)
    if changed:
        soon = reader.read(Frame(1, 0.1, other)).faces[0].probabilities[HAPPY]
        assert abs(soon - first) < 0.25
    fresh = FaceReader(FaceSettings(neutral_s=0, smoothing_s=2.0), plain)
    direct = fresh.read(Frame(0, 0.0, happy)).faces[0].probabilities
    again = reader.read(Frame(2, 0.2, happy, opening=5)).faces[0].probabilities
    assert np.allclose(direct, again, atol=1e-5), "nothing of the last person is left"


class GivenFaces:
    """A detector that finds faces where it is told to."""

    def __init__(self, *lefts_px: float) -> None:
        marks = np.array([[30, 40], [70, 40], [50, 60], [50, 80], [10, 50], [90, 50]], np.float32)
        self._found = [
            Detection(Box(left, 50, 100, 100), frozen(marks + np.array([left, 50], np.float32)), 1)
            for left in lefts_px
        ]

    def detect(self, picture: Picture) -> list[Detection]:
        return self._found

    def close(self) -> None: ...


def test_two_faces_cheek_to_cheek_are_two_people(portrait: Picture) -> None:
    view = np.full((200, 300, 3), 90, np.uint8)
    face = cv2.resize(portrait[60:170, 175:285], (100, 100))
    view[50:150, 50:150], view[50:150, 160:210] = face, face[:, ::-2]
    settings = FaceSettings(neutral_s=0, smoothing_s=0)
    both, left, right = (
        FaceReader(settings, GivenFaces(*lefts)).read(Frame(0, 0.0, view)).faces
        for lefts in ((50, 110), (50,), (110,))
    )
    assert overlap(both[0].box, both[1].box) > 0.2
    assert not np.allclose(left[0].probabilities, right[0].probabilities, atol=0.05)
    for seen, alone in zip(both, (left[0], right[0]), strict=True):
        assert np.allclose(seen.probabilities, alone.probabilities, atol=1e-4)


def test_half_of_a_resting_look_is_taken_off(portrait: Picture, plain: FaceDetector) -> None:
    """Somebody who looks happy all the time is a little less so than on one picture."""
    picture = shown(portrait, 120)
    shares = {}
    for neutral_s in (0.0, 3.0):
        reader = FaceReader(FaceSettings(neutral_s=neutral_s), plain)
        for number in range(20):
            view = reader.read(Frame(number, number / 4, picture))
        shares[neutral_s] = view.faces[0].probabilities
    assert shares[3.0][HAPPY] < shares[0.0][HAPPY] - 0.1
    assert EXPRESSIONS[int(shares[3.0].argmax())] == "happy", "arriving in a mood is no neutral"
    ahead, behind = EXPRESSIONS.index("neutral"), EXPRESSIONS.index("angry")
    odds = [share[ahead] / share[behind] for share in shares.values()]
    assert odds[1] == pytest.approx(odds[0], rel=0.05), "only what leads at rest is taken off"


def test_a_poor_glimpse_hardly_moves_the_reading(portrait: Picture, plain: FaceDetector) -> None:
    clear = shown(portrait, 120)
    blurred = np.asarray(cv2.GaussianBlur(clear, (0, 0), 9), np.uint8)
    reader = FaceReader(FaceSettings(neutral_s=0), plain)
    before = reader.read(Frame(0, 0.0, clear)).faces[0]
    after = reader.read(Frame(1, 0.5, blurred)).faces[0]
    alone = FaceReader(FaceSettings(neutral_s=0), plain).read(Frame(0, 0.0, blurred)).faces[0]
    assert after.quality < 0.5 * before.quality
    moved = np.abs(after.probabilities - before.probabilities).sum()
    assert moved < 0.3 * np.abs(alone.probabilities - before.probabilities).sum()


def test_the_person_on_the_clip_goes_from_sad_to_happy(plain: FaceDetector) -> None:
    capture = cv2.VideoCapture(str(data_folder("face_clip") / "WolfgangLanger_Pexels.mp4"))
    reader = FaceReader(FaceSettings(), plain)
    curve = []
    for number in range(472):
        good, picture = capture.read()
        if good and number % 4 == 0:
            view = reader.read(Frame(number, number / 24, np.asarray(picture, np.uint8)))
            if view.faces:
                curve.append(view.faces[0].probabilities)
    shares = np.array(curve)
    assert len(shares) > 100, "the face is found in nearly every frame"
    before, after = shares[5:35].mean(axis=0), shares[-40:].mean(axis=0)
    assert EXPRESSIONS[int(before.argmax())] == "sad"
    assert before[HAPPY] < 0.15
    assert after[HAPPY] > 0.85
    assert after[SAD] < 0.05
    valences = [to_point("face7", row).valence for row in (before, after)]
    assert valences[0] < -0.15
    assert valences[1] > 0.4
    leaders = shares.argmax(axis=1)
    changes = int((np.diff(leaders) != 0).sum())
    assert changes <= 8, f"the reading flickers: {changes} changes"


def test_the_worker_reads_the_newest_frame_and_forgets_when_told() -> None:
    frames: LatestSlot[Frame] = LatestSlot()
    readings: LatestSlot[FacesInView] = LatestSlot()
    worker = FaceWorker(FaceSettings(detector="litert"), frames, readings)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop, lambda: None), daemon=True)
    thread.start()
    picture = frozen(builtin_picture(640, 480))
    version = 0
    for number in range(3):
        frames.put(Frame(number, float(number), picture))
        version, view = readings.wait_newer(version, 10)
        assert view is not None
        assert view.captured_at == number
        worker.forget()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_face_that_was_being_read_when_its_person_left_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames: LatestSlot[Frame] = LatestSlot()
    readings: LatestSlot[FacesInView] = LatestSlot()
    worker = FaceWorker(FaceSettings(detector="litert"), frames, readings)
    stop, read = threading.Event(), FaceReader.read

    def read_while_the_visit_ends(reader: FaceReader, frame: Frame) -> FacesInView:
        view = read(reader, frame)
        if frame.seq == 0:
            worker.forget()  # As the conductor does, and in this order.
            readings.clear()
        return view

    monkeypatch.setattr(FaceReader, "read", read_while_the_visit_ends)
    thread = threading.Thread(target=worker.run, args=(stop, lambda: None), daemon=True)
    thread.start()
    picture = frozen(builtin_picture(640, 480))
    frames.put(Frame(0, 0.0, picture))
    version, _ = readings.wait_newer(1, 10)  # What was read,
    version, view = readings.wait_newer(version, 2)  # and that it was taken back.
    assert view is None
    frames.put(Frame(1, 1.0, picture))
    _, view = readings.wait_newer(version, 10)
    assert view is not None
    assert view.captured_at == 1.0
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_the_command_prints_faces_and_mood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["face", "analyse", str(BUILTIN), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    (face,) = result["faces"]
    assert set(face["probabilities"]) == set(EXPRESSIONS)
    assert len(face["box"]) == 4
    assert result["mood"]["label"]
    empty = tmp_path / "wall.png"
    cv2.imwrite(str(empty), np.full((200, 200, 3), 120, np.uint8))
    assert main(["face", "analyse", str(empty), str(BUILTIN), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["faces"], first["mood"]) == ([], None)
    assert second["faces"]
    assert main(["face", "analyse", str(BUILTIN)]) == 0
    assert "happy" in capsys.readouterr().out


def test_the_name_of_a_picture_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, damaged = tmp_path / "\x1b[2Jwall.png", tmp_path / "\x1b[2Jtorn.png"
    cv2.imwrite(str(empty), np.full((200, 200, 3), 120, np.uint8))
    damaged.write_bytes(b"torn")
    assert main(["face", "analyse", str(empty), str(damaged)]) == 1
    said = capsys.readouterr()
    assert "[2Jwall.png: no face found" in said.out
    assert "[2Jtorn.png" in said.err
    assert "\x1b" not in said.out + said.err


def test_all_of_a_group_are_found_in_a_picture(
    portrait: Picture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = cv2.resize(portrait, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    path = tmp_path / "group.png"
    cv2.imwrite(str(path), np.vstack([np.hstack([small] * 4)] * 3))
    assert main(["face", "analyse", str(path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["faces"]) == 12


@pytest.mark.parametrize("kind", ["grey", "alpha", "deep grey"])
def test_any_kind_of_picture_is_read(
    portrait: Picture, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = tmp_path / "picture.png"
    picture = cv2.cvtColor(portrait, cv2.COLOR_BGR2BGRA if kind == "alpha" else cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(path), picture.astype(np.uint16) * 257 if kind == "deep grey" else picture)
    assert main(["face", "analyse", str(path), "--json"]) == 0
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert face["probabilities"]["happy"] > 0.5


def test_of_several_pictures_the_good_ones_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.png")
    assert main(["face", "analyse", missing, str(BUILTIN), "--json"]) == 1
    captured = capsys.readouterr()
    first, second = json.loads(captured.out)
    assert missing in first["error"]
    assert second["faces"]
    assert captured.err.count("\n") == 1


_PHOTO = BUILTIN.read_bytes()
_SCRATCHED = _PHOTO[:5000] + bytes(byte ^ 0xA5 for byte in _PHOTO[5000:5400]) + _PHOTO[5400:]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no picture", _PHOTO[:200], _PHOTO[: len(_PHOTO) // 2], _SCRATCHED],
    ids=["missing", "empty", "text", "header only", "half", "scratched"],
)
def test_a_bad_picture_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "me.jpg"
    if content is not None:
        path.write_bytes(content)
    assert main(["face", "analyse", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert str(path) in captured.err
