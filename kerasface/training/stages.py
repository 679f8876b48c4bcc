"""Stages of a training, each of which keeps its checkpoints, resumes, and begins from another.

Full initialisation of a student, Wang et al. (2017), eq. 3 and 4, is two of them:

    student = pretrain(FaceModel.from_spec(spec), Stage("runs/labels", batches, ...))
    student = distil(student, teacher, [SoftTargets(3.0)], Stage("runs/distilled", batches, ...))

`transfer_to` makes a model for new tasks in one call, with a schedule of its own and no checkpoint;
these are for trainings that are stated by hand, compared, killed and taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from kerasface.data.prepared import PreparedSet
from kerasface.models import FaceModel
from kerasface.training.devices import Devices
from kerasface.training.distillation_terms import HiddenTarget, OutputTerm
from kerasface.training.distiller import Distiller
from kerasface.training.epoch_fitting import fit_epochs
from kerasface.training.hint_regression import HintRegression
from kerasface.training.known_data import check_data
from kerasface.training.run_state import RunState
from kerasface.training.trained_run import epochs_done, load_trained


@dataclass(frozen=True)
class Stage:
    """Where a stage is kept, what it sees and for how long.

    Args:
        folder: its own; made if it is not there. `load_trained` reads the student from it.
        batches: from the step to begin with to batches, such as a function that calls `mix`
            with `first_step`.
        optimizer: makes a new one.
        epochs: of the whole stage, 1 or more.
        steps_per_epoch: batches of an epoch, 1 or more.
        settings: JSON-safe, of what else matters: a folder of other settings is refused.
        callbacks: of `fit`, in every process: schedules.
        reports: those that write or measure; of several hosts the first has them.
        sets: what the batches are made of, by name: looked at by `check_data` before the first
            step, for the student's tasks.
        rows: of a global batch; needed on several devices.
        devices: where it trains, default one. Make the networks in their `scope`, and come to
            each stage on every host.
        together: as in `Devices.share`.

    Raises:
        ValueError: fewer than one epoch or step, or rows that the devices cannot share.
    """

    folder: str | Path
    batches: Callable[[int], Any]
    optimizer: Callable[[], keras.optimizers.Optimizer]
    epochs: int
    steps_per_epoch: int
    settings: dict = field(default_factory=dict)
    callbacks: Sequence[keras.callbacks.Callback] = ()
    reports: Sequence[keras.callbacks.Callback] = ()
    sets: Mapping[str, PreparedSet] = field(default_factory=dict)
    rows: int | None = None
    devices: Devices = field(default_factory=Devices)
    together: int = 1

    def __post_init__(self):
        if self.epochs < 1 or self.steps_per_epoch < 1:
            raise ValueError(
                "a stage has one epoch and one step or more. "
                f"Received: epochs={self.epochs}, steps_per_epoch={self.steps_per_epoch}"
            )
        if self.rows is None and self.devices.replicas > 1:
            raise ValueError(
                "a stage on several devices must know the rows of its batches. Received: rows=None"
            )
        self.devices.check_rows(self.rows or 0, together=self.together)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to train; hosts ask it together."""
        return self.devices.once(lambda: epochs_done(self.folder) >= self.epochs)

    def train(
        self, model: keras.Model, student: FaceModel, learnt: dict | None = None, **compile_with
    ) -> None:
        """Trains a model, which is or holds the student, for the epochs that are left.

        A finished stage only gives the model its last weights, and asks for no batch.

        Args:
            model: to compile and fit.
            student: whose description goes into the settings.
            learnt: more of the settings, JSON-safe: what is learnt from a teacher.
            **compile_with: of `model.compile`, such as `loss`.

        Raises:
            ValueError: the folder holds a stage of other settings, or a label is out of range.
            ChangedData: it goes on with other sets than it began with.
            NonFiniteLoss: as `fit_epochs`.
        """
        settings = {
            **self.settings,
            **(learnt or {}),
            "spec": student.get_spec(),
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }
        devices = self.devices
        state = RunState(self.folder, settings, writes=devices.chief)
        with devices.scope():
            model.compile(self.optimizer(), **compile_with)
            first = state.restore(model)
            if first < self.epochs and self.sets:
                parts = {"train": self.sets}
                check_data(self.folder, parts, student.tasks, writes=devices.chief)
            fit_epochs(
                model,
                self.batches,
                self.rows or 0,
                self.folder,
                first=first,
                epochs=self.epochs,
                steps_per_epoch=self.steps_per_epoch,
                devices=devices,
                together=self.together,
                callbacks=self.callbacks,
                reports=[*self.reports, state],
            )


def pretrain(student: FaceModel, stage: Stage, loss: dict | None = None) -> FaceModel:
    """Trains a student on labels alone; the result is the paper's W_S0 (its eq. 3).

    Args:
        student: to train, made anew or given weights by `transfer_weights`.
        stage: its folder and schedule.
        loss: by task name, default each task's own.

    Returns:
        The student.
    """
    stage.train(student, student, loss=loss)
    return student


def distil(
    student: FaceModel,
    teacher: FaceModel | None,
    terms: Sequence[OutputTerm | HiddenTarget],
    stage: Stage,
    hard: float = 1.0,
    loss: dict | None = None,
) -> FaceModel:
    """Trains a student on labels and a teacher (eq. 2, 4, 5, 7, 9), from the weights it has.

    Args:
        student: to train.
        teacher: asked online, or None where the batches hold what it said.
        terms: what is learnt from the teacher.
        stage: its folder and schedule.
        hard: factor of the labels' losses.
        loss: by task name, default each task's own.

    Returns:
        The student.
    """
    with stage.devices.scope():
        model = Distiller(student, teacher, hard=hard, terms=terms)
    learnt = {"hard": float(hard), "terms": [_about(term) for term in terms]}
    stage.train(model, student, learnt, loss=loss)
    return student


def regress_hint(
    student: FaceModel, teacher: FaceModel | None, target: HiddenTarget, stage: Stage
) -> FaceModel:
    """Trains a student's lower layers on a middle layer of a teacher (FitNets' first stage).

    Args:
        student: to train.
        teacher: asked online, or None where the batches hold what it said.
        target: which layers.
        stage: its folder and schedule.

    Returns:
        The student.
    """
    with stage.devices.scope():
        model = HintRegression(student, teacher, target)
    stage.train(model, student, {"hint": _about(target)})
    return student


def initialise(student: FaceModel, run: str | Path) -> FaceModel:
    """Gives a student the weights of an earlier run or stage: `transfer_weights` of its network.

    Args:
        student: to begin with.
        run: folder of a `Stage` or `RunState`.

    Returns:
        The student.

    Raises:
        ValueError: the run has saved nothing, or its trunk is another.
    """
    transfer_weights(load_trained(run), student)
    return student


def transfer_weights(source: FaceModel, target: FaceModel) -> tuple[str, ...]:
    """Copies the trunk, and the heads that both have in one shape; other heads stay as they are.

    Args:
        source: whose weights are copied.
        target: of the same trunk; its normalisation layers may be of another class.

    Returns:
        Names of the tasks whose heads were copied.

    Raises:
        ValueError: the trunks' weights differ in number or shape.
    """
    _copy(source.trunk, target.trunk)
    if source.shared is not None and target.shared is not None:
        _copy(source.shared, target.shared)
    copied = []
    for name in target.heads.task_names:
        if name in source.heads.task_names:
            ours, theirs = target.heads.head(name), source.heads.head(name)
            if _shapes(ours) == _shapes(theirs):
                _copy(theirs, ours)
                copied.append(name)
    return tuple(copied)


def _about(term: OutputTerm | HiddenTarget) -> dict:
    """A term's plain settings, so that a folder of others is refused."""
    plain = (str, int, float, bool, tuple, type(None))
    kept = {name: value for name, value in vars(term).items() if isinstance(value, plain)}
    return {"kind": type(term).__name__, **kept}


def _copy(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    if _shapes(source) != _shapes(target):
        raise ValueError(
            "weights are copied between layers of one form. "
            f"Received: {source.name!r} with {len(source.weights)} weights, {target.name!r} "
            f"with {len(target.weights)} or others in shape"
        )
    target.set_weights(source.get_weights())


def _shapes(layer: keras.layers.Layer) -> list[tuple]:
    return [tuple(weight.shape) for weight in layer.weights]
