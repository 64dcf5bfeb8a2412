"""The detectors of the package `face-recognition`, for those who have it and want its very boxes."""

from __future__ import annotations

import warnings
from typing import Literal

from gifbench import Pixels
from gifbench.errors import MissingExtra, UsageError

from .detector import Box, Detection, check_image


class FaceRecognitionDetector:
    """`face_recognition.face_locations` with the model `hog` (`HogDetector` on RGB) or `cnn` (slow without a GPU)."""

    name = "face-recognition"
    pixels: Literal["gray", "rgb"] = "rgb"

    def __init__(self, *, model: Literal["hog", "cnn"] = "hog") -> None:
        if model not in ("hog", "cnn"):
            raise UsageError(f'face-recognition has the models "hog" and "cnn", not "{model}"')
        self._model = model
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it imports pkg_resources, which warns that it will go
                import face_recognition
        # Where its models or pkg_resources are missing, face_recognition ends the process.
        except (ImportError, SystemExit) as error:
            wanted_for = f"the face detector {self.name}"
            raise MissingExtra("face-recognition", extra="face-recognition", wanted_for=wanted_for) from error
        self._locate = face_recognition.face_locations

    def detect(self, image: Pixels, *, upsample: int = 0) -> list[Detection]:
        """Find the faces of `image`, RGB (H, W, 3) uint8 (gray is taken as three equal channels); no scores are told.

        `face_recognition` gives the last row and column of a face where others give the one after; a `Box` has the
        latter.
        """
        image = check_image(image, pixels=self.pixels)
        height, width = image.shape[:2]
        found = self._locate(image, number_of_times_to_upsample=upsample, model=self._model)
        boxes = [(left, top, min(right + 1, width), min(bottom + 1, height)) for top, right, bottom, left in found]
        return [Detection(Box(*box)) for box in boxes if box[0] < box[2] and box[1] < box[3]]


def cnn() -> FaceRecognitionDetector:
    """Make the detector `face-recognition-cnn`: the same package with its network."""
    return FaceRecognitionDetector(model="cnn")
