"""Whatever people hand over as a picture, as one kind of array."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from kerasface.data.decode import MAX_PIXELS, ImageError, decode_image
from kerasface.data.pixels import upright_pixels

# A scheme of one letter is a drive.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


@dataclass(frozen=True)
class NamedPicture:
    """A picture that is not a file, with what its record shall call it.

    Args:
        name: the record's `image`.
        content: bytes, a Pillow image or an array, or a function without arguments that gives one
            of these when the picture is read, and raises `ImageError` where it cannot.
        time: seconds from the beginning, of a frame of a video.
    """

    name: str | None
    content: Any
    time: float | None = None


def as_picture(source: Any) -> np.ndarray:
    """One picture as upright RGB pixels.

    Args:
        source: path of a file, its content as bytes, a Pillow image, a `NamedPicture`, or a uint8
            array `(height, width)` grey, `(height, width, 1)`, `(height, width, 3)` RGB or
            `(height, width, 4)` RGBA (laid over white).

    Returns:
        `(height, width, 3)` uint8, RGB 0..255.

    Raises:
        ImageError: it is none of these, or does not decode; one line.

    Example:
        >>> as_picture(np.zeros((20, 30), np.uint8)).shape
        (20, 30, 3)
    """
    if isinstance(source, NamedPicture):
        content = source.content
        return as_picture(content() if isinstance(content, Callable) else content)
    if is_address(source):
        raise ImageError(f"addresses are fetched by FaceAnalyzer(allow_urls=True): {source!r}")
    if isinstance(source, (str, os.PathLike)):
        return decode_image(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode_image(bytes(source))
    if isinstance(source, Image.Image):
        return _from_pillow(source)
    if hasattr(source, "__array__"):
        return _from_array(np.asarray(source))
    raise ImageError(
        "a picture is a path, bytes, a Pillow image or a uint8 array. "
        f"Received: {type(source).__name__}"
    )


def as_list(images: Any) -> Iterable[Any]:
    """The pictures meant by one picture, several, or a batch `(n, height, width, channels)`."""
    single = isinstance(
        images, (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, NamedPicture)
    )
    if single or not isinstance(images, (Iterable, Iterator)):
        return [images]
    if hasattr(images, "ndim") and images.ndim != 4:
        return [images]
    return images


def each_picture(images: Any) -> Iterator[Any]:
    """The pictures of `as_list`, and of each folder among them all pictures below it.

    Folders are read as they are come to, in order of their paths. One without a picture is given
    itself, which `as_picture` then refuses.
    """
    for source in as_list(images):
        if isinstance(source, (str, os.PathLike)) and os.path.isdir(source):
            files = picture_files(source)
            first = next(files, None)
            yield source if first is None else first
            yield from files
        else:
            yield source


def picture_files(folder: str | os.PathLike) -> Iterator[str]:
    """Paths of all pictures below a folder, by their suffix, in order; links to folders aside."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from picture_files(entry.path)
        elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
            yield entry.path


def is_address(source: Any) -> bool:
    """Whether it is text such as `https://...`, whatever the scheme."""
    return isinstance(source, str) and _ADDRESS.match(source) is not None


def name_of(source: Any) -> str | None:
    """The path a picture came from, or None where it came as pixels or bytes."""
    if isinstance(source, NamedPicture):
        return source.name
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else None


def _from_pillow(image: Image.Image) -> np.ndarray:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"Pillow image: {image.width} x {image.height} pixels are more than "
            f"{MAX_PIXELS} allowed"
        )
    try:
        # One that was opened and not read yet is decoded here, and may be damaged in any way.
        return upright_pixels(image, "RGB", "Pillow image")
    except ImageError:
        raise
    except Exception as error:  # decoders raise a dozen types on hostile files
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ImageError(f"Pillow image of mode {image.mode!r}: {reason}") from None


def _from_array(array: np.ndarray) -> np.ndarray:
    grey = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    colour = array.ndim == 3 and array.shape[2] in (3, 4)
    if array.dtype != np.uint8 or not (grey or colour) or array.size == 0:
        raise ImageError(
            "an array must be uint8 (height, width[, 1, 3 or 4]), RGB 0..255. "
            f"Received: {array.dtype} of shape {array.shape}"
        )
    if grey:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.shape[2] == 3:
        return array
    opacity = array[..., 3:].astype(np.float32) / 255.0
    return np.rint(array[..., :3] * opacity + 255.0 * (1.0 - opacity)).astype(np.uint8)
