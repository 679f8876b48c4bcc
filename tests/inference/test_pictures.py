"""Every form in which people hand over a picture comes out as the same pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasface.data.decode import ImageError
from kerasface.inference.pictures import as_list, as_picture, name_of


def encoded(image, form="PNG", **more):
    buffer = io.BytesIO()
    image.save(buffer, form, **more)
    return buffer.getvalue()


def test_all_forms_agree(picture, photo):
    pillow = Image.fromarray(picture)
    content = encoded(pillow)
    for source in (photo, str(photo), content, bytearray(content), pillow, picture):
        np.testing.assert_array_equal(as_picture(source), picture)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA", "I;16", "YCbCr", "HSV"])
def test_pillow_images_of_any_mode(mode):
    pixels = as_picture(Image.new(mode, (7, 5)))
    assert pixels.shape == (5, 7, 3) and pixels.dtype == np.uint8


def test_arrays_of_one_three_and_four_channels(picture):
    grey = picture[..., 0]
    np.testing.assert_array_equal(as_picture(grey), np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(as_picture(grey[..., None]), as_picture(grey))
    half = np.dstack([picture, np.full(grey.shape, 51, np.uint8)])  # a fifth of it over white
    np.testing.assert_allclose(as_picture(half), picture * 0.2 + 255 * 0.8, atol=0.51)


def test_pillow_image_is_turned_upright():
    """EXIF orientation 6: the camera was turned, so width and height change places."""
    image = Image.new("RGB", (8, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.open(io.BytesIO(encoded(image, "JPEG", exif=exif)))
    assert as_picture(turned).shape == (8, 4, 3)


def jpeg_cut_short(size):
    return encoded(Image.effect_noise((90, 90), 50), "JPEG")[:size]


@pytest.mark.parametrize(
    "source",
    [
        Image.open(io.BytesIO(jpeg_cut_short(700))),
        Image.open(io.BytesIO(encoded(Image.new("CMYK", (90, 90)), "JPEG")[:700])),
        Image.open(io.BytesIO(encoded(Image.effect_noise((90, 90), 50))[:2000])),
    ],
)
def test_pillow_images_that_do_not_decode(source):
    """Opened from a damaged file, and not read until we do."""
    with pytest.raises(ImageError, match="Pillow image of mode") as caught:
        as_picture(source)
    assert "\n" not in str(caught.value)


def test_pillow_image_with_a_broken_exif_block():
    """Its pixels are sound, and nothing says that it was turned."""
    content = encoded(Image.new("RGB", (8, 4)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert as_picture(Image.open(io.BytesIO(content))).shape == (4, 8, 3)


@pytest.mark.parametrize(
    "source",
    [
        None,
        3,
        b"not a picture",
        "no/such/file.jpg",
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        Image.new("F", (3, 3)),
    ],
)
def test_what_is_no_picture_is_one_line(source):
    with pytest.raises(ImageError) as error:
        as_picture(source)
    assert "\n" not in str(error.value)


def test_one_picture_several_and_a_batch(picture):
    assert as_list("photo.jpg") == ["photo.jpg"]
    assert len(as_list(picture)) == 1
    assert len(as_list(np.stack([picture] * 3))) == 3
    assert as_list(["a.jpg", picture])[0] == "a.jpg"
    assert len(as_list(Image.fromarray(picture))) == 1
    assert as_list(None) == [None]


def test_names_are_paths(photo):
    assert name_of(photo) == str(photo)
    assert name_of(b"bytes") is None
