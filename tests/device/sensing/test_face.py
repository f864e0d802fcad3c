"""Faces in real pictures, through the real models."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.channels import LatestSlot
from device.cli import main
from device.config import FaceSettings
from device.readings import Box, FaceReading, FacesInView, Frame, frozen
from device.sensing.camera import BUILTIN, Picture, builtin_picture, read_picture
from device.sensing.face import FaceReader, FaceWorker, area_weighted, make_detector
from device.sensing.face.crop import grey_crop, quality
from device.sensing.face.detector import MODEL, FaceDetector
from models_tflite.labels import EXPRESSIONS
from models_tflite.runtime import ModelError
from tests.data_folder import data_folder

HAPPY, SAD = EXPRESSIONS.index("happy"), EXPRESSIONS.index("sad")


@pytest.fixture(scope="module", name="portrait")
def _portrait() -> Picture:
    return read_picture(BUILTIN)


@pytest.fixture(scope="module", name="detector", params=["litert", "mediapipe"])
def _detector(request: pytest.FixtureRequest) -> FaceDetector:
    return make_detector(FaceSettings(detector=request.param))


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


@pytest.mark.parametrize("face_px", [200, 104, 60, 40, 36])
def test_a_face_is_found_near_and_far(
    portrait: Picture, detector: FaceDetector, face_px: int
) -> None:
    """36 px is a person at about 1.5 m before a 640x480 webcam with 65 degrees of view."""
    at = (20, 0) if face_px == 200 else (300, 200)
    faces = detector.detect(shown(portrait, face_px, at))
    assert len(faces) == 1
    found = faces[0]
    scale = face_px / 104
    assert found.box.x_px + found.box.width_px / 2 == pytest.approx(
        at[0] + 225 * scale, abs=0.15 * face_px
    )
    assert found.box.y_px + found.box.height_px / 2 == pytest.approx(
        at[1] + 119 * scale, abs=0.15 * face_px
    )
    assert found.score > 0.5
    right_eye, left_eye, nose, mouth = found.keypoints[:4]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < mouth[1]


def test_both_ways_of_driving_the_model_agree(portrait: Picture) -> None:
    view = shown(portrait, 104)
    one, other = (
        make_detector(FaceSettings(detector=name)).detect(view)[0].box
        for name in ("litert", "mediapipe")
    )
    for field in ("x_px", "y_px", "width_px", "height_px"):
        assert getattr(one, field) == pytest.approx(getattr(other, field), abs=5)


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
        make_detector(FaceSettings(detector="litert"), damaged)


def test_the_portrait_smiles(portrait: Picture, plain: FaceDetector) -> None:
    reader = FaceReader(FaceSettings(), plain)
    view = reader.read(Frame(0, 0.0, shown(portrait, 120)))
    (face,) = view.faces
    assert EXPRESSIONS[int(face.probabilities.argmax())] == "happy"
    assert face.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert face.quality > 0.7
    assert (view.frame_width_px, view.frame_height_px) == (640, 480)


def test_a_tilted_head_is_set_upright(portrait: Picture, plain: FaceDetector) -> None:
    turn = cv2.getRotationMatrix2D((225, 119), 20, 1)
    tilted = np.asarray(cv2.warpAffine(portrait, turn, (512, 512)), np.uint8)
    upright = grey_crop(portrait, plain.detect(portrait)[0]).astype(float)
    levelled = grey_crop(tilted, plain.detect(tilted)[0]).astype(float)
    assert np.corrcoef(upright.ravel(), levelled.ravel())[0, 1] > 0.8


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
        bad = shown(portrait, 34)
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
    curve_of = np.array(curve)
    third = len(curve_of) // 3
    assert len(curve_of) > 100
    assert curve_of[:third, SAD].mean() > 0.4 > curve_of[:third, HAPPY].mean() * 2
    assert curve_of[-third:, HAPPY].mean() > 0.8


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


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
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
