"""The detectors of the package face-recognition; most of this runs where it is installed."""

from __future__ import annotations

import builtins
import importlib
import warnings

import pytest
from gifbench_pipelines.gif_faces.faces.dlib_hog import HogDetector
from gifbench_pipelines.gif_faces.faces.face_recognition import FaceRecognitionDetector
from gifbench_pipelines.gif_faces.faces.main_face_tracker import find_face
from skimage.data import astronaut

from gifbench.errors import MissingExtra, UsageError


@pytest.fixture(scope="module")
def face_recognition():
    if importlib.util.find_spec("face_recognition") is None:
        pytest.skip('the package face-recognition is not installed: pip install "gifbench[face-recognition]"')
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("face_recognition")


def corners(found):
    """Turn top, right, bottom, left, the ends included, into left, top, right, bottom, half-open."""
    return [(left, top, right + 1, bottom + 1) for top, right, bottom, left in found]


@pytest.mark.parametrize("upsample", [0, 1])
def test_its_hog_gives_the_boxes_of_ours(face_recognition, upsample):
    image = astronaut()
    theirs = face_recognition.face_locations(image, number_of_times_to_upsample=upsample, model="hog")
    ours = HogDetector().detect(image, upsample=upsample)
    wrapped = FaceRecognitionDetector().detect(image, upsample=upsample)
    assert theirs or upsample == 0
    assert sorted(corners(theirs)) == sorted(tuple(each.box) for each in ours)
    assert sorted(corners(theirs)) == sorted(tuple(each.box) for each in wrapped)


def test_its_default_call_is_our_exhaustive_search_on_a_talker(face_recognition, clips):
    from gifbench.media.video import decode

    frames = [frame.pixels for frame in decode(clips / "faces" / "grid__bbaf2n.mpg")]
    detector = HogDetector()
    for frame in frames[::15]:
        ours = [tuple(each.box) for each in detector.detect(frame, upsample=1)]
        assert sorted(corners(face_recognition.face_locations(frame))) == sorted(ours)
        assert ours


def test_a_face_can_be_followed_with_it(face_recognition):
    image = astronaut()[:300, 60:360]
    track = find_face([image] * 3, FaceRecognitionDetector())
    assert track.share_lost == 0


def test_an_unknown_model_is_refused():
    with pytest.raises(UsageError, match='the models "hog" and "cnn", not "dnn"'):
        FaceRecognitionDetector(model="dnn")


@pytest.mark.parametrize("failure", [ImportError, SystemExit])
def test_without_the_package_or_its_models_the_message_says_what_to_install(monkeypatch, failure):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "face_recognition":
            raise failure(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r'pip install "gifbench\[face-recognition\]"'):
        FaceRecognitionDetector()
