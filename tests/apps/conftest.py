"""The pictures and the detector of the tests of inference."""

from tests.inference.conftest import model, photo, picture, two_faces

__all__ = ["model", "photo", "picture", "two_faces"]
