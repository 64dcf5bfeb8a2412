"""Finding faces and the square around them."""

from .crop import release_crop, square
from .detector import Box, Detection, FaceDetector, TrackingDetector, detector_names, find_detector
from .main_face_tracker import TRACK_RULE, FaceTrack, find_face

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
