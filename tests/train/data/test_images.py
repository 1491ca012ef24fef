"""Image files of every kind, upright and fitted; damaged ones are named."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from striate.errors import DataError
from striate.layers.shape import Shape
from striate.train.data.images import fit_array, read_image, shape_of

NOISE = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)
# Smooth, so that lossy formats and resampling stay near it.
SLOPE = np.stack(np.broadcast_arrays(np.arange(48)[:, None] * 5, np.arange(40) * 6, 90), axis=2)
SLOPE = SLOPE.astype(np.uint8)


def written(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_colour_keeps_its_pixels(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", Image.fromarray(NOISE))
    assert np.array_equal(read_image(path), NOISE)
    assert np.array_equal(read_image(str(path), Shape(48, 40, 3)), NOISE)
    assert shape_of(path) == Shape(48, 40, 3)


def test_grey_becomes_three_equal_channels_or_stays_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", Image.fromarray(NOISE[..., 0]))
    assert np.array_equal(read_image(path, Shape(48, 40, 1)), NOISE[..., :1])
    assert np.array_equal(read_image(path), np.repeat(NOISE[..., :1], 3, axis=2))
    assert shape_of(path) == Shape(48, 40, 1)


def test_colour_becomes_luma(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", Image.fromarray(NOISE))
    found = read_image(path, Shape(48, 40, 1)).astype(float)
    assert np.abs(found[..., 0] - NOISE @ [0.299, 0.587, 0.114]).max() <= 1


def test_palette_and_black_and_white(tmp_path: Path) -> None:
    palette = Image.fromarray(NOISE).quantize(16)
    found = read_image(written(tmp_path / "p.png", palette))
    assert np.array_equal(found, np.asarray(palette.convert("RGB")))
    bits = Image.fromarray(NOISE[..., 0] > 127)
    assert bits.mode == "1"
    found = read_image(written(tmp_path / "b.png", bits), Shape(48, 40, 1))
    assert np.array_equal(found[..., 0], np.where(NOISE[..., 0] > 127, 255, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "palette"])
def test_transparent_pixels_lie_over_white(tmp_path: Path, mode: str) -> None:
    if mode == "palette":
        image = Image.new("P", (4, 3), 0)
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.putpixel((0, 0), 1)
        path = written(tmp_path / "a.png", image, transparency=0)
    else:
        image = Image.new("RGBA", (4, 3), (10, 20, 30, 0))
        image.putpixel((0, 0), (200, 100, 50, 255))
        path = written(tmp_path / "a.png", image.convert(mode))
    found = read_image(path)
    assert (found[1:] == 255).all()
    assert found[0, 0].tolist() == ([124] * 3 if mode == "LA" else [200, 100, 50])


def test_half_transparent_is_blended_with_white(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", Image.new("RGBA", (2, 2), (100, 0, 255, 128)))
    assert read_image(path)[0, 0].tolist() == pytest.approx([177, 127, 255], abs=1)


def test_sixteen_bits_keep_the_high_byte(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256, 0x1234], [0x7FFF, 0x8000, 0xFF00, 0xFFFF]], np.uint16)
    for name in ("a.png", "a.tif"):
        found = read_image(written(tmp_path / name, Image.fromarray(values)), Shape(2, 4, 1))
        assert np.array_equal(found[..., 0], values >> 8)
    assert shape_of(tmp_path / "a.png") == Shape(2, 4, 1)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (255, 0, 0, 0)), quality=95)
    assert read_image(path)[8, 8].tolist() == pytest.approx([0, 255, 255], abs=4)


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = written(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert read_image(path)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    # What a camera stores for the upright image: the inverse of what the reader must do.
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x),
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: np.rot90(x, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](SLOPE)))
    path = written(tmp_path / "a.jpg", stored, exif=exif, quality=95)
    found = read_image(path)
    assert found.shape == SLOPE.shape
    assert np.abs(found.astype(int) - SLOPE).max() < 16
    assert shape_of(path) == Shape(48, 40, 3)


def test_the_shorter_side_fits_and_the_centre_is_kept(tmp_path: Path) -> None:
    image = np.zeros((8, 20, 3), np.uint8)
    image[:, 5:15] = 200
    path = written(tmp_path / "a.png", Image.fromarray(image))
    assert (read_image(path, Shape(8, 8, 3)) == 200).all()
    assert (read_image(path, Shape(4, 4, 3)) == 200).all()
    wide = read_image(path, Shape(4, 10, 3))
    assert wide[:, :2].max() == 0
    assert wide[:, 4:6].min() == 200


def test_a_large_jpeg_decoded_small_is_near_the_full_one(tmp_path: Path) -> None:
    smooth = np.asarray(Image.fromarray(SLOPE).resize((640, 768), Image.Resampling.BICUBIC))
    path = written(tmp_path / "a.jpg", Image.fromarray(smooth), quality=95)
    found = read_image(path, Shape(48, 40, 3)).astype(int)
    assert np.abs(found - SLOPE).mean() < 2


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 30),
    width=st.integers(1, 30),
    shape=st.builds(Shape, st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3])),
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.float32]),
)
def test_any_array_fits_any_shape(
    height: int, width: int, shape: Shape, channels: int, dtype: type
) -> None:
    flat = np.full((height, width, channels), 77, dtype)
    found = fit_array(flat, shape)
    assert found.shape == (shape.height, shape.width, shape.channels)
    assert found.dtype == dtype
    assert found == pytest.approx(np.full(found.shape, 77), abs=1e-3)


def test_arrays_and_files_are_fitted_alike(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", Image.fromarray(NOISE))
    shape = Shape(20, 10, 3)
    assert np.array_equal(fit_array(NOISE, shape), read_image(path, shape))
    floats = fit_array(NOISE.astype(np.float32), shape)
    assert np.abs(floats - read_image(path, shape)).max() < 1.5


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_truncated_files_are_found_by_both_readers(tmp_path: Path, kind: str) -> None:
    content = encoded(kind)
    for length in (0, 20, len(content) // 3, len(content) - 30):
        path = tmp_path / f"{length}.img"
        path.write_bytes(content[:length])
        for reader in (read_image, shape_of):
            with pytest.raises(DataError) as caught:
                reader(path)
            assert str(caught.value).startswith(f"{path}: ")


def test_a_jpeg_with_bytes_behind_its_end_is_whole(tmp_path: Path) -> None:
    for extra in (b"maker notes", bytes(100_000), b"\xff\xda and so on"):
        path = tmp_path / "a.jpg"
        path.write_bytes(encoded("JPEG") + extra)
        assert shape_of(path) == Shape(48, 40, 3)


def test_a_jpeg_cut_behind_its_thumbnail_is_not_whole(tmp_path: Path) -> None:
    exif = b"Exif\0\0" + encoded("JPEG")[:2000] + b"\xff\xd9"
    content = encoded("JPEG", exif=exif)
    path = tmp_path / "a.jpg"
    path.write_bytes(content[:-400])
    with pytest.raises(DataError, match=r"a\.jpg: damaged image: "):
        shape_of(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no image", "not an image that can be read"),
        (b"", "not an image that can be read"),
        (encoded("PNG")[:3000], "damaged image: image file is truncated"),
    ],
)
def test_words_for_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert str(caught.value) == f"{path}: {message}"


def test_words_for_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "none.png")
    assert str(caught.value) == f"{tmp_path / 'none.png'}: no such file"
    with pytest.raises(DataError) as caught:
        read_image(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"


def test_decompression_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.png", Image.fromarray(NOISE))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    for reader in (read_image, shape_of):
        with pytest.raises(DataError) as caught:
            reader(path)
        assert str(caught.value) == f"{path}: too large: an image may have at most 1,800 pixels"


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/null")):
        for reader in (read_image, shape_of):
            with pytest.raises(DataError) as caught:
                reader(path)
            assert str(caught.value) == f"{path}: not a regular file"


def test_floating_point_images_and_odd_channels_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", Image.fromarray(np.ones((2, 2), np.float32)))
    for reader in (read_image, shape_of):
        with pytest.raises(DataError) as caught:
            reader(path)
        assert str(caught.value) == (
            f"{path}: holds floating-point values; save it with 8 or 16 bits a channel"
        )
    with pytest.raises(DataError) as caught:
        read_image(path, Shape(2, 2, 4))
    assert str(caught.value) == f"{path}: images are read with 1 or 3 channels, the net has 2x2x4"
