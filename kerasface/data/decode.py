"""Safe decoding: header first, then pixels, always 8-bit in the mode the model wants.

A picture comes from outside, so its header is read and judged before any pixel is decoded (a
47 kB file can ask for gigabytes), only still-image formats are tried, and whatever is wrong with
it becomes one `ImageError` line. Nothing here ever stands in for a picture that did not decode.
"""

import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image

from kerasface.data.pixels import ImageError, upright_pixels
from kerasface.data.table import FaceTable

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
# A progressive JPEG passes over all its pixels once a scan, and a scan may be 14 bytes: a file
# within the limits could take a day. Encoders write 10 or so.
MAX_SCANS = 64
SCAN = b"\xff\xda"
# Pictures above this are decoded one at a time, whatever the threads: up to 7 bytes a pixel each.
LARGE_PIXELS = 4_000_000
CHUNK = 512  # pictures in flight in `decode_all`; bounds its memory


_large_picture = threading.Lock()


def decode_image(
    source: str | os.PathLike | bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    mode: str = "RGB",
) -> np.ndarray:
    """Decodes one picture to 8-bit pixels, turned upright by its EXIF orientation.

    16-bit grey is scaled to 8, CMYK and palettes are converted, transparent parts are laid over
    white, and of an animation the first frame is taken. Takes up to 7 bytes of memory a pixel.

    Args:
        source: path of a file, or its content.
        max_bytes: largest file that is opened.
        max_pixels: largest width x height that is decoded; half of it for WebP and progressive
            JPEG, whose decoders hold the picture several times.
        mode: "RGB" or "L" (grey).

    Returns:
        uint8 array of shape `(height, width, 3)`, or `(height, width)` for mode "L".

    Raises:
        ImageError: missing, no regular file, empty, too large, not a picture, cut short, of too
            many scans or of an unknown mode.
        ValueError: `mode` is neither "RGB" nor "L".

    Example:
    >>> buffer = io.BytesIO()
    >>> Image.new("L", (4, 3), 200).save(buffer, "PNG")
    >>> decode_image(buffer.getvalue()).shape
    (3, 4, 3)
    """
    with decoding(source, max_bytes=max_bytes, max_pixels=max_pixels, mode=mode) as pixels:
        return pixels


@contextmanager
def decoding(
    source: str | os.PathLike | bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    mode: str = "RGB",
) -> Iterator[np.ndarray]:
    """The pixels of `decode_image` for a block that makes something small of them, such as a crop.

    Threads that decode pictures of more than 4 million pixels wait for each other until the end
    of the block, so that a folder of huge pictures takes no more memory than one of them.

    Yields:
        What `decode_image` returns; drop it when the block ends.

    Raises:
        ImageError: as `decode_image`.
        ValueError: `mode` is neither "RGB" nor "L".
    """
    if mode not in ("RGB", "L"):
        raise ValueError(f'mode must be "RGB" or "L". Received: mode={mode!r}')
    name = "image bytes" if isinstance(source, bytes) else _printable(os.fspath(source))
    data = _read(source, name, max_bytes)
    with _opened(data, name) as picture:
        _check_header(picture, data, name, max_pixels)
        large = picture.width * picture.height > LARGE_PIXELS
        with _large_picture if large else nullcontext():
            with _named_errors(name):
                pixels = upright_pixels(picture, mode, name)
            picture.close()  # it holds as much again
            del picture, data
            yield pixels


def decode_row(table: FaceTable, index: int, *, mode: str = "RGB") -> np.ndarray:
    """Pixels of row `index` of a table, whether it holds a path or an array.

    Returns:
        uint8 array of shape `(height, width, 3)`, or `(height, width)` for mode "L".

    Raises:
        ImageError: the file cannot be used, or the array is not uint8 with 1, 3 or 4 channels.
    """
    with _decoded_row(table, index, mode) as pixels:
        return pixels


@contextmanager
def _decoded_row(table: FaceTable, index: int, mode: str) -> Iterator[np.ndarray]:
    image = table.rows[index].image
    if isinstance(image, str):
        with decoding(Path(table.root) / image, mode=mode) as pixels:
            yield pixels
    else:
        yield _decoded_array(image, table.name_of(index), mode)


def _decoded_array(image: np.ndarray, name: str, mode: str) -> np.ndarray:
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
    return upright_pixels(Image.fromarray(pixels), mode, name)


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
            with _decoded_row(table, index, mode) as pixels:
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
            # A pipe would keep us waiting for whoever writes to it.
            if not stat.S_ISREG(os.stat(source).st_mode):
                raise ImageError(f"{name}: cannot be read: not a regular file")
            with open(source, "rb") as file:
                data = file.read(max_bytes + 1)
        except ImageError:
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or _one_line(error)
            raise ImageError(f"{name}: cannot be read: {reason}") from error
    if not data:
        raise ImageError(f"{name}: the file is empty")
    if len(data) > max_bytes:
        raise ImageError(f"{name}: more than the {max_bytes} bytes allowed")
    return data


@contextmanager
def _named_errors(name: str):
    """Decoders raise a dozen types on hostile files; all mean the same."""
    try:
        yield
    except ImageError:
        raise
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name}: not a picture in a known format {FORMATS}") from error
    except Exception as error:
        raise ImageError(f"{name}: cannot be decoded: {_one_line(error)}") from error


def _opened(data: bytes, name: str) -> Image.Image:
    with _named_errors(name):
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_header(picture: Image.Image, data: bytes, name: str, max_pixels: int) -> None:
    """Judges a picture of which nothing but the header was read.

    Raises:
        ImageError: too many pixels or scans.
    """
    width, height = picture.size
    heavy = picture.format == "WEBP" or "progressive" in picture.info
    allowed = max_pixels // 2 if heavy else max_pixels
    if width * height > allowed:
        kind = f" in such a {picture.format}" if heavy else ""
        raise ImageError(f"{name}: {width} x {height} pixels are more than {allowed} allowed{kind}")
    # Within coded pixels 0xFF is always followed by 0 or a restart, so what is counted are scans.
    scans = data.count(SCAN) if picture.format in ("JPEG", "MPO") else 0
    if scans > MAX_SCANS:
        raise ImageError(f"{name}: {scans} scans are more than {MAX_SCANS} allowed")


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _printable(name: str) -> str:
    """A path as text that any terminal and file takes: names may hold line ends or bad UTF-8."""
    name = name if isinstance(name, str) else os.fsdecode(name)
    return name if name.isprintable() else repr(name)[1:-1]
