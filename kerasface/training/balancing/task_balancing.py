"""What every way of balancing tasks shares: its variables, its own optimiser, its interface."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.masked_updates import AdamState, masked_adam, masked_sgd
from kerasface.tasks import Task

OPTIMIZERS = ("adam", "sgd")


@registered
class TaskBalancing(keras.layers.Layer):
    """Weights of the tasks' losses, and how they change after a step; a layer without a call.

    It is a layer so that its variables are saved and restored with the model that holds it and
    are part of its state on JAX. None of them is trainable: the model's optimiser does not see
    them, so nothing decays or clips them. A subclass defines `task_weights` and, where it
    learns, `update`.

    Args:
        learning_rate: of the learnt values, above 0; a variable, so that a callback can change
            it. None where nothing is learnt.
        optimizer: "adam" or "sgd", with steps of its own for each task: the values, running means
            and step count of a task that a batch has no label for stand still.
        name: of the layer.
        **kwargs: `dtype` and others of a layer; the variables are float32 in every policy.

    Raises:
        ValueError: a learning rate that is not above 0, or an unknown optimiser.
    """

    # What `update` wants of the step: None, or "exact", "features", "reference"; see `GradNorm`.
    norms: str | None = None

    def __init__(
        self,
        learning_rate: float | None = None,
        optimizer: str = "adam",
        name: str = "balancing",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if learning_rate is not None and not 0.0 < learning_rate < float("inf"):
            raise ValueError(
                f"learning_rate must be more than 0. Received: learning_rate={learning_rate}"
            )
        if optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {OPTIMIZERS}. Received: optimizer={optimizer!r}"
            )
        self.first_learning_rate, self.optimizer_name = learning_rate, optimizer
        self.balanced = ()

    def start(self, tasks: Sequence[Task]) -> None:
        """Makes the variables for these tasks; called once, by the model that is balanced.

        Raises:
            ValueError: it balances another model already.
        """
        if self.balanced:
            raise ValueError(
                "a balancing belongs to one model; make another one. "
                f"Received: one that balances {self.balanced}"
            )
        self.balanced = tuple(task.name for task in tasks)
        if self.first_learning_rate is not None:
            self.learning_rate = self._variable("learning_rate", (), self.first_learning_rate)
        if self.first_learning_rate is not None and self.optimizer_name == "adam":
            slots = (self._vector(f"adam_{field}", 0.0) for field in AdamState._fields)
            self.adam = AdamState(*slots)
        self.built = True

    def task_weights(self):
        """`(tasks,)` float32, what this step's losses are multiplied by."""
        raise NotImplementedError

    def penalty(self, rows):
        """What the reported loss holds beside the weighted losses, a scalar; of no weight's slope.

        Args:
            rows: `(tasks,)` labelled rows of the global batch.
        """
        del rows
        return ops.zeros(())

    def update(self, losses, norms, rows) -> None:
        """Changes the weights after a step.

        Args:
            losses: `(tasks,)` float32 of the global batch, without weights.
            norms: `(tasks,)` float32 norms of the gradients of the weighted losses, unscaled;
                None where `self.norms` is.
            rows: `(tasks,)` labelled rows of the global batch.
        """

    def step(self, variable, slopes, present):
        """The values of a learnt `(tasks,)` variable after a step of its optimiser."""
        values = ops.convert_to_tensor(variable)
        rate = ops.convert_to_tensor(self.learning_rate)
        if self.optimizer_name == "sgd":
            return masked_sgd(values, slopes, present, rate)
        state = AdamState(*(ops.convert_to_tensor(slot) for slot in self.adam))
        values, state = masked_adam(values, slopes, present, state, rate)
        for slot, new in zip(self.adam, state, strict=True):
            slot.assign(new)
        return values

    def _vector(self, name, value):
        return self._variable(name, (len(self.balanced),), value)

    def _variable(self, name, shape, value):
        # Every replica comes to the same value, from sums over all of them.
        return self.add_weight(
            shape=shape,
            initializer=keras.initializers.Constant(value),
            dtype="float32",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name=name,
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "learning_rate": self.first_learning_rate,
            "optimizer": self.optimizer_name,
        }
