"""The table of students with and without a teacher."""

import json

import pytest

from recipes.face_zoo import compare
from recipes.face_zoo.train import PER_BATCH

KEYS = (
    ("expression", "FER2013", "accuracy"),
    ("age", "UTKFace", "mean absolute error (years)"),
    ("gender", "UTKFace", "accuracy"),
    ("race", "UTKFace", "accuracy"),
)


def run(folder, values, **config):
    folder.mkdir()
    config = {"epochs": 2, "steps_per_epoch": 10, "per_batch": PER_BATCH, **config}
    metrics = [
        {"task": t, "dataset": d, "metric": m, "value": v, "protocol": "one crop, as given"}
        for (t, d, m), v in zip(KEYS, values, strict=True)
    ]
    (folder / "config.json").write_text(json.dumps({"config": config}))
    (folder / "metrics.json").write_text(json.dumps({"metrics": metrics}))
    return str(folder)


def test_mean_and_spread_by_hand(tmp_path):
    """60 and 64 %: mean 62, standard deviation sqrt((2^2 + 2^2) / 1) = 2.83."""
    alone = [
        run(tmp_path / "a", (0.60, 6.0, 0.9, 0.8)),
        run(tmp_path / "b", (0.64, 5.0, 0.9, 0.8)),
    ]
    taught = run(tmp_path / "c", (0.65, 5.1, 0.91, 0.79))
    compare.main(["--alone", *alone, "--distilled", taught, "--out", str(tmp_path)])
    table = (tmp_path / "RESULTS.md").read_text()
    assert "Student without a teacher (2 seeds) | 62.0 ± 2.8 % | 5.50 ± 0.71 |" in table
    assert "Student, distilled (1 seed) | 65.0 % | 5.10 | 91.0 % | 79.0 % |" in table
    assert "Teacher" not in table
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["images"] == 2 * 10 * sum(PER_BATCH.values())


def test_unequal_runs_are_refused(tmp_path):
    alone = run(tmp_path / "a", (0.6, 6.0, 0.9, 0.8))
    longer = run(tmp_path / "b", (0.7, 5.0, 0.9, 0.8), epochs=3)
    with pytest.raises(ValueError, match="epochs"):
        compare.main(["--alone", alone, "--distilled", longer, "--out", str(tmp_path)])


def test_difference_stands_under_the_two_rows():
    scores = {"FER2013 expression accuracy": 0.6, "UTKFace age MAE (years)": 5.0}
    scores.update({"UTKFace gender accuracy": 0.9, "UTKFace race (5) accuracy": 0.8})
    row = {title: {"mean": value, "spread": None, "seeds": 1} for title, value in scores.items()}
    gains = {title: {"value": -0.125, "low": -0.25, "high": 0.5, "rows": 9} for title in scores}
    results = {"images": 10, "alone": row, "distilled": row, "teacher": {}, "difference": gains}
    table = compare.render(results)
    line = "| Distilled minus alone, same faces (95 % interval) | -12.5 (-25.0 to +50.0) "
    assert f"{line}| -0.12 (-0.25 to +0.50) |" in table
    assert "minus" not in compare.render({**results, "difference": None})
