"""Follows the faces of a clip from frame to frame, and chooses the one that the clip is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gifbench import Pixels
from gifbench.errors import PixelsError, Rejected, UsageError

from .detector import Box, Detection, FaceDetector, Resizing, TrackingDetector, check_image, hull

LINK_DISTANCE = 0.5
"""How far a face's center may move from where it was last seen, in widths of the wider box, along each axis."""
LINK_RATIO = 1.5
"""How much wider or narrower a face may become from one sight to the next."""

_FOLLOWED = 3
"""Faces that are looked for frame by frame; of more, the ones that were largest so far."""
_COARSE_PIXELS = 200_000
"""A first search of a picture leaves out the small faces, so that it costs what a picture of this many pixels costs."""
_LOOK_AGAIN = 25
"""Frames after which a wider face than those followed is looked for."""
_WIDER = 1.2 * 1.2
"""How much wider than a followed face another one has to be to be looked for: two steps of the detector's pyramid."""
_PATIENCE = 8
"""The longest wait, in frames, between full searches for a face that stays lost: they double from 1 to this."""
_PATIENCE_WITHOUT = 32
"""The same while no face was seen at all: a long video without people should not cost an exhaustive search."""
_GIVEN_UP = 50
"""A lost face is looked for where it was last seen for as many frames as it was found in, at most this many."""
_SETTLE = 4
"""Looks around a large face until its box stays."""
_UNSURE = 0.15
"""Scores that lie closer than this are a tie, if the boxes differ."""


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """The face that a clip is about.

    `boxes[t]` is where it is in frame t, in pixels of the frame, or None where it was not found. `full_searches`
    counts the searches of whole pictures, which are what detection costs beyond the look around the known face.
    """

    boxes: tuple[Box | None, ...]
    full_searches: int

    @property
    def found(self) -> tuple[Box, ...]:
        """The boxes of the frames in which the face was found."""
        return tuple(box for box in self.boxes if box is not None)

    @property
    def share_lost(self) -> float:
        """The share of the frames in which the face was not found, 0 to 1."""
        return 1 - len(self.found) / len(self.boxes)


def find_face(frames: Iterable[Pixels], detector: FaceDetector, *, max_share_lost: float = 0.25) -> FaceTrack:
    """Find the largest face of a clip in each of its frames, holding one frame at a time.

    A face is the same as in an earlier frame if its center moved by at most half the wider box's width since it was
    last seen and its width changed by at most a factor of 1.5. Of all faces so followed, the largest counts: the one
    whose boxes have the greatest sum of areas over the frames; of equals the earlier one.

    `frames` are the clip's in order, gray (H, W) or RGB (H, W, 3), uint8, all of one size; `detector.pixels` says which
    save a conversion. `max_share_lost` is the share of the frames, 0 to 1, on which the face may be lost.

    While no face is known a whole picture is searched: for large faces first, for all (enlarged by two) where there is
    none. Then only the surroundings of the known faces, at the scale where they are about 100 pixels wide. The whole
    picture is searched again when the largest face so far is lost, and ever more rarely while it stays lost (1, 2, 4,
    then 8 frames are left out; up to 32 while no face was seen at all); and every 25 frames for faces that are at
    least 1.44 times as wide as the widest known one. So a second face of the same size that comes later is not seen
    until the first one is lost; it could hardly be the largest.

    Raises `Rejected` with the rule `no_face` where no frame shows a face, and with `face_lost` where the chosen one is
    found in too few; `PixelsError` for no frames or frames of different sizes.
    """
    if not 0 <= max_share_lost <= 1:
        raise UsageError(f"max_share_lost is a share of the frames, 0 to 1, not {max_share_lost}")
    search = _Search(detector)
    for frame in frames:
        search.add(frame)
    if search.num_frames == 0:
        raise PixelsError("a clip needs at least one frame to find a face in, and this one has none")
    if not search.tracks:
        raise Rejected("no_face", value=f"no face in any of {search.num_frames} frames", limit="a face")
    chosen = max(search.tracks, key=lambda track: (track.area, -track.first_frame))
    boxes = tuple(chosen.boxes.get(index) for index in range(search.num_frames))
    track = FaceTrack(boxes, search.full_searches)
    if track.share_lost > max_share_lost:
        value = f"the face is lost on {100 * track.share_lost:.1f}% of {search.num_frames} frames"
        raise Rejected("face_lost", value=value, limit=f"at most {100 * max_share_lost:g}%")
    return track


def same_face(before: Box, now: Box) -> bool:
    """Say whether two boxes may be one face at two sights, by `LINK_DISTANCE` and `LINK_RATIO`."""
    wider, narrower = max(before.width, now.width), min(before.width, now.width)
    return wider <= LINK_RATIO * narrower and _distance(before, now) <= LINK_DISTANCE * wider


@dataclass(slots=True)
class _Track:
    """One face: its boxes by frame, the last of them, and the hull of them all."""

    first_frame: int
    last_frame: int
    last: Box
    hull: Box
    area: int = 0
    boxes: dict[int, Box] = field(default_factory=dict)

    def add(self, index: int, box: Box) -> None:
        self.boxes[index] = self.last = box
        self.last_frame = index
        self.area += box.area
        self.hull = hull((self.hull, box))


class _Search:
    """What is known after the frames so far."""

    def __init__(self, detector: FaceDetector) -> None:
        self.tracks: list[_Track] = []
        self.num_frames = 0
        self.full_searches = 0
        self._detector = detector
        self._quick: TrackingDetector = detector if isinstance(detector, TrackingDetector) else Resizing(detector)
        self._shape: tuple[int, ...] | None = None
        self._wait = 0  # frames until the next full search, if the face stays lost
        self._next_wait = 1
        self._looked_at = 0  # the frame of the last look for wider faces

    def add(self, frame: Pixels) -> None:
        """Look for faces in the next frame, uint8 (H, W) or (H, W, 3); `PixelsError` for another size than before."""
        frame = check_image(frame, pixels=self._detector.pixels)
        if self._shape is None:
            self._shape = frame.shape
        elif frame.shape != self._shape:
            raise PixelsError(f"frame {self.num_frames} has the shape {frame.shape}, those before it {self._shape}")
        index = self.num_frames
        self.num_frames += 1
        alive = [track for track in self.tracks if index - track.last_frame <= min(len(track.boxes), _GIVEN_UP)]
        followed = sorted(alive, key=lambda track: (-track.area, track.first_frame))[:_FOLLOWED]
        for track in followed:
            self._follow(track, frame, index)
        if not followed or followed[0].last_frame < index:
            self._search_again(frame, index, followed[0] if followed else None)
        else:
            self._wait, self._next_wait = 0, 1
            if index - self._looked_at >= _LOOK_AGAIN:
                widest = max(track.last.width for track in followed)
                self._looked_at = index
                self._take(self._large(frame, _WIDER * widest), index)

    def _follow(self, track: _Track, frame: Pixels, index: int) -> None:
        """Look for a known face around where it was; a wider search decides a tie that could widen its hull."""
        near = [each for each in self._quick.detect_near(frame, track.last) if same_face(track.last, each.box)]
        if not near:
            return
        tie = len(near) > 1 and near[0].score - near[1].score < _UNSURE
        if tie and any(hull((track.hull, each.box)) != track.hull for each in near):
            wide = self._wide(frame, min(each.box.width for each in near) / _WIDER)
            near = [each for each in wide if same_face(track.last, each.box)] or near
        box = near[0].box
        if not any(same_face(box, other.last) for other in self.tracks if other.last_frame == index):
            track.add(index, box)

    def _search_again(self, frame: Pixels, index: int, lost: _Track | None) -> None:
        """Search the whole picture, unless that was done in vain a few frames ago."""
        if self._wait > 0:
            self._wait -= 1
            return
        height, width = frame.shape[:2]
        faces: list[Detection] = []
        enlarged = 4 * height * width
        if enlarged > _COARSE_PIXELS:
            # Enlarged by two, the smallest face is 100 pixels wide at most; each step of size takes its share of the
            # cost.
            faces = self._large(frame, 40 * (enlarged / _COARSE_PIXELS) ** 0.5)
        if not faces:
            self.full_searches += 1
            faces = self._detector.detect(frame, upsample=1)
        self._looked_at = index
        before = len(self.tracks)
        self._take(faces, index)
        longest = _PATIENCE if self.tracks else _PATIENCE_WITHOUT
        found = len(self.tracks) > before or (lost is not None and lost.last_frame == index)
        self._wait, self._next_wait = (0, 1) if found else (self._next_wait, min(2 * self._next_wait, longest))

    def _wide(self, frame: Pixels, min_width: float) -> list[Detection]:
        self.full_searches += 1
        return self._quick.detect_wide(frame, min_width=min_width)

    def _large(self, frame: Pixels, min_width: float) -> list[Detection]:
        """Find the large faces, each with the box that a search of all sizes gives it.

        A face that is a little smaller than `min_width` is often found, but in a box too large for it.
        """
        large = []
        for face in self._wide(frame, min_width):
            settled: Detection | None = face
            for _ in range(_SETTLE):
                near = self._quick.detect_near(frame, face.box)
                settled = near[0] if near else None
                if settled is None or settled.box == face.box:
                    break
                face = settled  # noqa: PLW2901
            if settled is not None:
                large.append(settled)
        return large

    def _take(self, faces: list[Detection], index: int) -> None:
        """Give each face to the track that it continues, the nearest first, or begin a new one."""
        for face in sorted(faces, key=lambda each: (-each.box.area, tuple(each.box))):
            if any(same_face(face.box, track.last) for track in self.tracks if track.last_frame == index):
                continue
            fitting = [track for track in self.tracks if track.last_frame < index and same_face(track.last, face.box)]
            if fitting:
                track = min(fitting, key=lambda each: (_distance(each.last, face.box), each.first_frame))
            else:
                track = _Track(index, index, face.box, face.box)
                self.tracks.append(track)
            track.add(index, face.box)


def _distance(one: Box, other: Box) -> float:
    """Give the distance of two boxes' centers in pixels, along the axis where it is greater."""
    across = abs((one.left + one.right) - (other.left + other.right)) / 2
    return max(across, abs((one.top + one.bottom) - (other.top + other.bottom)) / 2)
