import math

import keras
import pytest

from kerasface.models.measured_logs import DropUnmeasured, measured

NAN = float("nan")


def test_a_task_without_labels_is_absent_and_its_count_stays():
    logs = {
        "loss": 0.7,
        "age_loss": 0.7,
        "age_labelled": 5.0,
        "age_mean_loss": 0.7,
        "race_loss": 0.0,
        "race_labelled": 0.0,
        "race_mean_loss": NAN,
        "race_accuracy": NAN,
    }
    assert measured(logs) == {
        "loss": 0.7,
        "age_loss": 0.7,
        "age_labelled": 5.0,
        "age_mean_loss": 0.7,
        "race_labelled": 0.0,
    }
    assert list(measured(logs)) == [name for name in logs if name in measured(logs)]


@pytest.mark.parametrize("name", ["age_mean_loss", "age_mean_absolute_error", "age_loss", "loss"])
def test_nan_of_a_task_with_labels_is_a_fault_that_stays(name):
    kept = measured({name: NAN, "age_labelled": 5.0})
    assert math.isnan(kept[name])


@pytest.mark.parametrize(
    "name", ["age_group_accuracy", "val_age_group_accuracy", "age_group_mean_loss"]
)
def test_of_two_names_that_fit_the_longer_is_meant(name):
    counts = {"age_labelled": 0.0, "age_group_labelled": 3.0}
    counts |= {f"val_{task}": count for task, count in counts.items()}
    assert name in measured({name: NAN, **counts})
    counts = {task: 3.0 - count for task, count in counts.items()}
    assert name not in measured({name: NAN, **counts})


def test_a_loss_is_dropped_only_for_its_own_task_and_side():
    logs = {"age_loss": 1.0, "age_group_loss": 0.0, "val_age_loss": 0.0, "val_age_group_loss": 2.0}
    counts = {"age_labelled": 3.0, "age_group_labelled": 0.0}
    counts |= {"val_age_labelled": 0.0, "val_age_group_labelled": 3.0}
    assert measured({**logs, **counts}) == {"age_loss": 1.0, "val_age_group_loss": 2.0, **counts}


def test_the_whole_loss_is_dropped_where_nothing_is_labelled():
    counts = {"a_labelled": 2.0, "b_labelled": 0.0, "val_a_labelled": 0.0, "val_b_labelled": 0.0}
    assert measured({"loss": 1.0, "val_loss": 0.0, **counts}) == {"loss": 1.0, **counts}


def test_one_task_has_plain_names():
    logs = {"loss": 0.0, "labelled": 0.0, "accuracy": NAN, "val_loss": 1.0, "val_labelled": 3.0}
    assert measured(logs) == {"labelled": 0.0, "val_loss": 1.0, "val_labelled": 3.0}


def test_without_counts_nan_of_a_metric_is_missing_and_of_a_loss_is_not():
    kept = measured({"loss": NAN, "x_loss": NAN, "x_accuracy": NAN, "y_accuracy": 0.5, "lr": 0.1})
    assert sorted(kept) == ["loss", "lr", "x_loss", "y_accuracy"]


def test_nothing_in_nothing_out():
    assert measured({}) == {}
    DropUnmeasured().on_epoch_end(0)


def test_the_callback_takes_them_out_for_all_that_come_after():
    seen = []
    after = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    logs = {"race_labelled": 0.0, "race_loss": 0.0, "loss": 1.0, "age_labelled": 1.0}
    for callback in (DropUnmeasured(), after):
        callback.on_epoch_end(0, logs)
    assert seen == [{"race_labelled": 0.0, "loss": 1.0, "age_labelled": 1.0}]
