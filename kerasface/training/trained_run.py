"""The network of a run's folder, whatever trained it, in its published form."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

import h5py

from kerasface.models import FaceModel
from kerasface.training.fused_normalization import FusedBatchNormalization

CONFIG, STATE, HEADS = "config.json", "state.json", "heads"
FUSED = "fused_batch_normalization"


def is_run(folder: str | Path) -> bool:
    """Whether it is the folder of a `RunState` that has saved an epoch."""
    return (Path(folder) / CONFIG).is_file() and (Path(folder) / STATE).is_file()


def run_config(run: str | Path) -> dict:
    """The settings of a run, as they were given to `RunState`.

    Raises:
        ValueError: the folder holds no run.
    """
    try:
        return json.loads((Path(run) / CONFIG).read_text(encoding="utf-8"))["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{run} holds no run: {type(error).__name__} {error}") from None


def run_epoch(run: str | Path) -> int:
    """The epoch whose weights a run's folder holds.

    Raises:
        ValueError: none is saved.
    """
    try:
        return int(json.loads((Path(run) / STATE).read_text())["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{run} has not saved an epoch yet. Received: run={str(run)!r}") from None


def epochs_done(run: str | Path) -> int:
    """Epochs of a run that are saved; 0 also of a folder that is not there."""
    try:
        return run_epoch(run)
    except ValueError:
        return 0


def epochs_left(run: str | Path) -> int:
    """Epochs that a run lacks of the "epochs" of its settings.

    Raises:
        ValueError: no run, or settings that do not say how long it lasts.
    """
    epochs = run_config(run).get("epochs")
    if not isinstance(epochs, int):
        raise ValueError(
            f"the settings of {run} must have a number of 'epochs'. Received: epochs={epochs!r}"
        )
    return max(epochs - epochs_done(run), 0)


def load_finished(run: str | Path) -> FaceModel:
    """The `FaceModel` of a run that has come to its end, as `load_trained` gives it.

    For what is to be published or to teach others, where half of a training would go unnoticed.

    Args:
        run: folder of a `Stage`, or of a `RunState` whose settings have "epochs".

    Returns:
        A model that was never compiled.

    Raises:
        ValueError: epochs are left, or as `load_trained`.
    """
    if epochs_left(run):
        done, epochs = epochs_done(run), run_config(run)["epochs"]
        raise ValueError(f"{run} is at epoch {done} of {epochs}; train it to its end first")
    return load_trained(run)


def load_trained(run: str | Path, spec: dict | None = None) -> FaceModel:
    """The `FaceModel` that a run has trained, in float32 and without its optimiser.

    The weights may be those of the `FaceModel` itself, or of one that trained it: a `Distiller`'s
    student, a model around that. They are looked for as the one group of the file that has the
    heads. A trunk trained with `FusedBatchNormalization` or dropout comes back without.

    Args:
        run: folder of a `RunState`.
        spec: `FaceModel.get_spec()` of the network, default the entry "spec" of the settings.

    Returns:
        A model that was never compiled.

    Raises:
        ValueError: no run, no saved epoch, no spec, or weights that do not fit it.
    """
    run = Path(run)
    spec = run_config(run).get("spec") if spec is None else spec
    if not isinstance(spec, dict):
        raise ValueError(
            f"the settings of {run} must have the network's description under 'spec'. "
            f"Received: spec={spec!r}"
        )
    weights = run / f"epoch-{run_epoch(run):04d}.weights.h5"
    try:
        model = FaceModel.from_spec(spec)
        with h5py.File(weights) as stored, tempfile.TemporaryDirectory() as folder:
            group = _network_group(stored, [task.name for task in model.tasks])
            part = Path(folder) / "network.weights.h5"
            with h5py.File(part, "w") as file:
                for name in stored[group]:
                    stored.copy(f"{group}/{name}", file)
            trained = model
            if _is_fused(stored[group]):
                trained = FaceModel.from_spec(spec, normalization=FusedBatchNormalization)
            with warnings.catch_warnings():
                # Keras only warns where a layer keeps the weights that it was made with.
                warnings.simplefilter("error", UserWarning)
                trained.load_weights(part)
    except (OSError, KeyError, TypeError, ValueError, UserWarning) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{weights} does not fit the settings of {run}: {line}") from None
    if trained is not model:
        model.set_weights(trained.get_weights())
    return model


def _network_group(stored: h5py.File, tasks: list[str]) -> str:
    """Path of the one group whose `heads` are those of the tasks."""
    wanted = {f"{task}_head" for task in tasks}
    found = []

    def look(path: str) -> None:
        group = stored[path]
        if HEADS in group and isinstance(group[HEADS], h5py.Group):
            if set(group[HEADS]) - {"vars"} == wanted:
                found.append(path)
        for name, child in group.items():
            if isinstance(child, h5py.Group):
                look(f"{path}/{name}" if path != "/" else f"/{name}")

    look("/")
    if len(found) != 1:
        raise ValueError(
            f"one network with the heads {sorted(wanted)} must be in the file. "
            f"Received: {len(found)} of them"
        )
    return found[0]


def _is_fused(group: h5py.Group) -> bool:
    names: list[str] = []
    group.visit(names.append)
    return any(FUSED in name for name in names)
