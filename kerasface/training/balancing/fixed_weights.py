"""Task weights that stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keras import ops

from kerasface.export import registered
from kerasface.tasks import Task
from kerasface.training.balancing.task_balancing import TaskBalancing


@registered
class FixedWeights(TaskBalancing):
    """`sum_t w_t L_t` with constant weights.

    Each task's `alpha` is in its loss already: a weight comes on top of it.

    Args:
        weights: by task name, 0 or more; 1 for tasks that are not named. Default: all 1.
        name: of the layer.
        **kwargs: others of a layer.

    Raises:
        ValueError: a weight below 0; in `start`, a task that the model has not.

    Example:

        BalancedModel(model, FixedWeights({"age": 0.3}))
    """

    def __init__(
        self, weights: Mapping[str, float] | None = None, name: str = "fixed_weights", **kwargs
    ):
        super().__init__(name=name, **kwargs)
        given = {task: float(weight) for task, weight in (weights or {}).items()}
        if any(not 0.0 <= weight < float("inf") for weight in given.values()):
            raise ValueError(f"weights must be 0 or more. Received: weights={given}")
        # A tuple: Keras would wrap a dict that is an attribute.
        self.given = tuple(given.items())

    def start(self, tasks: Sequence[Task]) -> None:
        unknown = set(dict(self.given)) - {task.name for task in tasks}
        if unknown:
            raise ValueError(
                f"weights are of tasks that are balanced, {[task.name for task in tasks]}. "
                f"Received: a weight of {sorted(unknown)}"
            )
        super().start(tasks)

    def task_weights(self):
        given = dict(self.given)
        return ops.convert_to_tensor([given.get(name, 1.0) for name in self.balanced], "float32")

    def get_config(self) -> dict:
        config = super().get_config()
        del config["learning_rate"], config["optimizer"]
        return {**config, "weights": dict(self.given)}
