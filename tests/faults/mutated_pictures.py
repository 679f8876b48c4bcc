"""Pictures that nobody should send: whole ones, damaged in every way, the same for a seed."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

FORMS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = (".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".txt", "")


def encoded(image, form="PNG", **more):
    buffer = io.BytesIO()
    image.save(buffer, form, **more)
    return buffer.getvalue()


def noise(rng, *shape):
    return Image.fromarray(rng.integers(0, 256, shape, np.uint8))


def whole(rng):
    """A sound picture of 20 to 80 pixels a side, of any form."""
    image = noise(rng, *rng.integers(20, 81, 2), 3)
    form = FORMS[rng.integers(len(FORMS))]
    more = {"progressive": True} if form == "JPEG" and rng.random() < 0.5 else {}
    return encoded(image, form, **more)


def truncated(rng):
    data = whole(rng)
    return data[: rng.integers(0, len(data))]


def flipped(rng):
    data = np.frombuffer(whole(rng), np.uint8).copy()
    for _ in range(rng.integers(1, 9)):
        data[rng.integers(len(data))] ^= np.uint8(1 << rng.integers(8))
    return data.tobytes()


def damaged_header(rng):
    data = np.frombuffer(whole(rng), np.uint8).copy()
    data[rng.integers(0, min(64, len(data)), 6)] = rng.integers(0, 256, 6)
    return data.tobytes()


def spliced(rng):
    one, other = whole(rng), whole(rng)
    return one[: rng.integers(len(one))] + other[rng.integers(len(other)) :]


def foreign(rng):
    return rng.bytes(rng.integers(0, 200))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_header(rng):
    """A PNG of some bytes that claims up to 2^31 pixels a side."""
    sides = (int(rng.integers(7_000, 2**31)) for _ in range(2))
    head = struct.pack(">IIBBBBB", *sides, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"\0" * 99)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def nothing(rng):
    """0 pixels high or wide, which a header may say."""
    head = struct.pack(">IIBBBBB", 0, int(rng.integers(2)), 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IEND", b"")


def one_pixel(rng):
    return encoded(noise(rng, 1, 1, 3), FORMS[rng.integers(len(FORMS))])


def sixteen_bits(rng):
    values = rng.integers(0, 65536, (30, 20), np.uint16)
    return encoded(Image.fromarray(values), ("PNG", "TIFF")[rng.integers(2)])


def cmyk(rng):
    return encoded(noise(rng, 30, 20, 4).convert("CMYK"), ("JPEG", "TIFF")[rng.integers(2)])


def animated(rng):
    frames = [noise(rng, 24, 24, 3) for _ in range(4)]
    form = ("GIF", "WEBP", "PNG")[rng.integers(3)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:])


def exif_bomb(rng):
    """A block of directories that point anywhere, also to themselves, and lie about their size."""
    count = int(rng.integers(1, 2000))
    rows = b"".join(
        struct.pack(
            "<HHII",
            *rng.choice([0x0112, 0x8769, 0x8825, 0x010F, 0x9286]).reshape(1).tolist(),
            int(rng.integers(0, 14)),
            int(rng.choice([1, 2**16, 2**32 - 1])),
            int(rng.choice([8, 0, 2**32 - 1, rng.integers(65_000)])),
        )
        for _ in range(min(count, 4000))
    )
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, count) + rows + struct.pack("<I", 8)
    return encoded(noise(rng, 20, 20, 3), "JPEG", exif=block[:65_000])


def scan_bomb(rng):
    data = encoded(noise(rng, 40, 40, 3), "JPEG", progressive=True)
    return data[:-2] + data[data.rfind(b"\xff\xda") : -2] * int(rng.integers(1, 400)) + data[-2:]


def wide(rng):
    """A legal bomb: some kilobytes that are millions of pixels of one grey."""
    width, height = (int(side) for side in rng.integers(1000, 7000, 2))
    if rng.random() < 0.3:
        return encoded(Image.fromarray(np.zeros((height, width), np.uint16)), compress_level=1)
    return encoded(Image.new("L", (width, height), int(rng.integers(256))), compress_level=1)


def odd_array(rng):
    """Arrays with NaN, of another dtype or rank, empty, or strips that are no crop of a face."""
    return (
        np.full((30, 30, 3), np.nan, np.float32),
        np.full((30, 30, 3), np.inf),
        rng.normal(size=(20, 20, 3)),
        np.zeros((0, 20, 3), np.uint8),
        np.zeros((20, 20, 2), np.uint8),
        np.zeros((5,), np.uint8),
        np.array(None, object),
        np.zeros((1, 400, 3), np.uint8),
        rng.integers(0, 256, (30, 30, 4), np.uint8),
    )[rng.integers(9)]


# What a kind is called in the report, its maker, and how many of each hundred are of it.
KINDS = {
    "truncated": (truncated, 16),
    "bits flipped": (flipped, 18),
    "header overwritten": (damaged_header, 14),
    "two files spliced": (spliced, 8),
    "no picture at all": (foreign, 4),
    "huge header": (huge_header, 6),
    "0 pixels": (nothing, 2),
    "1 pixel": (one_pixel, 3),
    "16-bit": (sixteen_bits, 4),
    "CMYK": (cmyk, 4),
    "animated": (animated, 4),
    "EXIF bomb": (exif_bomb, 5),
    "scans without end": (scan_bomb, 3),
    "millions of pixels": (wide, 2),
    "arrays": (odd_array, 7),
}


def mutated(count, seed=0):
    """Yields `(kind, suffix, bytes or array)`; the suffix is often of another form.

    Each hundred holds the shares of `KINDS`, and a picture is a function of seed and number.
    """
    order = [kind for kind, (_, share) in KINDS.items() for _ in range(share)]
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        kind = order[number * 37 % len(order)]
        yield kind, SUFFIXES[rng.integers(len(SUFFIXES))], KINDS[kind][0](rng)
