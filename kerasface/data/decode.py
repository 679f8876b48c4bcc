"""Safe decoding: header first, then pixels, always 8-bit in the mode the model wants.

A picture comes from outside, so its header is read and judged before any pixel is decoded (a
47 kB file can ask for gigabytes), only still-image formats are tried, and whatever is wrong with
it becomes one `ImageError` line. Nothing here ever stands in for a picture that did not decode.
"""

import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kerasface.data.table import FaceTable

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255
CHUNK = 512  # pictures in flight in `decode_all`; bounds its memory


class ImageError(ValueError):
    """A picture that cannot be used; the message is one line that names the file."""


def decode_image(
    source: str | os.PathLike | bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    mode: str = "RGB",
) -> np.ndarray:
    """Decodes one picture to 8-bit pixels, turned upright by its EXIF orientation.

    16-bit grey is scaled to 8, CMYK and palettes are converted, transparent parts are laid over
    white, and of an animation the first frame is taken.

    Args:
        source: path of a file, or its content.
        max_bytes: largest file that is opened.
        max_pixels: largest width x height that is decoded.
        mode: "RGB" or "L" (grey).

    Returns:
        uint8 array of shape `(height, width, 3)`, or `(height, width)` for mode "L".

    Raises:
        ImageError: missing, empty, too large, not a picture, cut short, or of an unknown mode.
        ValueError: `mode` is neither "RGB" nor "L".

    Example:
    >>> buffer = io.BytesIO()
    >>> Image.new("L", (4, 3), 200).save(buffer, "PNG")
    >>> decode_image(buffer.getvalue()).shape
    (3, 4, 3)
    """
    if mode not in ("RGB", "L"):
        raise ValueError(f'mode must be "RGB" or "L". Received: mode={mode!r}')
    name = "image bytes" if isinstance(source, bytes) else os.fspath(source)
    data = _read(source, name, max_bytes)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise ImageError(
                    f"{name}: {width} x {height} pixels are more than {max_pixels} allowed"
                )
            picture.load()
            return np.array(_to_mode(_upright(picture), mode, name))
    except ImageError:
        raise
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name}: not a picture in a known format {FORMATS}") from error
    except Exception as error:  # decoders raise a dozen types on hostile files; all mean the same
        raise ImageError(f"{name}: cannot be decoded: {_one_line(error)}") from error


def decode_row(table: FaceTable, index: int, *, mode: str = "RGB") -> np.ndarray:
    """Pixels of row `index` of a table, whether it holds a path or an array.

    Returns:
        uint8 array of shape `(height, width, 3)`, or `(height, width)` for mode "L".

    Raises:
        ImageError: the file cannot be used, or the array is not uint8 with 1, 3 or 4 channels.
    """
    image = table.rows[index].image
    if isinstance(image, str):
        return decode_image(Path(table.root) / image, mode=mode)
    name = table.name_of(index)
    grey = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1)
    colour = image.ndim == 3 and image.shape[2] in (3, 4)
    if image.dtype != np.uint8 or not (grey or colour) or image.size == 0:
        raise ImageError(
            f"{name}: pixels must be uint8 (height, width[, 1, 3 or 4]). "
            f"Received: dtype={image.dtype}, shape={image.shape}"
        )
    pixels = image[..., 0] if grey and image.ndim == 3 else image
    if mode == "L" and grey:
        return pixels.copy()
    return np.array(_to_mode(Image.fromarray(pixels), mode, name))


def decode_all(
    table: FaceTable,
    transform: Callable[[np.ndarray, int], np.ndarray] | None = None,
    *,
    mode: str = "RGB",
    workers: int | None = None,
    skip_blank: bool = False,
) -> Iterator[tuple[int, np.ndarray]]:
    """Decodes a whole table with threads, in order; a bad picture is a line in its report.

    Args:
        table: rows to decode; `table.report` gains one `skip` for each row that is left out.
        transform: called with (pixels, row index) in the thread, for instance a crop; an
            `ImageError` it raises counts as a bad picture.
        mode: "RGB" or "L".
        workers: number of threads; by default one a core.
        skip_blank: leave out pictures of a single grey or colour, which show no face.

    Yields:
        `(index, pixels)` of each row that decoded, by rising index.
    """

    def work(index: int) -> np.ndarray | ImageError:
        try:
            pixels = decode_row(table, index, mode=mode)
            if skip_blank and (pixels == pixels[:1, :1]).all():
                return ImageError(f"{table.name_of(index)}: blank picture")
            return pixels if transform is None else transform(pixels, index)
        except ImageError as error:
            return error

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for start in range(0, len(table), CHUNK):
            part = range(start, min(start + CHUNK, len(table)))
            for index, result in zip(part, pool.map(work, part), strict=True):
                if isinstance(result, ImageError):
                    table.report.skip("picture cannot be used", str(result))
                else:
                    yield index, result


def _read(source: str | os.PathLike | bytes, name: str, max_bytes: int) -> bytes:
    """The content of `source`, at most `max_bytes` of it ever in memory."""
    if isinstance(source, bytes):
        data = source
    else:
        try:
            with open(source, "rb") as file:
                data = file.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            raise ImageError(f"{name}: cannot be read: {_one_line(error)}") from error
    if not data:
        raise ImageError(f"{name}: the file is empty")
    if len(data) > max_bytes:
        raise ImageError(f"{name}: more than the {max_bytes} bytes allowed")
    return data


def _upright(picture: Image.Image) -> Image.Image:
    """Turned by the EXIF orientation; a broken EXIF block does not cost the picture."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # a damaged EXIF block raises many types and holds no pixels
        return picture


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


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
