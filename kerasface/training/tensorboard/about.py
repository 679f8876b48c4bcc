"""What a run was told: its settings and versions as text, and as TensorBoard's HParams."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import keras

from kerasface.tasks import Task

PACKAGES = ("keras", "tensorflow", "jax", "numpy", "tensorboard")
# A longer list is no column of a table; the text has it whole.
LONGEST = 80
# The figure of each kind of task that stands in the table of runs.
MAIN = {
    "classification": "accuracy",
    "domain": "accuracy",
    "regression": "mean_absolute_error",
    "landmarks": "mean_absolute_error",
}


def main_figure(task: Task) -> str | None:
    """The figure of a task that stands in the table of runs; None where it has none."""
    return "active_share" if getattr(task, "embeds", False) else MAIN.get(task.kind)


def code_block(value: Any) -> str:
    """A JSON value as a Markdown code block."""
    return f"```json\n{json.dumps(value, indent=2)}\n```"


def versions() -> str:
    """A Markdown table of Python, the backend and the packages that are installed."""
    rows = {"python": platform.python_version(), "backend": keras.backend.backend()}
    rows["precision"] = keras.mixed_precision.dtype_policy().name
    for package in PACKAGES:
        try:
            rows[package] = version(package)
        except PackageNotFoundError:
            continue
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| package | version |", "|---|---|", *lines])


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """Settings as one level of plain values, nested names joined by dots.

    Lists become their JSON where that is short, and are left out where it is not.

    Example:
        >>> flat({"rate": 0.1, "trunk": {"name": "vgg16"}, "small": [36, 0.5]})
        {'rate': 0.1, 'trunk.name': 'vgg16', 'small': '[36, 0.5]'}
    """
    values = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            values |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, (bool, int, float, str)):
            values[prefix + name] = value
        elif len(text := json.dumps(value)) <= LONGEST:
            values[prefix + name] = text
    return values


def session_start(config: Mapping[str, Any], name: str | None = None):
    """The `Summary` that names a run's settings; runs of one name are one row of the table.

    Without a name, runs of equal settings are.
    """
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    return hparams_pb(flat(config), trial_id=name)


def experiment(config: Mapping[str, Any], figures: Sequence[tuple[str, str]]):
    """The `Summary` that names the columns: settings, and figures as `(run, tag)`.

    Of several runs below one `--logdir`, TensorBoard takes the columns of any one of them: runs
    that are to be compared should have settings of the same names. Without these columns it
    would show every tag that there is.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    def kind(value):
        if isinstance(value, bool):
            return api_pb2.DATA_TYPE_BOOL
        return api_pb2.DATA_TYPE_STRING if isinstance(value, str) else api_pb2.DATA_TYPE_FLOAT64

    columns = api_pb2.Experiment(
        # No domain is stated: the values of the other runs are not known here.
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=kind(value), differs=True)
            for name, value in flat(config).items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(group=run, tag=tag), display_name=f"{run} {tag}"
            )
            for run, tag in figures
        ],
        time_created_secs=time.time(),
    )
    content = plugin_data_pb2.HParamsPluginData(experiment=columns)
    return _plugin_summary(metadata.EXPERIMENT_TAG, content)


def session_end():
    """The `Summary` that says that a run has ended as it should."""
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
    content = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    return _plugin_summary(metadata.SESSION_END_INFO_TAG, content)


def _plugin_summary(tag, content):
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    summary = Summary()
    about = metadata.create_summary_metadata(content)
    summary.value.add(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
    return summary
