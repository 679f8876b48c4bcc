"""Procedural faces with known expression, age, gender, identity and landmarks, in several styles.

Tests, `--smoke` runs and benchmarks use them where real data cannot be shipped. Race is not drawn.
"""

from kerasface.data.synthetic.expressions import EXPRESSIONS
from kerasface.data.synthetic.faces import (
    TASKS,
    draw_face,
    draw_faces,
    face_landmarks,
    split_identities,
    synthetic_set,
)
from kerasface.data.synthetic.parameters import GENDERS, FaceParameters, sample_faces
from kerasface.data.synthetic.styles import STYLES

__all__ = [
    "EXPRESSIONS",
    "GENDERS",
    "STYLES",
    "TASKS",
    "FaceParameters",
    "draw_face",
    "draw_faces",
    "face_landmarks",
    "sample_faces",
    "split_identities",
    "synthetic_set",
]
