"""What each expression does to brows, lids and mouth.

The columns are muscle actions in the spirit of facial action coding, 0 for a face at rest and 1
for the full action; the values are our own caricature, chosen so that the seven classes can be
told apart at 48 x 48, not measured from people.
"""

import numpy as np

from kerasface.data.synthetic.randomness import bell, uniform

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

ACTIONS = (
    "inner_raise",  # inner ends of the brows up
    "outer_raise",  # outer ends of the brows up
    "frown",  # brows down and together
    "lid_raise",  # upper lids up (negative: drooping)
    "squint",  # lower lids up, eyes narrowed
    "smile",  # corners of the mouth up (negative: down)
    "stretch",  # mouth wider (negative: narrower)
    "jaw_drop",  # mouth open
    "lip_raise",  # upper lip up, nose wrinkled
    "lip_press",  # lips thin
)

FULL_ACTIONS = {
    "angry": (-0.1, 0.1, 1.0, 0.15, 0.35, -0.35, -0.1, 0.0, 0.1, 0.8),
    "disgust": (-0.2, -0.2, 0.5, -0.25, 0.75, -0.35, -0.1, 0.3, 1.0, 0.0),
    "fear": (1.0, 0.2, 0.3, 0.8, 0.0, -0.35, 0.35, 0.45, 0.1, 0.0),
    "happy": (0.05, 0.1, 0.0, 0.0, 0.45, 1.0, 0.4, 0.4, 0.1, 0.0),
    "sad": (0.9, -0.4, 0.2, -0.45, 0.1, -0.9, -0.1, 0.0, 0.0, 0.1),
    "surprise": (0.8, 0.95, 0.0, 0.9, 0.0, 0.05, -0.4, 1.0, 0.0, 0.0),
    "neutral": (0.0,) * len(ACTIONS),
}

WEAKEST = 0.7  # share of the full action in the weakest picture of an expression
SPREAD = 0.13  # share by which single actions differ between two pictures of one expression
REST_NOISE = 0.04  # standard deviation that every action has at rest


def sample_actions(expressions: np.ndarray, key: int) -> np.ndarray:
    """Actions of each picture: the expression at some intensity, never twice the same.

    Args:
        expressions: `(n,)` int, indices in `EXPRESSIONS`.
        key: 32-bit random key.

    Returns:
        `(n, len(ACTIONS))` float64.
    """
    table = np.array([FULL_ACTIONS[name] for name in EXPRESSIONS])
    rows, columns = len(expressions), len(ACTIONS)
    intensity = WEAKEST + (1 - WEAKEST) * uniform(key, rows, 1)
    own = bell(key ^ 1, rows, columns)
    rest = bell(key ^ 2, rows, columns)
    return table[expressions] * intensity * (1 + SPREAD * own) + REST_NOISE * rest
