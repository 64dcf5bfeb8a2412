"""Which earlier frame an image of a GIF is drawn over, as Chromium has it."""

from __future__ import annotations

from gifbench.media.gif.blocks import ImageBlock


def required_frames(images: list[ImageBlock], width: int, height: int) -> list[int | None]:
    """For each image the number of the frame that it is drawn over, None where it is drawn over an empty screen.

    So Chromium has it (Skia, `SkFrameHolder::setAlphaAndRequiredFrame`). It makes a difference only where an image
    lacks data: what it leaves undrawn is then see-through or shows that frame, and what needs it cannot be shown.
    """
    screen = (0, 0, width, height)
    places = [_on_screen(image, width, height) for image in images]
    required: list[int | None] = []
    for number, image in enumerate(images):
        covers = image.transparent is None and places[number] == screen
        before = None if number == 0 or covers else _last_that_stays(images, number)
        if before is not None and images[before].disposal == 2:
            before = None if places[before] == screen or required[before] is None else before
        if image.transparent is None:
            while before is not None and _contains(places[number], places[before]):
                before = required[before]
        required.append(before)
    return required


_Place = tuple[int, int, int, int]
"""Left, top, right and bottom."""


def _last_that_stays(images: list[ImageBlock], number: int) -> int | None:
    """The last image before `number` after which the screen is not put back as it was."""
    return next((before for before in range(number - 1, -1, -1) if not images[before].restores), None)


def _on_screen(image: ImageBlock, width: int, height: int) -> _Place:
    place = image.left, image.top, min(image.left + image.width, width), min(image.top + image.height, height)
    return place if place[0] < place[2] and place[1] < place[3] else (0, 0, 0, 0)


def _contains(outer: _Place, inner: _Place) -> bool:
    if inner[0] >= inner[2] or outer[0] >= outer[2]:
        return False
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]
