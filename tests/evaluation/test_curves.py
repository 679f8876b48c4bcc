"""Learning curves task by task: which entries are drawn in which panel."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasface.evaluation.curves import shared_panels, task_curves, task_panels
from kerasface.tasks import Classification, Domain, Embedding, Regression

AGE = Regression("age", "years", (0, 116))
GROUP = Classification("age_group", ("young", "old"))
HISTORY = [
    {
        "epoch": epoch,
        "loss": 5.0 / epoch,
        "age_loss": 2.0 / epoch,
        "age_mean_loss": 4.0 / epoch,
        "age_mean_absolute_error": 9.0 / epoch,
        "age_group_mean_loss": 1.0 / epoch,
        "age_group_accuracy": 0.2 * epoch,
        "age_weight": 1.0 + epoch / 10,
        "age_group_weight": 1.0 - epoch / 10,
        "age_gradient_norm": 0.3,
        "learning_rate": 0.1**epoch,
        "domain_strength": 0.1 * epoch,
        **(
            {"val_utk_age_mean_absolute_error": 8.0, "val_utk_age_mean_loss": 3.0}
            if epoch == 2
            else {}
        ),
        **(
            {"val_utk_age_group_accuracy": 0.5, "val_lfw_age_group_accuracy": 0.25}
            if epoch == 3
            else {}
        ),
    }
    for epoch in (1, 2, 3)
]


def test_loss_and_main_measure_of_a_task_on_each_set():
    loss, error = task_panels(HISTORY, AGE)
    assert loss.title == "age: mean loss" and error.title == "age: mean absolute error (years)"
    assert loss.lines == {
        "training": [(1, 4.0), (2, 2.0), (3, 4.0 / 3)],
        "val_utk": [(2, 3.0)],
    }
    assert error.lines["training"][0] == (1, 9.0) and error.lines["val_utk"] == [(2, 8.0)]


def test_a_task_does_not_take_the_entries_of_a_longer_name():
    loss, accuracy = task_panels(HISTORY, GROUP)
    assert set(loss.lines) == {"training"}
    assert accuracy.lines == {
        "training": [(1, 0.2), (2, 0.4), (3, pytest.approx(0.6))],
        "val_lfw": [(3, 0.25)],
        "val_utk": [(3, 0.5)],
    }


def test_a_single_task_is_found_without_its_name():
    history = [{"epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_age_group_accuracy": 0.25}]
    loss, accuracy = task_panels(history, GROUP, alone=True)
    assert loss.lines == {"training": [(1, 1.0)]}
    assert accuracy.lines == {"training": [(1, 0.5)], "val_validation": [(1, 0.25)]}
    assert not task_panels(history, GROUP)[0].lines


def test_what_all_tasks_share():
    panels = {panel.title: panel for panel in shared_panels(HISTORY)}
    assert set(panels["task weights"].lines) == {"age", "age_group"}
    assert set(panels["gradient norms"].lines) == {"age"}
    assert panels["learning rate"].scale == "log"
    assert set(panels["total loss"].lines) == {"loss"}
    assert set(panels["adversary"].lines) == {"domain_strength"}


def test_the_picture_has_a_row_a_task_and_the_same_bytes():
    one = task_curves(HISTORY, [AGE], "run")
    two = task_curves(HISTORY, [AGE, GROUP, Embedding("identity", 4)], "run")
    sizes = [Image.open(io.BytesIO(png)).size for png in (one, two)]
    assert sizes[0][0] == sizes[1][0] and sizes[1][1] > sizes[0][1]
    assert one == task_curves(HISTORY, [AGE], "run")
    # Lines of two colours: training and the set beside it.
    pixels = np.asarray(Image.open(io.BytesIO(one)).convert("RGB")).astype(int)
    assert ((pixels[..., 2] - pixels[..., 0]) > 90).sum() > 100
    assert ((pixels[..., 0] - pixels[..., 2]) > 90).sum() > 100


def test_a_history_without_the_tasks_is_refused():
    with pytest.raises(ValueError, match="Received: tasks="):
        task_curves([{"epoch": 1, "loss": 1.0}], [AGE, Domain("domain", ("a", "b"))])
