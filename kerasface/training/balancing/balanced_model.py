"""A model over tasks whose losses are weighed while it trains."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import keras
from keras import ops

from kerasface.metrics.step_values import LatestValue, PresentMean
from kerasface.models.partial_labels import PartialLabelsModel
from kerasface.ops.forking import fork_features
from kerasface.training.balancing.choice import balancing_by_name
from kerasface.training.balancing.replicas import replica_count
from kerasface.training.balancing.task_balancing import TaskBalancing

ADVERSARY = "domain"
WEIGHT, NORM = "weight", "gradient_norm"


class LossParts(NamedTuple):
    """A step's loss apart: `(tasks,)` losses and rows of the balanced tasks, and the rest."""

    losses: object
    rows: object
    rest: object


class BalancedModel(PartialLabelsModel):
    """Trains a model over tasks by `sum_t w_t L_t + L_rest` with weights from a balancing.

    `L_t` is the task's loss as the model has it: of its labelled rows times the task's `alpha`,
    under a `Distiller` with its teacher's part. `L_rest` has weight 1: the adversary (`Domain`
    tasks) and regularisers. The weights are variables of the balancing, saved and restored with
    this model and unknown to its optimiser; the model's own weights are as they would be without,
    so `balanced.model` is what is published. `evaluate` gives the plain sum of the losses, which
    is the same for every balancing.

    The logs of training have `<task>_weight`, after the last step, and, where they are measured,
    `<task>_gradient_norm`, the mean over the steps that have a label for the task.

    TensorFlow and JAX. Under `tf.distribute.MirroredStrategy` make model and balancing inside the
    scope; losses and norms are then those of the global batch.

    Args:
        model: `FaceModel`, or a `Distiller` of one.
        balancing: a `TaskBalancing`, or a name: "fixed" (all 1), "uncertainty", "gradnorm" (exact
            norms), "gradnorm_features" or "gradnorm_reference".
        name: of the model.
        **kwargs: others of a Keras model.

    Call arguments:
        images: as the model's.

    Raises:
        ValueError: an unknown name; no task to balance; norms that this model cannot give.

    Example:

        student = FaceModel(trunk, tasks, shared=256)
        model = BalancedModel(Distiller(student), GradNorm(alpha=1.5))
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        model.fit(mix(sets, per_batch, tasks, soft=True), steps_per_epoch=250, epochs=20)
        student.save_weights("student.weights.h5")
    """

    def __init__(
        self,
        model: PartialLabelsModel,
        balancing: str | TaskBalancing = "fixed",
        name: str = "balanced_model",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if keras.backend.backend() not in ("tensorflow", "jax"):
            raise ValueError(
                "the training step is written for TensorFlow and JAX. "
                f"Received: backend={keras.backend.backend()!r}"
            )
        self.model, self.tasks = model, tuple(model.tasks)
        self.balancing = balancing_by_name(balancing)
        balanced = [task for task in self.tasks if task.kind != ADVERSARY]
        if not balanced:
            raise ValueError(f"there is no task to balance. Received: tasks={self.tasks}")
        if self.balancing.norms == "exact" and model.network().shared is None:
            raise ValueError(
                "exact norms need a network that owns its last shared layer, "
                "FaceModel(..., shared=256); other networks have norms='features' and "
                "'reference'. Received: shared=None"
            )
        self.balancing.start(balanced)
        # Where the balanced tasks stand among the copies that a fork gives.
        self.copies = tuple(model.network().heads.task_names)
        self.places = tuple(self.copies.index(task.name) for task in balanced)
        mean = keras.metrics.Mean
        self.task_trackers = {task.name: mean(name=f"{task.name}_loss") for task in self.tasks}
        names = self.balancing.balanced
        self.weight_trackers = {each: LatestValue(name=f"{each}_{WEIGHT}") for each in names}
        measured = names if self.balancing.norms else ()
        self.norm_trackers = {each: PresentMean(name=f"{each}_{NORM}") for each in measured}
        self.model_trackers = model.loss_trackers()
        self.built = True

    def compile(self, optimizer="adamw", loss=None, weighted_metrics=None, **kwargs):
        """As any model over tasks; `loss` is a dict by task name.

        Raises:
            ValueError: `loss` is no dict of `keras.losses.Loss`, or there are `loss_weights`: those
                are the balancing's.
        """
        loss = loss or {task.name: task.make_loss() for task in self.tasks}
        known = isinstance(loss, dict) and set(loss) <= {task.name for task in self.tasks}
        if not known or not all(isinstance(each, keras.losses.Loss) for each in loss.values()):
            raise ValueError(
                f"loss must be a dict from task name to keras.losses.Loss. Received: loss={loss}"
            )
        if kwargs.get("loss_weights") is not None:
            raise ValueError(
                "weights of the losses are given to the balancing, FixedWeights({...}). "
                f"Received: loss_weights={kwargs['loss_weights']}"
            )
        self.loss_functions = dict(loss)
        # Not `super()`: the losses are called one by one here, and Keras's sum of them never.
        keras.Model.compile(
            self,
            optimizer=optimizer,
            weighted_metrics=weighted_metrics
            or {task.name: task.make_metrics() for task in self.tasks},
            **kwargs,
        )

    def call(self, images, training=False, fork=None):
        if fork is None:
            return self.model(images, training=training)
        return self.model(images, training=training, fork=fork)

    def network(self) -> PartialLabelsModel:
        return self.model.network()

    def train_step(self, *arguments):
        """One step, in the form of the backend: `(data)`, or on JAX `(state, data)`."""
        if keras.backend.backend() == "jax":
            from kerasface.training.balancing.jax_step import train_step
        else:
            from kerasface.training.balancing.tensorflow_step import train_step
        return train_step(self, *arguments)

    def answer(self, images, probe, total=None):
        """Outputs in training; where `balancing` measures in the backward pass, through a fork.

        Args:
            images: the batch.
            probe: `(copies,)` float32; its gradient is the norms, a fork's of all heads.
            total: function of a tensor to its sum over the replicas, or None.
        """
        norms, network = self.balancing.norms, self.network()
        if norms == "exact":
            fork = partial(network.shared.measured, probe=probe, total=total)
            return self(images, training=True, fork=fork)
        if norms == "features":

            def fork(features):
                shared = network.shared
                features = features if shared is None else shared.project(features)
                copies = fork_features(features, probe, total)
                return dict(zip(self.copies, copies, strict=True))

            return self(images, training=True, fork=fork)
        return self(images, training=True)

    def last_shared_kernel(self) -> keras.Variable:
        """The weights at which the reference measures.

        Raises:
            ValueError: no trainable kernel is shared.
        """
        network = self.network()
        if network.shared is not None:
            return network.shared.layer.kernel
        kernels = [each for each in network.trunk.trainable_variables if len(each.shape) >= 2]
        if not kernels:
            raise ValueError(
                "GradNorm needs a trainable kernel that the tasks share. "
                f"Received: a trunk without one, {network.trunk.name!r}"
            )
        return kernels[-1]

    def loss_parts(self, x, y, y_pred, sample_weight=None, training=True) -> LossParts:
        """The loss of this replica's rows apart; updates `<task>_loss` of the logs."""
        losses, rows = self.model.task_losses(
            self.loss_functions, x, y, y_pred, sample_weight, training
        )
        losses = {name: ops.cast(value, "float32") for name, value in losses.items()}
        batch = ops.sum(ops.ones_like(next(iter(y_pred.values()))[..., 0], "float32"))
        for name, value in losses.items():
            # Keras divides a loss by the number of replicas; the logs are of the whole.
            self.task_trackers[name].update_state(value * replica_count(), sample_weight=batch)
        nothing = ops.zeros(())
        names = self.balancing.balanced
        rest = sum((value for name, value in losses.items() if name not in names), nothing)
        rest = sum((ops.sum(ops.cast(each, "float32")) for each in self.losses), rest)
        return LossParts(
            ops.stack([losses.get(name, nothing) for name in names]),
            ops.stack([rows.get(name, nothing) for name in names]),
            rest,
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum in training, else the plain sum."""
        parts = self.loss_parts(x, y, y_pred, sample_weight, training)
        losses = parts.losses * self.balancing.task_weights() if training else parts.losses
        return ops.sum(losses) + parts.rest

    def balance(self, parts: LossParts, norms) -> None:
        """Changes the task weights after a step.

        Args:
            parts: of the global batch.
            norms: `(tasks,)` of the global batch and without a loss scale, or None.
        """
        self.balancing.update(parts.losses, norms, parts.rows)
        weights = ops.unstack(self.balancing.task_weights(), len(self.balancing.balanced))
        for place, name in enumerate(self.balancing.balanced):
            self.weight_trackers[name].update_state(weights[place])
            if name in self.norm_trackers:
                present = (parts.rows[place] > 0) & ops.isfinite(norms[place])
                self.norm_trackers[name].update_state(norms[place], present)

    def step_logs(self, loss, x, y, y_pred, sample_weight) -> dict:
        """The logs of a step, whose loss is that of this replica's share of the global batch."""
        rows = ops.sum(ops.ones_like(next(iter(y_pred.values()))[..., 0], "float32"))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=rows)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, self.model.own_labels(y), y_pred, sample_weight)

    def evaluate(self, *args, return_dict=True, **kwargs):
        """As of any model over tasks; what is measured in training only is left out."""
        logs = super().evaluate(*args, return_dict=return_dict, **kwargs)
        if not isinstance(logs, dict):
            return logs
        trackers = (*self.weight_trackers.values(), *self.norm_trackers.values())
        dropped = {each.name for each in (*trackers, *self.model_trackers)}
        return {name: value for name, value in logs.items() if name not in dropped}
