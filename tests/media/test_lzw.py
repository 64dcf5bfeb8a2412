"""The LZW compression: exact, legal, and safe with hostile data."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gifbench.errors import PixelsError
from gifbench.media.gif import lzw_decoder, lzw_encoder


def _codes(code_size: int, codes: list[tuple[int, int]]) -> bytes:
    """Image data from (code, width in bits) pairs."""
    bits = shift = 0
    for code, width in codes:
        bits |= code << shift
        shift += width
    data = bits.to_bytes((shift + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    return bytes([code_size]) + blocks + b"\0"


def _decoded(data: bytes, num_pixels: int) -> tuple[int, np.ndarray]:
    """How the decoder ends with image data, and the pixels that it finds."""
    linear = np.empty(lzw_decoder.linear_bound(num_pixels, len(data)), np.uint8)
    size = lzw_decoder.join_blocks(np.frombuffer(data, np.uint8), 1, linear)
    out = np.empty(num_pixels, np.uint8)
    status, filled = lzw_decoder.decode(linear, size, data[0], out)
    assert lzw_decoder.measure(linear, size, data[0], num_pixels) == (status, filled)
    return status, out[:filled]


def _decompress(data: bytes, num_pixels: int) -> np.ndarray:
    status, pixels = _decoded(data, num_pixels)
    assert status == lzw_decoder.FULL
    return pixels


def _plain_decompress(data: bytes, num_pixels: int) -> list[int]:
    """The specification's algorithm on strings, as slow as it is plain."""
    code_size, at, linear = data[0], 1, b""
    while data[at]:
        linear += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    assert at == len(data) - 1
    bits, clear = int.from_bytes(linear, "little"), 1 << code_size
    strings: list[list[int]] = []
    pixels: list[int] = []
    previous: list[int] | None = None
    width = code_size + 1
    while True:
        code, bits = bits & ((1 << width) - 1), bits >> width
        if code == clear:
            strings, previous, width = [[i] for i in range(clear)] + [[], []], None, code_size + 1
            continue
        if code == clear + 1:
            assert len(pixels) == num_pixels and bits == 0
            return pixels
        if previous is not None and len(strings) < 4096:
            strings.append([*previous, (strings[code] if code < len(strings) else previous)[0]])
        previous = strings[code]
        pixels += previous
        if len(strings) == 1 << width and width < 12:
            width += 1


PICTURES = {
    "constant": lambda n, k, rng: np.zeros(n, np.uint8),
    "noise": lambda n, k, rng: rng.integers(0, k, n).astype(np.uint8),
    "runs": lambda n, k, rng: (np.cumsum(rng.random(n) < 0.1) % k).astype(np.uint8),
    "two": lambda n, k, rng: rng.choice([0, k - 1], n).astype(np.uint8),
}


@pytest.mark.parametrize("num_pixels", [1, 2, 5, 1000, 40_000])
@pytest.mark.parametrize("code_size", range(2, 9))
def test_two_images_in_turns_are_what_each_alone_is(code_size, num_pixels):
    rng = np.random.default_rng(num_pixels + code_size)
    one, other = lzw_encoder.Encoder(num_pixels), lzw_encoder.Encoder(num_pixels)
    for first in PICTURES.values():
        for second in PICTURES.values():
            pair = first(num_pixels, 1 << code_size, rng), second(num_pixels, 1 << code_size, rng)
            found = one.encode_with(other, pair, code_size)
            assert [each.tobytes() for each in found] == [lzw_encoder.compress(each, code_size) for each in pair]


def test_in_turns_dictionaries_may_be_full_at_once_and_with_the_last_pixel():
    noise = np.random.default_rng(1).integers(0, 32, 9000).astype(np.uint8)
    one, other = lzw_encoder.Encoder(9000), lzw_encoder.Encoder(9000)
    for num_pixels in range(4000, 9000):  # one of these fills the dictionary
        alone = lzw_encoder.compress(noise[:num_pixels], 5)
        pair = one.encode_with(other, (noise[:num_pixels], noise[:num_pixels]), 5)
        assert [each.tobytes() for each in pair] == [alone, alone]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("code_size", range(2, 9))
def test_what_is_compressed_is_legal_and_comes_back(picture: str, code_size: int) -> None:
    rng = np.random.default_rng(code_size)
    for num_pixels in (1, 2, 3, 5, 61, 254, 255, 256, 1000, 9999, 40_000):
        pixels = PICTURES[picture](num_pixels, 1 << code_size, rng)
        data = lzw_encoder.compress(pixels, code_size)
        assert len(data) <= lzw_encoder.compressed_bound(num_pixels)
        np.testing.assert_array_equal(_decompress(data, num_pixels), pixels)
        assert _plain_decompress(data, num_pixels) == pixels.tolist()


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_pixels_come_back(data: st.DataObject) -> None:
    code_size = data.draw(st.integers(2, 8))
    pixels = np.array(data.draw(st.lists(st.integers(0, (1 << code_size) - 1), min_size=1, max_size=600)), np.uint8)
    np.testing.assert_array_equal(_decompress(lzw_encoder.compress(pixels, code_size), len(pixels)), pixels)


def test_every_code_width_boundary_is_crossed_at_the_end() -> None:
    """The last code and the end code may fall on either side of a growing width."""
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 4, 3000).astype(np.uint8)
    for num_pixels in range(1, 700):
        data = lzw_encoder.compress(pixels[:num_pixels], 2)
        assert _plain_decompress(data, num_pixels) == pixels[:num_pixels].tolist()


def test_the_size_is_near_that_of_pillow() -> None:
    """Pillow keeps a full dictionary differently; on pictures with structure the two stay within some per cent."""
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(0).integers(0, 4, (256, 256))
    indices = ((x * y // 700 + noise) % 32).astype(np.uint8)
    file = io.BytesIO()
    image = Image.fromarray(indices)
    image.putpalette(bytes(range(96)))
    image.save(file, "GIF", optimize=False)
    assert len(lzw_encoder.compress(indices, 5)) < 1.05 * len(file.getvalue())


def test_an_index_too_large_for_the_code_size_is_refused() -> None:
    with pytest.raises(PixelsError, match="index 4 needs more than the 2 bits"):
        lzw_encoder.compress(np.array([0, 4], np.uint8), 2)
    with pytest.raises(PixelsError, match="2 to 8 bits, not 9"):
        lzw_encoder.compress(np.zeros(4, np.uint8), 9)
    with pytest.raises(PixelsError, match="not float32"):
        lzw_encoder.compress(np.zeros(4, np.float32), 2)


def test_a_full_dictionary_without_a_clear_code_is_legal() -> None:
    """Deferred clear codes: after code 4095 everything stays 12 bits wide."""
    rng = np.random.default_rng(3)
    codes, width, new = [(4, 3)], 3, 6
    expected: list[int] = []
    for i in range(6000):
        pixel = int(rng.integers(0, 4))
        codes.append((pixel, width))
        expected.append(pixel)
        if i and new < 4096:
            new += 1
            if new == 1 << width and width < 12:
                width += 1
    codes.append((5, width))
    assert width == 12
    assert _decompress(_codes(2, codes), 6000).tolist() == expected


@pytest.mark.parametrize(
    "codes",
    [
        [(4, 3), (6, 3)],  # the first code after a clear must be a pixel
        [(4, 3), (1, 3), (7, 3)],  # only 6 can be known by then
        [(6, 3)],  # the same without a clear at the beginning
    ],
)
def test_codes_that_cannot_be_are_refused(codes: list[tuple[int, int]]) -> None:
    status, _ = _decoded(_codes(2, codes), 9)
    assert lzw_decoder.IN_WORDS[status] == "hold a code that cannot be"


def test_data_that_stop_early_are_refused() -> None:
    data = lzw_encoder.compress(np.arange(64, dtype=np.uint8) % 4, 2)
    status, pixels = _decoded(data, 65)
    assert lzw_decoder.IN_WORDS[status] == "say that they end" and len(pixels) == 64
    for length in range(1, len(data) - 3):
        status, pixels = _decoded(data[:length], 64)
        assert lzw_decoder.IN_WORDS[status] == "end" and len(pixels) < 64


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.integers(1, 300))
def test_hostile_data_never_leave_the_output(junk: bytes, num_pixels: int) -> None:
    """Whatever the bytes, the decoder writes nothing outside."""
    linear = np.frombuffer(junk + b"\0\0\0\0", np.uint8)
    for code_size in (1, 2, 8, 11):
        memory = np.full(num_pixels + 64, 77, np.uint8)
        status, filled = lzw_decoder.decode(linear, len(junk), code_size, memory[32:-32])
        assert 0 <= filled <= num_pixels
        assert (status == lzw_decoder.FULL) == (filled == num_pixels)
        assert (memory[:32] == 77).all() and (memory[-32:] == 77).all()
