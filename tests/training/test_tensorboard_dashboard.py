"""All that issue 3 wants to see within one epoch, read back from the event files of a run."""

import json
import re

import keras
import numpy as np
import pytest

from kerasface.data import mix, synthetic_set
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Domain, Regression
from kerasface.training.balancing import BalancedModel
from kerasface.training.domain_probe import DomainProbe
from kerasface.training.dynamic_rate import DynamicLearningRate, DynamicRate
from kerasface.training.run_state import RunState
from kerasface.training.strength_schedule import StrengthSchedule
from kerasface.training.tensorboard import StepReport, TableRow, TensorBoardReport, write_hparams
from kerasface.training.tensorboard.layout import CHARTS
from kerasface.training.tensorboard.tags import place
from kerasface.training.validation import ValidationRound
from tests.training.test_tensorboard import number, read

TASKS = (
    Classification(
        "expression", ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    ),
    Regression("age", "years", (0, 116), bins=8),
    Classification("gender", ("male", "female")),
    Domain(
        "domain",
        ("synthetic_photo", "synthetic_sketch", "synthetic_comic"),
        adversary="triplet",
        hidden=(8,),
        size=4,
    ),
)
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
    "tasks": [task.get_config() for task in TASKS],
    "input": {"height": 24, "width": 24, "channels": 3},
    "shared": 8,
}
PER_BATCH = {"faces": 4, "ages": 4, "genders": 4}
STEPS = 4


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory):
    """`(runs, history, dynamic)` of one epoch of the paper's method, on drawn faces."""
    folder = tmp_path_factory.mktemp("run")
    sets = {
        "faces": synthetic_set(12, size=24, tasks=("expression",)),
        "ages": synthetic_set(12, style="sketch", size=24, tasks=("age",)),
        "genders": synthetic_set(12, style="comic", size=24, tasks=("gender",)),
    }
    keras.utils.set_random_seed(0)
    network = FaceModel.from_spec(SPEC)
    model = BalancedModel(network, "gradnorm")
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    checks = ValidationRound(sets, every=5, batch_size=8)
    dynamic = DynamicLearningRate(DynamicRate(0.05, 3, 4.0, window=1, least_decrease=9.0))
    callbacks = [
        dynamic,
        StrengthSchedule(network.heads.head("domain"), steps=STEPS, schedule="linear"),
        DomainProbe(sets, network, rows=12, folds=3, batch_size=8),
        checks,
        RunState(folder / "state", {"spec": SPEC}, keep={"learning_rate": dynamic}),
        TensorBoardReport(folder / "events", checks, config={"rate": 0.05}, batch_size=12),
        StepReport(folder / "events", every=2),
    ]
    batches = mix(sets, PER_BATCH, TASKS)
    model.fit(batches, epochs=9, steps_per_epoch=STEPS, verbose=0, callbacks=[*callbacks, Once()])
    [line] = (folder / "state" / "history.jsonl").read_text().splitlines()
    return read(folder / "events"), json.loads(line), dynamic


class Once(keras.callbacks.Callback):
    """Ends a longer training after its first epoch: nothing may wait for the last."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def test_losses_metrics_and_counts_per_task(one_epoch):
    runs, history, _ = one_epoch
    train = runs["train"]
    wanted = {
        "expression": ("loss", "mean_loss", "accuracy", "labelled"),
        "gender": ("loss", "mean_loss", "accuracy", "labelled"),
        "age": ("loss", "mean_loss", "mean_absolute_error", "labelled"),
        "domain": ("loss", "mean_loss", "active_share", "labelled"),
    }
    for task, measures in wanted.items():
        for measure in measures:
            expected = history[f"{task}_{measure}"]
            assert number(train, f"{task}/{measure}") == pytest.approx(expected, rel=1e-5)
    assert number(train, "age/labelled") == 4 * STEPS
    assert number(train, "domain/labelled") == 12 * STEPS


def test_balancing_weights_and_gradient_norms(one_epoch):
    runs, history, _ = one_epoch
    weights = [number(runs["train"], f"{task}/weight") for task in ("expression", "age", "gender")]
    assert sum(weights) == pytest.approx(3.0, rel=1e-4) and len(set(weights)) > 1
    for task in ("expression", "age", "gender"):
        norm = number(runs["train"], f"{task}/gradient_norm")
        assert norm == pytest.approx(history[f"{task}_gradient_norm"], rel=1e-5) and norm > 0


def test_adversary_strength_active_share_and_probe(one_epoch):
    runs, history, _ = one_epoch
    # Of a linear ramp of four steps, the fourth has three quarters.
    assert number(runs["train"], "domain/strength") == pytest.approx(0.75)
    assert 0 <= number(runs["train"], "domain/active_share") <= 1
    probes = {tag for tag in runs["train"] if tag.startswith(("probe/", "domain/probe"))}
    assert probes
    for tag in probes:
        assert 0 <= number(runs["train"], tag) <= 1


def test_the_learning_rate_by_epoch_and_by_step(one_epoch):
    """Every step but the first stagnates (900 % less is asked for): two down, one up."""
    runs, history, dynamic = one_epoch
    rates = [0.05, 0.05 * 0.1**0.5, 0.05 * 0.1**0.75, 0.05]
    assert [rate for _, rate in dynamic.changes[1:]] == pytest.approx(rates[1:])
    assert number(runs["train"], "learning_rate") == pytest.approx(rates[3])
    assert history["learning_rate"] == pytest.approx(rates[3])
    steps = {step: float(value) for step, _, value in runs["train-steps"]["learning_rate"]}
    assert steps == {2: pytest.approx(rates[1]), 4: pytest.approx(rates[3])}
    assert [step for step, *_ in runs["train-steps"]["loss"]] == [2, 4]
    assert "expression/accuracy" in runs["train-steps"]


def test_confusion_matrices_and_the_grid_come_with_the_first_epoch(one_epoch):
    """The round is asked for every fifth epoch, and the run goes on for nine."""
    runs, _, _ = one_epoch
    for run, tags in (
        ("validation-faces", {"expression/confusion", "predictions"}),
        ("validation-genders", {"gender/confusion", "predictions"}),
    ):
        pictures = {tag for tag, (first, *_) in runs[run].items() if first[1] == "images"}
        assert pictures == tags and [step for step, *_ in runs[run]["predictions"]] == [1]
    assert number(runs["validation-ages"], "age/mean_absolute_error") > 0


def test_hparams_and_the_layout_of_charts(one_epoch):
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata

    runs, _, _ = one_epoch
    assert {"_hparams_/experiment", "_hparams_/session_start_info"} <= set(runs["."])
    [(_, plugin, content)] = runs["."][metadata.CONFIG_SUMMARY_TAG]
    layout = layout_pb2.Layout.FromString(np.ravel(content)[0])
    assert plugin == metadata.PLUGIN_NAME and [c.title for c in layout.category] == list(CHARTS)
    charts = {chart.title: chart.multiline.tag for c in layout.category for chart in c.chart}
    for title, patterns in charts.items():
        found = [t for t in runs["train"] if any(re.match(each, t) for each in patterns)]
        assert found, title
    [pattern] = charts["task weights"]
    assert {t for t in runs["train"] if re.match(pattern, t)} == {
        f"{task}/weight" for task in ("expression", "age", "gender")
    }


def test_entries_of_an_adversary_of_another_name_are_a_group():
    assert place("domain_probe", ["source", "age"]) == ("train", "domain/probe")
    assert place("source_strength", ["source", "age"]) == ("train", "source/strength")
    assert place("domain_age_loss", ["domain_age"]) == ("train", "domain_age/loss")


def test_a_step_report_needs_a_rhythm(tmp_path):
    with pytest.raises(ValueError, match="Received: every=0"):
        StepReport(tmp_path, every=0)


ROWS = [
    TableRow("Baseline", {"rate": 0.1, "adversary": False}, {"CK+ accuracy": 0.91, "FER": 0.33}),
    TableRow("DA-2MD-MTL", {"rate": 0.1, "adversary": True, "k": 5}, {"CK+ accuracy": 0.94}),
    TableRow("DR, Distill", {"rate": "dynamic", "adversary": True}, {}),
]


def sessions(folder):
    """What TensorBoard's own HParams plugin shows of a folder: by row settings and figures."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    runs = plugin_event_multiplexer.EventMultiplexer()
    runs.AddRunsFromDirectory(str(folder))
    runs.Reload()
    provider = data_provider.MultiplexerDataProvider(runs, str(folder))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    content = context.hparams_metadata(RequestContext(), "")
    experiment = context.experiment_from_metadata(RequestContext(), "", True, content, [])
    columns = api_pb2.ColParams(hparam="row", order=api_pb2.ORDER_ASC)
    statuses = [api_pb2.STATUS_SUCCESS, api_pb2.STATUS_RUNNING, api_pb2.STATUS_UNKNOWN]
    request = api_pb2.ListSessionGroupsRequest(
        col_params=[columns], start_index=0, slice_size=99, allowed_statuses=statuses
    )
    handler = list_session_groups.Handler(RequestContext(), context, "", request)
    found = {}
    for group in handler.run().session_groups:
        told = {
            name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()
        }
        [session] = group.sessions
        figures = {each.name.tag: each.value for each in session.metric_values}
        found[told.pop("row")] = (told, figures, session.status)
    return found, experiment


def test_rows_of_a_table_as_hparams(tmp_path):
    from tensorboard.plugins.hparams import api_pb2

    assert write_hparams(tmp_path, ROWS) == tmp_path / "hparams"
    found, experiment = sessions(tmp_path)
    columns = {info.name: info.type for info in experiment.hparam_infos}
    assert set(columns) == {"row", "rate", "adversary", "k"}
    assert columns["rate"] == api_pb2.DATA_TYPE_STRING
    assert columns["k"] == api_pb2.DATA_TYPE_FLOAT64
    assert [info.name.tag for info in experiment.metric_infos] == ["CK+ accuracy", "FER"]
    # Rates of two kinds stand in a column of text.
    assert found["Baseline"] == (
        {"rate": "0.1", "adversary": False},
        {"CK+ accuracy": pytest.approx(0.91), "FER": pytest.approx(0.33)},
        api_pb2.STATUS_SUCCESS,
    )
    assert found["DA-2MD-MTL"][0] == {"rate": "0.1", "adversary": True, "k": 5}
    assert found["DR, Distill"][1:] == ({}, api_pb2.STATUS_UNKNOWN)


def test_the_table_is_written_anew_after_each_row(tmp_path):
    write_hparams(tmp_path, ROWS[:1])
    measured = ROWS[2]._replace(figures={"FER": 0.389})
    write_hparams(tmp_path, [*ROWS[:2], measured])
    found, _ = sessions(tmp_path)
    assert len(found) == 3 and found["DR, Distill"][1] == {"FER": pytest.approx(0.389)}
    with pytest.raises(ValueError, match="must have different names. Received: "):
        write_hparams(tmp_path, [ROWS[0], ROWS[0]])


def test_a_run_that_is_a_row_of_a_table_is_no_row_by_itself(tmp_path):
    gender = Classification("gender", ("male", "female"))
    model = FaceModel.from_spec({**SPEC, "tasks": [gender.get_config()], "shared": None})
    model.compile("sgd")
    faces = synthetic_set(4, size=24, tasks=("gender",))
    model.fit(
        faces.images,
        {"gender": faces.labels["gender"]},
        verbose=0,
        callbacks=[TensorBoardReport(tmp_path, hparams=False)],
    )
    tags = read(tmp_path)["."]
    assert "configuration" in tags and not any(tag.startswith("_hparams_") for tag in tags)
