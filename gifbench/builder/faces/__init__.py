"""Finding faces and the square around them."""

from gifbench.builder.faces.crop import release_crop, square
from gifbench.builder.faces.detector import (
    Box,
    Detection,
    FaceDetector,
    TrackingDetector,
    detector_names,
    find_detector,
)
from gifbench.builder.faces.tracker import TRACK_RULE, FaceTrack, find_face

__all__ = [
    "TRACK_RULE",
    "Box",
    "Detection",
    "FaceDetector",
    "FaceTrack",
    "TrackingDetector",
    "detector_names",
    "find_detector",
    "find_face",
    "release_crop",
    "square",
]
