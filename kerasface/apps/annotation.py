"""The answers drawn on the picture they belong to."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kerasface.apps.wording import in_words

FRAME = (255, 214, 10)
LANDMARK = (0, 200, 255)
TEXT = (20, 20, 20)
# Height of the text: a share of the picture's shorter side, within bounds in pixels.
TEXT_SHARE, SMALLEST_TEXT, LARGEST_TEXT = 0.028, 10, 48


def annotate(image: np.ndarray, record: dict) -> Image.Image:
    """Draws each face's box, its points, landmarks that were answered, and answers in words.

    Args:
        image: `(height, width, 3)` uint8, RGB 0..255, upright as `as_picture` gives it.
        record: its record from `analyze`.

    Returns:
        A new Pillow image of the same size.

    Raises:
        ValueError: the record is of a picture of another size.

    Example:
        >>> annotate(np.zeros((60, 80, 3), np.uint8), {"width": 80, "height": 60, "faces": []}).size
        (80, 60)
    """
    height, width = image.shape[:2]
    if (record["width"], record["height"]) != (width, height):
        raise ValueError(
            "the record is of a picture of another size. "
            f"Received: {record['width']} x {record['height']}, picture {width} x {height}"
        )
    picture = Image.fromarray(image).convert("RGB")
    draw = ImageDraw.Draw(picture)
    text_size = min(LARGEST_TEXT, max(SMALLEST_TEXT, round(TEXT_SHARE * min(width, height))))
    font = ImageFont.load_default(text_size)
    line = max(1, text_size // 8)
    for face in record["faces"]:
        left, top, box_width, box_height = face["box"]
        draw.rectangle((left, top, left + box_width, top + box_height), outline=FRAME, width=line)
        for x, y in face["points"] or ():
            draw.ellipse((x - line, y - line, x + line, y + line), fill=FRAME)
        for answer in face["answers"].values():
            for x, y in answer.get("picture_points", ()):
                dot = line / 2
                draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=LANDMARK)
        words = {name: in_words(answer) for name, answer in face["answers"].items()}
        lines = [f"{name}: {text}" for name, text in words.items() if text]
        _label(draw, font, line, face["box"], picture.size, lines)
    return picture


def _label(draw, font, border, box, size, lines) -> None:
    """Writes lines under a box, or above or inside it where there is no room."""
    if not lines:
        return
    text = "\n".join(lines)
    x0, y0, x1, y1 = draw.multiline_textbbox((0, 0), text, font=font)
    width, height = x1 - x0 + 4 * border, y1 - y0 + 4 * border
    left, top, _, box_height = box
    bottom = top + box_height
    if bottom + height <= size[1]:
        y = bottom
    elif top - height >= 0:
        y = top - height
    else:
        y = max(0, size[1] - height)
    x = min(max(0, left), max(0, size[0] - width))
    draw.rectangle((x, y, x + width, y + height), fill=FRAME)
    draw.multiline_text((x - x0 + 2 * border, y - y0 + 2 * border), text, font=font, fill=TEXT)
