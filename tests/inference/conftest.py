"""A tiny model, pictures with no person in them, and a detector that knows where to look."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def model(make_face_model):
    return make_face_model()


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (90, 120, 3), np.uint8)


@pytest.fixture
def photo(tmp_path, picture):
    path = tmp_path / "photo.png"
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def two_faces():
    """A detector that always finds the same two faces, in NumPy numbers as detectors give them."""

    def detect(image):
        points = np.array([[20, 30], [40, 30], [30, 40], [22, 50], [38, 50]])
        yield {"box": np.array([60, 10, 30, 40]), "confidence": np.float64(0.97)}
        yield {"box": (10, 12, 40, 52), "confidence": np.float32(0.99), "points": points}
        yield {"box": (0, 0, 9, 9), "confidence": 0.2}

    return detect
