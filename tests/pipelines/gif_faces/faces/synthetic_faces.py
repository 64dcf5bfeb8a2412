"""Generated frames with bright squares for faces, and a detector that finds them."""

from __future__ import annotations

import cv2
import numpy as np
from gifbench_pipelines.gif_faces.faces.detector import Box, Detection


class BrightSquares:
    """Finds bright areas at least 20 pixels wide: an honest detector for generated frames, which counts its work."""

    name = "bright"
    pixels = "gray"

    def __init__(self):
        self.pixels_searched = 0

    def detect(self, image, *, upsample=0):
        assert image.ndim == 2 and image.flags["C_CONTIGUOUS"]
        self.pixels_searched += image.size * 4**upsample
        _, _, stats, _ = cv2.connectedComponentsWithStats((image > 127).astype(np.uint8), connectivity=4)
        faces = [
            Detection(Box(int(left), int(top), int(left + width), int(top + height)))
            for left, top, width, height, _ in stats[1:]
            if width >= 20
        ]
        return sorted(faces, key=lambda each: -each.box.area)


def frame_with(*boxes, width=320, height=240):
    """Draw bright boxes on black."""
    frame = np.zeros((height, width), np.uint8)
    for box in boxes:
        frame[box.top : box.bottom, box.left : box.right] = 255
    return frame


def moving(num_frames, *, start=(60, 60), step=(1, 0), side=50):
    """Give the boxes of a face that moves steadily."""
    return [
        Box(
            start[0] + i * step[0], start[1] + i * step[1], start[0] + i * step[0] + side, start[1] + i * step[1] + side
        )
        for i in range(num_frames)
    ]
