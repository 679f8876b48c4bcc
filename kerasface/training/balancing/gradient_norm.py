"""Task weights that keep the tasks' gradients of comparable size: GradNorm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras import ops

from kerasface.export import registered
from kerasface.ops.gradient_norms import (
    gradient_norm_slopes,
    gradient_norm_targets,
    renormalized,
)
from kerasface.tasks import Task
from kerasface.training.balancing.task_balancing import TaskBalancing

NORMS = ("exact", "features", "reference")
# What a weight is raised to before the weights are brought back to their sum.
LOWEST = 1e-3


@registered
class GradNorm(TaskBalancing):
    """Weights `w_t` such that slow tasks have larger gradients at the last shared weights `W`.

    After each step `w` follows the gradient of `sum_t |G_t - mean(G) r_t^alpha|`, where
    `G_t = ||grad_W w_t L_t||` over the global batch and `r_t` is the task's relative rate, with an
    optimiser of its own; then `w` is brought back to the sum `T`. `G` is of the kernel, without
    the bias, and without the loss scale of float16; a step whose norms are not finite (the scale
    was too large) changes no weight. The adversary (a `Domain` task) is no part of it.

    - `norms="reference"`: a backward pass for each task, from its loss down to `W` and no
      further. Any model; `W` is the shared layer of the `FaceModel`, or where it has none the
      last kernel of its trunk.
    - `norms="exact"`: the same numbers out of the one backward pass there is. For a `FaceModel`
      with `shared`, whose `TaskFork` owns `W`.
    - `norms="features"`: norms of the gradients at the features, `||grad_features w_t L_t||`, for
      any `FaceModel` and as cheap. An approximation: a weight can move the other way than with
      the two others (see `kerasface.ops.fork_features`).

    A task without a labelled row in the batch has no loss and no norm: it is left out of the
    means, keeps its weight to the last digit, and the others share what it leaves of `T`. Its
    first loss is that of its first labelled batch. Under a `Distiller` every task has a loss in
    every batch; without labels it is its teacher's part alone.

    Args:
        alpha: strength of the pull towards slow tasks, 0 or more; default 1.5. 0: equal norms.
        learning_rate: of the weights, default 0.025, chosen once and not tuned.
        optimizer: "adam" or "sgd".
        norms: "exact", "features" or "reference", see above.
        first_losses: by task name the `L(0)` to compare with, above 0, where that of the first
            batch says little: log(classes) is what the paper takes then. With `alpha` of the task
            and, under a `Distiller`, its teacher's part, as in the loss. Default: measured.
        name: of the layer.
        **kwargs: others of a layer.

    Raises:
        ValueError: `alpha` below 0, unknown `norms`, a first loss of 0 or less, or as
            `TaskBalancing`; in `start`, a first loss of a task that the model has not.

    Reference:
        Chen, Badrinarayanan, Lee, Rabinovich, "GradNorm" (2018), eq. 1 and 2, algorithm 1. Ours
        has a lower limit of 0.001 before the renormalisation and leaves out tasks without labels.
    """

    def __init__(
        self,
        alpha: float = 1.5,
        learning_rate: float = 0.025,
        optimizer: str = "adam",
        norms: str = "exact",
        first_losses: Mapping[str, float] | None = None,
        name: str = "gradient_norm",
        **kwargs,
    ):
        super().__init__(learning_rate, optimizer, name=name, **kwargs)
        if not 0.0 <= alpha < float("inf") or norms not in NORMS:
            raise ValueError(
                f"alpha must be 0 or more and norms one of {NORMS}. "
                f"Received: alpha={alpha}, norms={norms!r}"
            )
        given = {task: float(loss) for task, loss in (first_losses or {}).items()}
        if any(not 0.0 < loss < float("inf") for loss in given.values()):
            raise ValueError(f"first losses must be more than 0. Received: first_losses={given}")
        self.alpha, self.norms = float(alpha), norms
        # A tuple: Keras would wrap a dict that is an attribute.
        self.given = tuple(given.items())

    def start(self, tasks: Sequence[Task]) -> None:
        given = dict(self.given)
        unknown = set(given) - {task.name for task in tasks}
        if unknown:
            raise ValueError(
                f"first losses are of tasks that are balanced, {[task.name for task in tasks]}. "
                f"Received: a first loss of {sorted(unknown)}"
            )
        super().start(tasks)
        self.task_weight = self._vector("task_weight", 1.0)
        # 0 where the task was not seen yet.
        self.first_loss = self._vector("first_loss", 0.0)
        self.first_loss.assign([given.get(name, 0.0) for name in self.balanced])

    def task_weights(self):
        return ops.convert_to_tensor(self.task_weight)

    def update(self, losses, norms, rows) -> None:
        present = ops.cast(rows > 0, "float32")
        usable = ops.all((ops.isfinite(norms) & ops.isfinite(losses)) | (present == 0))
        present = present * ops.cast(usable, "float32")
        losses = ops.where(present > 0, losses, 0.0)
        norms = ops.where(present > 0, norms, 0.0)
        weights = ops.convert_to_tensor(self.task_weight)
        first = ops.convert_to_tensor(self.first_loss)
        first = ops.where((present > 0) & (first <= 0), losses, first)
        targets = gradient_norm_targets(norms, losses, first, self.alpha, present)
        slopes = gradient_norm_slopes(norms, targets, weights, present)
        moved = self.step(weights, slopes, present)
        self.first_loss.assign(first)
        self.task_weight.assign(renormalized(moved, present, LOWEST))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "norms": self.norms,
            "first_losses": dict(self.given),
        }
