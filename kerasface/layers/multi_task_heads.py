"""The heads of all tasks in one layer, so that weights are saved under the task's name."""

import re

import keras
from keras import ops

from kerasface.export import registered

_TASK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@registered
class MultiTaskHeads(keras.layers.Layer):
    """Gives the shared features to one head per task and returns the outputs by task name.

    Keras stores the layers of a functional model, a list or a dict by class and order, so the
    weights of an expression head load silently into a race head of the same size. It stores the
    attributes of a layer by name. So each head is the attribute `<task>_head` of this layer:
    loading into a model with other tasks, or with the same in another order, fills the heads of
    the same name and raises if the file lacks one of them.

    Args:
        heads: dict from task name (letters, digits, `_`) to a layer `(batch, dim) ->
            (batch, output_size)`. At least one. Order is the order of the outputs.
        **kwargs: `name` (by convention `"heads"`), `dtype`, `trainable`.

    Call arguments:
        features: `(batch, dim)` float tensor from the trunk; or a dict from task name to such a
            tensor, each task's own copy, as `TaskFork` gives them.
        training: bool or None, passed to the heads.

    Returns:
        dict from task name to a float32 tensor `(batch, output_size)`.

    Raises:
        ValueError: if there is no head or a name is not a plain word.

    Example:

    >>> import keras
    >>> heads = MultiTaskHeads(
    ...     {"expression": keras.layers.Dense(7), "age": keras.layers.Dense(1)}, name="heads")
    >>> outputs = heads(keras.ops.ones((2, 16)))
    >>> {task: tuple(value.shape) for task, value in outputs.items()}
    {'expression': (2, 7), 'age': (2, 1)}
    """

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        if not heads:
            raise ValueError(f"`heads` must hold at least one task. Received: heads={heads}")
        for task, head in heads.items():
            if not _TASK_NAME.fullmatch(task):
                raise ValueError(
                    "A task name must be a letter followed by letters, digits or `_`. "
                    f"Received: {task!r}"
                )
            setattr(self, f"{task}_head", head)
        # A tuple of strings is not tracked; a dict or list of layers here would be, and would
        # bring saving by order back.
        self.task_names = tuple(heads)

    def head(self, task):
        """Returns the layer of `task`; raises `KeyError` naming the tasks there are."""
        if task not in self.task_names:
            raise KeyError(
                f"No head for this task; there are {self.task_names}. Received: {task!r}"
            )
        return getattr(self, f"{task}_head")

    def build(self, input_shape):
        for task in self.task_names:
            # A head that was saved built comes back built.
            if not self.head(task).built:
                self.head(task).build(_of(input_shape, task))

    def call(self, features, training=None):
        # Keras hands `training` down to the heads that take it.
        return {
            task: ops.cast(self.head(task)(_of(features, task)), "float32")
            for task in self.task_names
        }

    def compute_output_shape(self, input_shape):
        return {
            task: self.head(task).compute_output_shape(_of(input_shape, task))
            for task in self.task_names
        }

    def compute_output_spec(self, features, training=None):
        # From the shape alone Keras would take the dtype of the policy and not float32.
        shapes = self.compute_output_shape(
            {task: _of(features, task).shape for task in self.task_names}
        )
        return {task: keras.KerasTensor(shape, "float32") for task, shape in shapes.items()}

    def get_config(self):
        heads = {
            task: keras.saving.serialize_keras_object(self.head(task)) for task in self.task_names
        }
        return {**super().get_config(), "heads": heads}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        heads = config.pop("heads")
        return cls(
            {task: keras.saving.deserialize_keras_object(head) for task, head in heads.items()},
            **config,
        )


def _of(values, task):
    """The task's own where there is one each, else what all share."""
    return values[task] if isinstance(values, dict) else values
