"""The style "comic": flat loud colours, thick outlines, large eyes, two tones of light, dots."""

import numpy as np

from kerasface.data.synthetic.anatomy import Face
from kerasface.data.synthetic.canvas import Canvas, column
from kerasface.data.synthetic.landmarks import eye_centres
from kerasface.data.synthetic.parameters import FaceParameters
from kerasface.data.synthetic.parts import Parts

OUTLINE = 0.026  # half thickness in head units
INK = np.array([[0.04, 0.03, 0.08]], np.float32)
WHITE = np.array([[1.0, 1.0, 1.0]], np.float32)
TONGUE = np.array([[0.85, 0.12, 0.20]], np.float32)
GREY_HAIR = np.array([[0.80, 0.82, 0.86]], np.float32)
DOTS = 5.0  # dots of the backdrop to a head unit
SHADOW = 0.25
TOOTH_HEIGHT = 0.07


def draw_comic(face: Face, parameters: FaceParameters, size: int) -> np.ndarray:
    """Pictures of faces, `(n, size, size, 3)` uint8."""
    canvas = Canvas(face.pose, size, 3)
    parts = Parts(canvas, face, parameters)
    skin = np.float32(0.35) + np.float32(0.65) * loud(parameters.hue)
    grey = face.grey[:, None]
    hair = loud(parameters.hue * 3 + parameters.hair[:, 0]) * (1 - grey) + GREY_HAIR * grey

    _backdrop(canvas, parts, parameters)
    mass = parts.hair_distance()
    canvas.paint(parts.whole, _inked(canvas, mass), INK)
    canvas.paint(parts.whole, canvas.ramp(mass), hair * np.float32(0.8))
    canvas.paint(parts.whole, parts.neck(), skin * np.float32(0.75))
    for window, cover in parts.ears():
        canvas.paint(window, cover, skin * np.float32(0.85))
    canvas.paint(parts.whole, _inked(canvas, parts.head), INK)
    cover = parts.skin()
    canvas.paint(parts.whole, cover, skin)
    light = parameters.light.astype(np.float32)
    shade = parts.whole.x * column(light[:, 0]) + parts.whole.y * column(light[:, 1])
    shade += np.float32(0.2)
    canvas.darken(parts.whole, cover * canvas.ramp(shade), SHADOW)
    if parameters.beard.any():
        cover = parts.beard(1.0) * column((parameters.beard > 0).astype(np.float32))
        canvas.paint(parts.whole, cover, hair)
    _features(canvas, parts, parameters, hair)
    fringe = parts.fringe_distance()
    canvas.paint(parts.whole, _inked(canvas, fringe) * parts.skin(), INK)
    canvas.paint(parts.whole, canvas.ramp(fringe), hair)
    return canvas.finish()


def loud(places: np.ndarray) -> np.ndarray:
    """Fully saturated colours round the colour wheel, `(n, 3)` float32, one turn an integer."""
    turn = (places - np.floor(places))[:, None] * 6
    ramp = np.abs((turn + np.array([[0.0, 4.0, 2.0]])) % 6 - 3) - 1
    return np.clip(ramp, 0, 1).astype(np.float32)


def _inked(canvas: Canvas, distance: np.ndarray) -> np.ndarray:
    """Coverage of a shape and of the ink around it."""
    return canvas.ramp(distance - np.float32(2 * OUTLINE))


def _backdrop(canvas: Canvas, parts: Parts, parameters: FaceParameters) -> None:
    """Dots of one colour on another."""
    colours = parameters.backdrop.astype(np.float32)
    canvas.pictures[...] = colours[:, :3, None, None]
    x, y = parts.whole.x * np.float32(DOTS), parts.whole.y * np.float32(DOTS)
    x -= np.rint(x)
    y -= np.rint(y)
    dots = canvas.ramp((x * x + y * y - np.float32(0.08)) * np.float32(1 / DOTS))
    canvas.paint(parts.whole, dots, colours[:, 3:])


def _features(canvas: Canvas, parts: Parts, parameters: FaceParameters, hair) -> None:
    face = parts.face
    for windows, lines, strength in (
        (parts.folds, face.folds, face.fold_strength),
        (parts.frowns, face.frowns, face.frown_strength),
        (parts.lines, face.lines, face.line_strength),
        (parts.eyes, face.bags, face.bag_strength),
    ):
        for window, line in zip(windows, lines, strict=True):
            canvas.darken(window, canvas.stroke(window, line, 0.014), strength * 0.8)
    iris = loud(parameters.iris[:, 2] * 2 + 0.3)
    lash = (0.020 + 0.022 * parameters.make_up).astype(np.float32)
    sides = zip(parts.eyes, face.upper_lids, face.lower_lids, eye_centres(face), strict=True)
    for window, upper, lower, (x, y) in sides:
        inside = canvas.between(window, upper, lower)
        canvas.paint(window, inside, WHITE)
        canvas.paint(window, inside * canvas.disc(window, x, y, face.iris_size), iris)
        pupil = canvas.disc(window, x, y, face.iris_size * np.float32(0.55))
        canvas.paint(window, inside * pupil, INK)
        canvas.paint(window, canvas.stroke(window, upper, lash), INK)
        canvas.paint(window, canvas.stroke(window, lower, 0.012), INK)
    for window, brow in zip(parts.brows, face.brows, strict=True):
        canvas.paint(window, canvas.stroke(window, brow, face.brow_thick), INK)
        thick = face.brow_thick * np.float32(0.4)
        canvas.paint(window, canvas.stroke(window, brow, thick), hair)
    canvas.paint(parts.nose, canvas.stroke(parts.nose, face.nose_base, 0.02), INK)
    upper, inner_upper, inner_lower, lower = face.mouth
    window, red = parts.mouth, parameters.make_up.astype(np.float32)
    lips = canvas.between(window, upper, lower) * column(red)
    canvas.paint(window, lips, TONGUE)
    inside = canvas.between(window, inner_upper, inner_lower)
    canvas.paint(window, inside, TONGUE)
    teeth = canvas.between(window, inner_upper, inner_upper.lowered(TOOTH_HEIGHT))
    canvas.paint(window, np.minimum(teeth, inside), WHITE)
    for line in (inner_upper, inner_lower):
        canvas.paint(window, canvas.stroke(window, line, 0.016), INK)
