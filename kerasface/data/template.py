"""The one crop every data set is brought to: where eyes and mouth fall, and how to cut it.

All training sets, and the faces a detector finds, are cut so that the middle of the eyes and the
middle of the mouth fall on the same two places of a square crop (`TEMPLATE`). A network that sees
several sets then cannot tell them apart by their framing, and what it learned on one holds for the
next. `recipes/face_zoo/measure_template.py` prints the figures behind every number here.

FER2013's pictures have 48 x 48 pixels and nothing around them, so the template takes their scale;
its height lies midway between FER2013's framing and that of UTKFace and FairFace, so that none of
the three needs more than 6 % of its crop made up. What lies outside a picture is filled with its
mirror image, which looks more like a face's surroundings than black bars do.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from kerasface.data.alignment import face_alignment

SIZE = 48  # pixels of the crop's side

# Middle of the eyes and of the mouth in the crop, (x, y) as fractions of its side.
EYES = (0.5, 0.343)
MOUTH = (0.5, 0.738)

# Left eye, right eye (as the viewer sees them), nose tip, left and right corner of the mouth:
# medians over the sets after their boxes, made symmetric.
POINTS = ((0.313, 0.343), (0.687, 0.343), (0.5, 0.563), (0.338, 0.738), (0.662, 0.738))

# MTCNN's face box in the crop (left, top, right, bottom): medians over the sets.
DETECTOR_BOX = (0.1, -0.065, 0.9, 0.995)

TEMPLATE = {"size": SIZE, "eyes": EYES, "mouth": MOUTH, "points": POINTS}

# The crop of each set's pictures: (left, top, right, bottom), fractions of width and height.
# FER2013's is a shift by exactly two of its pixels, so that nothing is resampled. LFW's tight
# crops end below the mouth: taken whole they show a face 1.33 times the template's size, the
# measured box (-0.167, -0.091, 1.167, 1.244) would mirror a second mouth into every picture.
SET_BOXES = {
    "fer2013": (0.0, 2 / 48, 1.0, 50 / 48),
    "utkface": (-0.005, -0.057, 1.005, 0.953),
    "fairface": (0.002, -0.044, 0.998, 0.951),
    "celeba": (-0.13, 0.054, 1.13, 1.013),
    "ck48": (0.009, 0.059, 0.991, 1.041),
    "lfw": (0.0, 0.0, 1.0, 1.0),
}

# A crop takes at most this many times its picture's pixels, or a megapixel of a small one: a box
# past it cannot be a face's, and would cost gigabytes.
_LARGEST_SHARE, _ALWAYS_ALLOWED = 4, 1_000_000
# A turned crop is first made this many times finer, so that turning does not blur it.
_SUPERSAMPLING = 2
# A crop of more pixels is cut from a picture that was first reduced, to so many times its size.
_LARGE_CROP, _REDUCING_GAP = 4_000_000, 8
_FARTHEST = 20  # and begins no farther off than this many of the picture's longer sides


def box_to_template(eyes, mouth, aspect: float = 1.0) -> tuple[float, float, float, float]:
    """Crop box, in fractions of a picture, that puts eyes and mouth on the template.

    Args:
        eyes: (x, y) of the middle of the eyes, fractions of the picture's width and height.
        mouth: (x, y) of the middle of the mouth, the same way; below the eyes.
        aspect: width of the picture divided by its height.

    Returns:
        `(left, top, right, bottom)` as fractions; square in pixels; may reach past the picture.
    """
    side = (mouth[1] - eyes[1]) / (MOUTH[1] - EYES[1])
    left = (eyes[0] + mouth[0]) / 2 - 0.5 * side / aspect
    top = eyes[1] - EYES[1] * side
    return tuple(round(v, 3) for v in (left, top, left + side / aspect, top + side))


def crop_box(image: np.ndarray, box_fractions=(0.0, 0.0, 1.0, 1.0), size: int = SIZE) -> np.ndarray:
    """Cuts a box out of a picture and brings it to a square, smoothed where it shrinks.

    Args:
        image: `(height, width, 3)` uint8, RGB 0..255.
        box_fractions: `(left, top, right, bottom)` as fractions of width and height, such as a
            row of `SET_BOXES`; may reach past the picture, which is mirrored there.
        size: pixels of the crop's side.

    Returns:
        `(size, size, 3)` uint8.

    Raises:
        ValueError: the picture is not such an array, or the box is empty, not finite or far
            larger than the picture.

    Example:
        >>> picture = np.zeros((64, 64, 3), np.uint8)
        >>> crop_box(picture, SET_BOXES["utkface"]).shape
        (48, 48, 3)
    """
    height, width = _picture(image).shape[:2]
    left, top, right, bottom = (float(v) for v in box_fractions)
    return _cut(image, (left * width, top * height, right * width, bottom * height), size)


def crop_from_box(image: np.ndarray, box, size: int = SIZE, template=POINTS) -> np.ndarray:
    """Cuts the template's square around a face box of a detector.

    Args:
        image: `(height, width, 3)` uint8, RGB 0..255.
        box: `(left, top, width, height)` in pixels, as MTCNN draws it: from above the forehead
            to the chin. The box's height sets the scale, its middle the place.
        size: pixels of the crop's side.
        template: as `crop_from_points`. For another than `POINTS` the face is taken to have its
            points where upright faces have them in such a box.

    Returns:
        `(size, size, 3)` uint8.

    Raises:
        ValueError: as `crop_box`.
    """
    _picture(image)
    left, top, side = square_of_box(box)
    if not np.array_equal(template, POINTS):
        return crop_from_points(image, np.asarray(POINTS) * side + (left, top), size, template)
    return _cut(image, (left, top, left + side, top + side), size)


def square_of_box(box) -> tuple[float, float, float]:
    """The template's square around a face box of a detector.

    Args:
        box: as `crop_from_box`.

    Returns:
        `(left, top, side)` in pixels.
    """
    x, y, width, height = (float(v) for v in box)
    side = height / (DETECTOR_BOX[3] - DETECTOR_BOX[1])
    left = x + width / 2 - side * (DETECTOR_BOX[0] + DETECTOR_BOX[2]) / 2
    return left, y - side * DETECTOR_BOX[1], side


def crop_from_points(image: np.ndarray, points, size: int = SIZE, template=POINTS) -> np.ndarray:
    """Turns, scales and shifts a face so that its five points come to lie on the template's.

    The transform is that of `kerasface.data.alignment.face_alignment`. A face that fills many
    pixels is shrunk with smoothing first, so that nothing aliases.

    Args:
        image: `(height, width, 3)` uint8, RGB 0..255.
        points: `(5, 2)` pixels, (x, y): left eye and right eye as the viewer sees them, nose tip,
            left and right corner of the mouth.
        size: pixels of the crop's side.
        template: `(5, 2)`, where they are to fall, as shares of the crop's side.

    Returns:
        `(size, size, 3)` uint8.

    Raises:
        ValueError: as `crop_box`, or the points are not finite or fall on one another.
    """
    _picture(image)
    crop_to_picture = face_alignment(points, np.asarray(template, float) * size)
    scale = math.hypot(crop_to_picture[0, 0], crop_to_picture[1, 0])
    image, factor = _reduced(image, scale * size, size)
    crop_to_picture, scale = crop_to_picture / factor, scale / factor
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], float)
    corners = corners @ crop_to_picture.T
    left, top = np.floor(corners.min(axis=0)) - 1
    right, bottom = np.ceil(corners.max(axis=0)) + 1
    region = _region(image, left, top, right, bottom)
    fine = size * _SUPERSAMPLING
    shrink = max(1.0, scale / _SUPERSAMPLING)
    small = (round(region.width / shrink), round(region.height / shrink))
    ratio = np.array([small[0] / region.width, small[1] / region.height])
    region = region.resize(small, Image.Resampling.BILINEAR)
    matrix = np.column_stack([crop_to_picture[:, :2], crop_to_picture[:, 2] - (left, top)])
    coefficients = tuple((matrix * ratio[:, None] / (_SUPERSAMPLING, _SUPERSAMPLING, 1)).ravel())
    crop = region.transform(
        (fine, fine), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    return np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR))


def _picture(image) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            "a picture must be a uint8 array (height, width, 3). "
            f"Received: {image.dtype} of shape {image.shape}"
        )
    return image


def _cut(image, box, size) -> np.ndarray:
    left, top, right, bottom = box
    if not all(map(math.isfinite, box)) or right <= left or bottom <= top:
        raise ValueError(f"a crop box must be finite and not empty. Received: {tuple(box)} pixels")
    image, factor = _reduced(image, right - left, size)
    left, top, right, bottom = (value / factor for value in box)
    x, y = math.floor(left), math.floor(top)
    region = _region(image, x, y, math.ceil(right), math.ceil(bottom))
    inside = (left - x, top - y, right - x, bottom - y)
    crop = region.resize((size, size), Image.Resampling.BILINEAR, box=inside)
    return np.asarray(crop)


def _reduced(image: np.ndarray, side: float, size: int) -> tuple[np.ndarray, int]:
    """A picture whose crops would take much memory, made smaller by means of whole blocks.

    Returns:
        The picture, and by what its pixels were divided: 1 for crops of up to 4 million pixels.
    """
    height, width = image.shape[:2]
    most = _LARGEST_SHARE * height * width + _ALWAYS_ALLOWED  # past it `_region` refuses
    factor = int(side / (size * _REDUCING_GAP)) if _LARGE_CROP < side * side <= most else 1
    factor = min(factor, height, width)
    if factor <= 1:
        return image, 1
    return np.asarray(Image.fromarray(image).reduce(factor)), factor


def _region(image, left, top, right, bottom) -> Image.Image:
    """Whole pixels of a picture, mirrored (edge pixel repeated) where they lie outside it."""
    height, width = image.shape[:2]
    area = (right - left) * (bottom - top)
    far = max(abs(left), abs(top), right - left, bottom - top) > _FARTHEST * max(height, width, 48)
    if far or area > _LARGEST_SHARE * height * width + _ALWAYS_ALLOWED:
        raise ValueError(
            f"a crop must lie near its picture of {width} x {height} pixels. "
            f"Received: left={left}, top={top}, right={right}, bottom={bottom}"
        )
    rows = _mirrored(np.arange(int(top), int(bottom)), height)
    columns = _mirrored(np.arange(int(left), int(right)), width)
    return Image.fromarray(np.ascontiguousarray(image[rows][:, columns]))


def _mirrored(index: np.ndarray, length: int) -> np.ndarray:
    index = index % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
