"""GIF-Faces: talking faces of FaceForensics, cropped to a square (GIF2Video, CVPR 2019, section 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gifbench.builder import Geometry, Recipe, SourceVideo

from .faces.crop import release_crop, square
from .faces.detector import find_detector
from .faces.main_face_tracker import find_face

_PEOPLE = """\
Every clip shows the face of a person, found by `detector={detector}` and cut out with what is around it. The faces are
neither blurred nor changed: the smooth shading of skin is what restoration is measured on. No name, age or other
property of a person is recorded beyond what the locator of the source says, and none was estimated. Nobody was asked
for consent when this dataset was built; what the people in it agreed to is a matter of the sources. Do not use it to
identify people. A clip that has to go is left out of the manifest, and the dataset is built again.
"""


class GifFaces(Recipe):
    """The square around every detection of the clip's main face, enlarged about its center and resized.

    Only the clip's largest face counts, as `find_face` chooses it.
    """

    name = "gif-faces"
    title = "GIF-Faces"
    manifest = "gif-faces"
    rules: ClassVar[Mapping[str, str]] = {
        "no_face": "no face was found in any frame",
        "face_lost": "the face is missing from too many frames",
    }

    detector: Annotated[str, Field(description="what finds faces: a name of the group gifbench.detectors")] = "hog"
    crop: Annotated[
        Literal["paper", "release"],
        Field(
            description="paper: enlarged once, inside the picture; release: as the authors' code cut and squashed it"
        ),
    ] = "paper"
    expand: Annotated[float, Field(gt=0, le=10, description="how much the square is enlarged (crop=paper)")] = 1.5
    size: Annotated[int, Field(ge=8, le=4096, description="the result's width and height, in pixels")] = 256
    max_lost: Annotated[
        float, Field(ge=0, le=1, description="a face lost on a greater share of the frames is rejected as face_lost")
    ] = 0.25

    @classmethod
    def card_sections(cls, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """What the card says of the people in it."""
        return {"Faces and people": _PEOPLE.format(detector=parameters.get("detector", ""))}

    def geometry(self, video: SourceVideo) -> Geometry:
        """Follow the face through every frame, and cut the square out."""
        detector = find_detector(self.detector)
        track = find_face(video.frames(detector.pixels), detector, max_share_lost=self.max_lost)
        width, height = video.info.width, video.info.height
        release = self.crop == "release"
        if release:
            box = release_crop(track.boxes, width=width, height=height)
        else:
            box = square(track.boxes, width=width, height=height, expand=self.expand)
        crop = (box.left, box.top, box.width, box.height)
        return Geometry(crop=crop, width=self.size, height=self.size, filter="four-neighbours" if release else "area")
