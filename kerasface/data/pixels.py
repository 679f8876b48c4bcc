"""From an opened picture to upright 8-bit pixels, in little memory."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255
STRIP_PIXELS = 2_000_000  # converted at once


class ImageError(ValueError):
    """A picture that cannot be used; the message is one line that names the file."""


def upright_pixels(picture: Image.Image, mode: str, name: str) -> np.ndarray:
    """The pixels of an opened picture, converted some rows at a time.

    So there is never a second picture in memory: 4 bytes a pixel of Pillow's and 3 of the result.

    Args:
        picture: of any mode; its pixels need not be loaded yet.
        mode: "RGB" or "L".
        name: what errors call it.

    Returns:
        `(height, width, 3)` or, for "L", `(height, width)` uint8, turned by the EXIF orientation.

    Raises:
        ImageError: pixels of no known scale.
        Exception: whatever Pillow's decoders raise on a damaged file.
    """
    picture.load()
    turn = _orientation(picture)
    width, height = picture.size
    rows = max(1, STRIP_PIXELS // max(width, 1))
    if rows >= height:
        return _turned(np.array(_to_mode(picture, mode, name)), turn)
    pixels = np.empty((height, width, 3) if mode == "RGB" else (height, width), np.uint8)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        pixels[top : top + rows] = _to_mode(strip, mode, name)
    return _turned(pixels, turn)


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where a broken EXIF block says nothing."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged block raises many types and holds no pixels
        return 1


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels as the camera was held."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _to_mode(picture: Image.Image, mode: str, name: str) -> Image.Image:
    """An 8-bit picture of `mode` from any mode that Pillow decodes to."""
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(f"{name}: integer pixels outside 0 to 65535")
        scaled = (values + SIXTEEN_TO_EIGHT_BITS // 2) // SIXTEEN_TO_EIGHT_BITS
        picture = Image.fromarray(scaled.astype(np.uint8))
    elif picture.mode == "F":
        raise ImageError(f"{name}: floating-point pixels have no known scale")
    elif "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture)
    return picture if picture.mode == mode else picture.convert(mode)
