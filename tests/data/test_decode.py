"""Pictures of every kind come out as 8-bit RGB; broken and hostile ones as one line."""

import io
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from kerasface.data import decode, pixels
from kerasface.data.decode import ImageError, decode_all, decode_image, decode_row
from kerasface.data.table import FaceRow, FaceTable, ReadReport


def encoded(picture, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width, height) -> bytes:
    """A PNG of a few bytes that claims to be `width` x `height`."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_grey_becomes_three_equal_channels():
    pixels = decode_image(encoded(Image.new("L", (5, 4), 77)))
    assert pixels.shape == (4, 5, 3) and pixels.dtype == np.uint8
    assert (pixels == 77).all()


def test_grey_mode_gives_two_dimensions():
    assert decode_image(encoded(Image.new("RGB", (5, 4), (9, 9, 9))), mode="L").shape == (4, 5)


def test_one_bit_becomes_black_and_white():
    assert (decode_image(encoded(Image.new("1", (2, 2), 1))) == 255).all()


def test_alpha_is_laid_over_white():
    """Half-transparent black over white: 255 * (1 - 128 / 255) = 127."""
    clear = decode_image(encoded(Image.new("RGBA", (2, 2), (10, 20, 30, 0))))
    half = decode_image(encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 128))))
    grey = decode_image(encoded(Image.new("LA", (2, 2), (0, 0))))
    assert (clear == 255).all() and (grey == 255).all()
    assert abs(half.astype(int) - 127).max() <= 1


def test_palette_with_and_without_transparency():
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 10, 20, 0, 0, 255])
    picture.putdata([0, 1])
    assert decode_image(encoded(picture))[0].tolist() == [[200, 10, 20], [0, 0, 255]]
    over_white = decode_image(encoded(picture, transparency=0))
    assert over_white[0].tolist() == [[255, 255, 255], [0, 0, 255]]


def test_cmyk_jpeg():
    pixels = decode_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert abs(pixels[4, 4].astype(int) - [255, 0, 0]).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_cut(kind):
    """65535 is white and 32896 = 128 * 257 is 128; cutting at 255 would make both white."""
    values = np.array([[0, 32896, 65535]], np.uint16)
    pixels = decode_image(encoded(Image.fromarray(values), kind))
    assert pixels[0, :, 0].tolist() == [0, 128, 255]


def test_numbers_without_a_scale_are_refused():
    wide = np.array([[0, 70000]], np.int32)
    with pytest.raises(ImageError, match="outside 0 to 65535"):
        decode_image(encoded(Image.fromarray(wide), "TIFF"))
    with pytest.raises(ImageError, match="no known scale"):
        decode_image(encoded(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))


@pytest.mark.parametrize("turn, corner", [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_exif_orientation_is_honoured(turn, corner):
    """A white top-left corner lands where the camera's turn puts it."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = turn
    upright = decode_image(encoded(Image.fromarray(pixels), "JPEG", exif=exif, quality=95))
    assert upright.shape[:2] == ((16, 32) if turn in (1, 3) else (32, 16))
    assert upright[corner].min() > 240


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_is_pillow_s(turn, rng):
    exif = Image.Exif()
    exif[0x0112] = turn
    data = encoded(Image.fromarray(rng.integers(0, 256, (6, 9, 3), np.uint8)), "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode_image(data), expected)


@pytest.mark.parametrize("kind", ["L", "P", "RGBA", "LA", "I;16", "CMYK", "1"])
def test_some_rows_at_a_time_is_the_same(kind, rng, monkeypatch):
    """Large pictures are converted in strips; here of 2 rows, the last one of 1."""
    noise = Image.fromarray(rng.integers(0, 256, (7, 5, 4), np.uint8))
    form = "JPEG" if kind == "CMYK" else "PNG"
    if kind == "I;16":
        picture = Image.fromarray(rng.integers(0, 65536, (7, 5), np.uint16))
    else:
        picture = (noise if kind in ("RGBA", "LA") else noise.convert("RGB")).convert(kind)
    more = {"transparency": 3} if kind == "P" else {}
    data = encoded(picture, form, **more)
    whole = decode_image(data)
    monkeypatch.setattr(pixels, "STRIP_PIXELS", 10)
    np.testing.assert_array_equal(decode_image(data), whole)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_cost_the_picture():
    data = encoded(Image.new("RGB", (8, 8), (50, 60, 70)), "JPEG", exif=b"Exif\0\0II*\0garbage")
    assert decode_image(data).shape == (8, 8, 3)


def test_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_truncated_files_are_errors_and_never_half_black(kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(ImageError):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"\0", b"not a picture", b"\xff\xd8\xff", b"GIF89a"])
def test_empty_and_foreign_bytes_are_errors(data):
    with pytest.raises(ImageError):
        decode_image(data)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8_000, 10_000, 60_000])
def test_huge_headers_are_refused_before_decoding(side):
    with pytest.raises(ImageError, match="pixels"):
        decode_image(png_header(side, side))


def test_limits_are_settable_and_named(tmp_path):
    path = tmp_path / "wide.png"
    Image.new("RGB", (20, 10)).save(path)
    with pytest.raises(ImageError, match=r"wide.png: 20 x 10 pixels are more than 100 allowed"):
        decode_image(path, max_pixels=100)
    with pytest.raises(ImageError, match=r"wide.png: more than the 10 bytes allowed"):
        decode_image(path, max_bytes=10)


@pytest.mark.parametrize("kind", ["WEBP", "progressive"])
def test_decoders_that_hold_a_picture_several_times_get_half(kind):
    more = {"progressive": True} if kind == "progressive" else {}
    form = "JPEG" if more else kind
    data = encoded(Image.new("RGB", (10, 10)), form, **more)
    assert decode_image(data, max_pixels=200).shape == (10, 10, 3)
    with pytest.raises(
        ImageError, match=f"10 x 10 pixels are more than 99 allowed in such a {form}"
    ):
        decode_image(data, max_pixels=199)


def test_a_jpeg_of_scans_without_end_is_refused():
    """Each scan of 14 bytes passes over all pixels: 20 MB of them would take a day."""
    data = encoded(Image.new("RGB", (16, 16)), "JPEG", progressive=True)
    scan = data[data.rfind(decode.SCAN) : -2]
    few = decode.MAX_SCANS - data.count(decode.SCAN)
    assert decode_image(data[:-2] + few * scan + data[-2:]).shape == (16, 16, 3)
    with pytest.raises(ImageError, match="65 scans are more than 64 allowed"):
        decode_image(data[:-2] + (few + 1) * scan + data[-2:])


def test_large_pictures_are_in_memory_one_at_a_time(monkeypatch):
    """Four threads want four of them; a block that holds one keeps the others waiting."""
    monkeypatch.setattr(decode, "LARGE_PIXELS", 99)
    data = encoded(Image.new("L", (10, 10)))
    inside, most, together = [], [], threading.Barrier(4)

    def work():
        together.wait()
        with decode.decoding(data) as found:
            inside.append(found.shape)
            most.append(len(inside))
            threading.Event().wait(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_no_picture(tmp_path):
    """Opening one would wait for whoever writes to it."""
    os.mkfifo(tmp_path / "face.jpg")
    with pytest.raises(ImageError, match="face.jpg: cannot be read: not a regular file"):
        decode_image(tmp_path / "face.jpg")


@pytest.mark.parametrize("name", ["two\nlines.png", "bad\udcff.png", "\x1b[31mred.png"])
def test_names_are_shown_as_text_of_one_line(name):
    with pytest.raises(ImageError) as caught:
        decode_image(name)
    assert str(caught.value).isprintable() and "No such file" in str(caught.value)


def test_errors_are_one_line_with_the_file(tmp_path):
    for name, content in {"empty.jpg": b"", "bad.png": png_header(9, 9)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ImageError) as caught:
            decode_image(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)
    for path in (tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(ImageError, match="cannot be read"):
            decode_image(path)


def test_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="Received: mode='HSV'"):
        decode_image(b"", mode="HSV")


def table_of(root, *images):
    return FaceTable(Path(root), [FaceRow(image, {}) for image in images], ReadReport("demo"))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_rows_hold_arrays_too(shape):
    pixels = np.full(shape, 255, np.uint8)
    assert decode_row(table_of(".", pixels), 0).shape == (4, 5, 3)
    assert decode_row(table_of(".", pixels), 0, mode="L").shape == (4, 5)


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), "u1")]
)
def test_arrays_that_are_no_pictures_are_errors(pixels):
    with pytest.raises(ImageError, match="row 0"):
        decode_row(table_of(".", pixels), 0)


def test_a_whole_table_decodes_in_order_and_reports_what_does_not(tmp_path):
    for number in range(5):
        Image.new("L", (4, 4), number * 10).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"broken")
    table = table_of(tmp_path, *(f"{number}.png" for number in range(6)))
    results = list(decode_all(table, lambda pixels, index: pixels[:2, :2], workers=2))
    assert [index for index, _ in results] == [0, 1, 3, 4]
    assert [int(pixels[0, 0, 0]) for _, pixels in results] == [0, 10, 30, 40]
    assert results[0][1].shape == (2, 2, 3)
    assert table.report.skipped == {"picture cannot be used": 2}
    assert "2.png" in str(table.report) and "5.png" in str(table.report)


def test_blank_pictures_may_be_left_out():
    face = np.arange(16, dtype=np.uint8).reshape(4, 4)
    table = table_of(".", np.zeros((4, 4), np.uint8), face)
    assert [index for index, _ in decode_all(table, skip_blank=True)] == [1]
    assert "blank" in str(table.report)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_damaged_bytes_give_a_picture_or_an_image_error(kind):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
    whole = np.frombuffer(encoded(noise, kind), np.uint8)
    for _ in range(60):
        damaged = whole.copy()
        places = rng.integers(0, len(whole), 4)
        damaged[places] = rng.integers(0, 256, 4)
        try:
            pixels = decode_image(damaged.tobytes(), max_pixels=10_000)
        except ImageError as error:
            assert "\n" not in str(error)
        else:
            assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
