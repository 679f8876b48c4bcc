"""Task weights from a noise that is learnt for each task."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasface.export import registered
from kerasface.ops.uncertainty import uncertainty_slopes, uncertainty_weights
from kerasface.tasks import Task
from kerasface.training.balancing.task_balancing import TaskBalancing


@registered
class UncertaintyWeighting(TaskBalancing):
    """`sum_t c_t exp(-s_t) L_t + d_t s_t` with a learnt log-variance `s_t` for each task.

    The form follows from the loss (`kerasface.ops.uncertainty_loss` has the table):

    - softmax, `exp(-s) L + s / 2`: classes, numbers over bins, and embeddings, whose triplet loss
      is no likelihood and is treated as if it were one;
    - laplace, `exp(-s) L + s`: a number without bins and landmarks, whose losses are absolute
      errors. The paper's form for a squared error, `exp(-s) L / 2 + s / 2`, is none of ours.

    `s` has an optimiser of its own and its slope is a formula of the losses, so the network's
    optimiser, its rate, clipping and decay do not touch it. A task without a labelled row leaves
    its `s` where it is. The reported loss holds the `d_t s_t`, so it can fall below 0.

    Args:
        learning_rate: of the log-variances, default 0.01. The paper gives none of its own.
        optimizer: "adam" or "sgd".
        name: of the layer.
        **kwargs: others of a layer.

    Raises:
        ValueError: as `TaskBalancing`.

    Reference:
        Kendall, Gal, Cipolla, "Multi-task learning using uncertainty to weigh losses" (2018),
        section 3.2. All `s` begin at 0.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        optimizer: str = "adam",
        name: str = "uncertainty_weighting",
        **kwargs,
    ):
        super().__init__(learning_rate, optimizer, name=name, **kwargs)
        self.forms = ()

    def start(self, tasks: Sequence[Task]) -> None:
        super().start(tasks)
        self.forms = tuple(form_of(task) for task in tasks)
        self.log_variance = self._vector("log_variance", 0.0)

    def task_weights(self):
        return uncertainty_weights(self.log_variance, self.forms)

    def penalty(self, rows):
        present = ops.cast(rows > 0, "float32")
        # The slope at no loss is `d` alone.
        alone = uncertainty_slopes(ops.zeros_like(present), self.log_variance, self.forms, present)
        return ops.sum(alone * self.log_variance)

    def update(self, losses, norms, rows) -> None:
        present = ops.cast((rows > 0) & ops.isfinite(losses), "float32")
        losses = ops.where(present > 0, losses, 0.0)
        slopes = uncertainty_slopes(losses, self.log_variance, self.forms, present)
        self.log_variance.assign(self.step(self.log_variance, slopes, present))


def form_of(task: Task) -> str:
    """Which form of `kerasface.ops.uncertainty_loss` is that of a task's loss."""
    absolute = task.kind == "landmarks" or (task.kind == "regression" and task.bins is None)
    return "laplace" if absolute else "softmax"
