"""The shapes that all styles share: head, hair, neck, ears, and the windows of small parts."""

import numpy as np

from kerasface.data.synthetic.anatomy import Face
from kerasface.data.synthetic.canvas import (
    Canvas,
    Window,
    column,
    head_distance,
    height,
    place_along,
)
from kerasface.data.synthetic.landmarks import landmarks68, to_crop
from kerasface.data.synthetic.parameters import FaceParameters

EYES = (slice(36, 42), slice(42, 48))
BROWS = (slice(17, 22), slice(22, 27))
NOSE, MOUTH = slice(27, 36), slice(48, 60)
FAR = 9.0  # head units: farther than any pixel


class Parts:
    """Windows and coverages of the parts of a batch of faces.

    Args:
        canvas: where they are drawn.
        face: curves.
        parameters: of the same faces.
    """

    def __init__(self, canvas: Canvas, face: Face, parameters: FaceParameters):
        points = landmarks68(face)
        self.canvas, self.face = canvas, face
        self.whole = canvas.whole()
        self.eyes = [canvas.around(points[:, eye], 0.075) for eye in EYES]
        self.brows = [canvas.around(points[:, brow], 0.06) for brow in BROWS]
        self.nose = canvas.around(points[:, NOSE], 0.05)
        self.mouth = canvas.around(points[:, MOUTH], 0.05)
        self.folds = [self._along(fold, True) for fold in face.folds]
        self.frowns = [self._along(frown, True) for frown in face.frowns]
        self.lines = [self._along(line, False) for line in face.lines]
        self.head = head_distance(self.whole, face.outline)
        self._mass = self._hair_mass(parameters)

    def _along(self, line, upright: bool) -> Window:
        """The window of a wrinkle; for an upright one x and y are exchanged."""
        points = line.points((-1.06, -0.5, 0.0, 0.5, 1.06))
        if not upright:
            return self.canvas.around(to_crop(points, self.face.pose), 0.05)
        return self.canvas.around(to_crop(points[..., ::-1], self.face.pose), 0.05).swapped()

    def skin(self, soft: float = 1.0) -> np.ndarray:
        """Coverage of the head."""
        return self.canvas.ramp(self.head.copy(), soft)

    def hair_distance(self) -> np.ndarray:
        """Signed distance to all hair, that behind the head too."""
        return self._mass.copy()

    def fringe_distance(self) -> np.ndarray:
        """Signed distance to the hair in front of the head: the hair above the hairline."""
        line = self.face.hairline
        above = self.whole.y - height(place_along(self.whole, line), line)
        return np.maximum(above, self._mass)

    def neck(self, soft: float = 1.0) -> np.ndarray:
        """Coverage of the neck, which the head is drawn over."""
        outline = self.face.outline
        distance = np.abs(self.whole.x - column(outline.sway * np.float32(0.5)))
        distance -= column(outline.width * np.float32(0.62))
        distance = np.maximum(distance, np.float32(0.4) - self.whole.y)
        return self.canvas.ramp(distance, soft)

    def ears(self, soft: float = 1.0) -> list[tuple[Window, np.ndarray]]:
        """Window and coverage of each ear."""
        outline, found = self.face.outline, []
        for side in (-1, 1):
            x = side * outline.width * np.float32(1.0)
            y = np.full_like(x, 0.0)
            reach = np.float32(0.17)
            corners = np.stack([x - reach, y - reach, x + reach, y + reach], -1).reshape(-1, 2, 2)
            window = self.canvas.around(to_crop(corners, self.face.pose), 0.03)
            found.append((window, self.canvas.disc(window, x, y, np.full_like(x, 0.08), 1.9, soft)))
        return found

    def beard(self, soft: float = 3.0) -> np.ndarray:
        """Coverage of the lower face below a line from the ears to above the upper lip."""
        outline, upper = self.face.outline, self.face.mouth[0]
        across = (self.whole.x - column(upper.centre)) * column(1 / outline.width)
        line = column(upper.c0 - np.float32(0.06)) - np.float32(0.32) * (across * across)
        return self.canvas.ramp(np.maximum(line - self.whole.y, self.head), soft)

    def stripes(self, count: float, slant: float) -> np.ndarray:
        """Parallel stripes fixed to the head, `(n, size, size)` in [0, 1] as a triangle wave.

        Args:
            count: stripes to a head unit.
            slant: x that a stripe moves over one unit of y.
        """
        place = self.whole.x * np.float32(count) + self.whole.y * np.float32(count * slant)
        place -= np.rint(place)
        return 2 * np.abs(place)

    def _hair_mass(self, parameters: FaceParameters) -> np.ndarray:
        """Hair as a head a little too large, cut at its length; long hair also as a soft block."""
        volume = parameters.shape[:, -1].astype(np.float32)
        end = parameters.hair_length.astype(np.float32)
        outline, x, y = self.face.outline, self.whole.x, self.whole.y
        mass = head_distance(self.whole, outline, np.maximum(volume, 0.01))
        mass = np.maximum(mass, y - column(end))
        top = outline.top * (1 + volume)
        across = x * column(1 / (outline.width * (np.float32(1.12) + volume)))
        along = (y - column((top + end) / 2)) * column(2 / (end - top))
        across *= across
        along *= along
        block = across * across
        block += along * along
        block -= 1
        block *= np.float32(0.25)
        block += column(np.where(end > 0, np.float32(0), np.float32(FAR)))
        return np.minimum(mass, block)
