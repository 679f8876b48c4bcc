"""The measurement of int8 that `publish` asks for, on drawn faces."""

import numpy as np
import pytest

from kerasface.data.synthetic import synthetic_set
from kerasface.tasks import Classification, Regression
from recipes.face_zoo import exports
from recipes.face_zoo.sets import SETS


@pytest.fixture
def sets():
    return {"fer2013": synthetic_set(16, size=48, seed=1, tasks=("gender", "age"))}


class Guesser:
    """Says "male" and 30 years to every face."""

    tasks = (
        Classification("gender", ("male", "female")),
        Regression("age", "years", (0, 116)),
        Classification("race", ("a", "b")),
    )

    def predict(self, images, batch_size, verbose):
        rows = len(images)
        return {
            "gender": np.tile([1.0, 0.0], (rows, 1)),
            "age": np.full((rows, 1), 30.0),
            "race": np.zeros((rows, 2)),
        }


def test_measures_are_those_of_the_labels(sets):
    """Share of men, and mean distance of the ages from 30, counted here."""
    prepared = sets["fer2013"]
    gender, age = exports.scorer(sets)(Guesser())
    men = np.mean(prepared.labels["gender"] == 0)
    assert gender == {
        "task": "gender",
        "dataset": "FER2013",
        "split": "validation",
        "metric": "accuracy",
        "n": 16,
        "value": pytest.approx(men),
    }
    assert age["metric"] == "mean absolute error (years)"
    assert age["value"] == pytest.approx(np.abs(prepared.labels["age"] - 30).mean())


def test_arguments_of_publish(tmp_path, sets):
    for name in SETS:
        sets["fer2013"].save(tmp_path / f"{name}-validation.npz")
    found = exports.export_arguments(tmp_path)
    assert set(found) == {"exports", "calibration", "score"}
    assert [path.name for path in found["calibration"]] == [f"{name}-train.npz" for name in SETS]
    assert len(found["score"](Guesser())) == 2 * len(SETS)


def test_what_is_lost_is_printed_and_judged(monkeypatch, tmp_path, sets, capsys):
    class Export:
        runtime, precision, name = "litert", "int8", "litert-int8"

    class Manifest:
        exports = (Export,)

    class Worse(Guesser):
        def predict(self, images, batch_size, verbose):
            outputs = super().predict(images, batch_size, verbose)
            return {**outputs, "gender": outputs["gender"][:, ::-1]}

    monkeypatch.setattr(exports, "load_sets", lambda folder, split: sets)
    monkeypatch.setattr(exports, "read_manifest", lambda folder: Manifest)
    men = np.mean(sets["fer2013"].labels["gender"] == 0)
    better, worse = (Guesser, Worse) if men > 0.5 else (Worse, Guesser)
    for full, small, code in ((better, better, 0), (worse, worse, 0)):
        monkeypatch.setattr(
            exports, "load", lambda *a, f=full, s=small, **runtime: s() if runtime else f()
        )
        assert exports.main([str(tmp_path)]) == code
    assert "most accuracy lost: 0.00 points" in capsys.readouterr().out
    if men != 0.5:
        monkeypatch.setattr(exports, "load", lambda *a, **runtime: worse() if runtime else better())
        assert exports.main([str(tmp_path)]) == 1
        assert f"{100 * abs(2 * men - 1):.2f} points" in capsys.readouterr().out
