"""Parts of the TensorBoard report: where entries go, settings as columns, the grid of faces."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasface.data import synthetic_set
from kerasface.tasks import Classification, Landmarks
from kerasface.training.tensorboard.about import flat
from kerasface.training.tensorboard.prediction_grid import prediction_grid
from kerasface.training.tensorboard.tags import place

GENDER = Classification("gender", ("male", "female"))
EXPRESSION = Classification("expression", ("happy", "sad"))


@pytest.mark.parametrize(
    ("key", "run", "tag"),
    [
        ("loss", "train", "loss"),
        ("val_loss", "validation", "loss"),
        ("age_loss", "train", "age/loss"),
        ("val_age_group_accuracy", "validation", "age_group/accuracy"),
        ("ages_loss", "train", "ages_loss"),
        ("gradnorm/age", "train", "gradnorm/age"),
    ],
)
def test_places(key, run, tag):
    assert place(key, ["age", "age_group"]) == (run, tag)


def test_entries_of_a_single_task_get_its_name():
    assert place("val_accuracy", ["age"], {"accuracy"}) == ("validation", "age/accuracy")
    assert place("learning_rate", ["age"], {"accuracy"}) == ("train", "learning_rate")
    assert place("accuracy", ["age", "gender"], {"accuracy"}) == ("train", "accuracy")


def test_settings_become_columns():
    settings = {"a": {"b": {"c": None}}, "on": True, "sizes": [36, 0.5], "long": ["x" * 90]}
    assert flat(settings) == {"a.b.c": "null", "on": True, "sizes": "[36, 0.5]"}


def test_the_grid_tells_right_from_wrong():
    """With every answer right the words are green, with every answer wrong red."""
    faces, gender = synthetic_set(9, tasks=("gender",)), GENDER

    def colours(labels):
        outputs = {"gender": 5.0 * np.eye(2)[labels]}
        png = prediction_grid(faces, outputs, [gender, EXPRESSION], faces=4)
        picture = np.asarray(Image.open(io.BytesIO(png))).astype(int)
        assert picture.shape == (120 + 13 + 6, 4 * 126, 3)
        words = picture[120:133]
        return (words[..., 1] - words[..., 0] > 90).sum(), (
            words[..., 0] - words[..., 1] > 90
        ).sum()

    truth = faces.labels["gender"]
    green, red = colours(truth)
    assert green > 0 and red == 0
    green, red = colours(1 - truth)
    assert green == 0 and red > 0


def test_points_are_drawn_on_the_faces():
    faces = synthetic_set(12, tasks=("landmarks5",))
    outputs = {"landmarks5": np.full((12, 10), 0.02)}
    png = prediction_grid(faces, outputs, [Landmarks("landmarks5", 5)], faces=1)
    picture = np.asarray(Image.open(io.BytesIO(png)))
    assert picture[2, 2].tolist() == [190, 30, 30]
    x, y = (faces.labels["landmarks5"][0, 2] * 120).astype(int)
    assert picture[y, x].tolist() == [0, 120, 60]
