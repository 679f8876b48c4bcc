"""The last shared layer, which hands each task its own copy of what it gives."""

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.forking import fork_dense


@registered
class TaskFork(keras.layers.Layer):
    """Owns the last shared Dense or 1x1 convolution and gives each task its own copy.

    Called, it is that layer: the copies are the same tensor. `measured` gives the same values and
    gradients, and the norm of each task's gradient at the layer's kernel besides, without a
    backward pass for each: the copies' gradients come back separately.

    Args:
        tasks: names of the tasks, one or more, all different; the order of the norms.
        layer: `keras.layers.Dense`, or `keras.layers.Conv2D` of kernel size 1, stride 1, one
            group and channels last. Its activation, where it has one, follows in each copy.
        **kwargs: `name`, `trainable`, `dtype`.

    Call arguments:
        features: `(batch, dim)`, or `(batch, height, width, dim)` for a convolution, float.

    Returns:
        dict from task name to `(..., units)` in the layer's compute dtype.

    Raises:
        ValueError: no task, one twice, or another layer.

    Example:

    >>> import keras
    >>> fork = TaskFork(("age", "gender"), keras.layers.Dense(16, activation="relu"))
    >>> {task: tuple(copy.shape) for task, copy in fork(keras.ops.ones((2, 8))).items()}
    {'age': (2, 16), 'gender': (2, 16)}

    Reference:
        Chen et al., "GradNorm" (2018), section 3.1: `W` is chosen as the last shared layer.
    """

    def __init__(self, tasks, layer, **kwargs):
        super().__init__(**kwargs)
        self.task_names = tuple(tasks)
        if not self.task_names or len(set(self.task_names)) < len(self.task_names):
            raise ValueError(
                f"`tasks` must have different names, one or more. Received: {self.task_names}"
            )
        if not (isinstance(layer, keras.layers.Dense) or _is_pointwise(layer)):
            raise ValueError(
                "`layer` must be a Dense, or a Conv2D of kernel size 1, stride 1, one group and "
                f"channels last. Received: layer={layer}"
            )
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)

    def project(self, features):
        """What every task is given, once: the output of the layer that is owned."""
        return self.layer(features)

    def call(self, features):
        return dict.fromkeys(self.task_names, self.project(features))

    def measured(self, features, probe, total=None):
        """As a call, with the norms of the tasks' gradients as the gradient of `probe`.

        Args:
            features: as in a call.
            probe: `(tasks,)` float32 of any value; ask for its gradient.
            total: function of a tensor to its sum over the replicas, or None where there is one.

        Returns:
            dict from task name to `(..., units)`. The gradient of `probe` is `(tasks,)` float32,
            `||X^T g_i||` with `X` the features and `g_i` what comes back from task `i` before
            the activation: the norm of that task's part of the kernel's gradient. The bias is
            not part of it.
        """
        layer = self.layer
        # Reshaped, each is a tensor; a custom gradient must not be given a variable.
        kernel = ops.reshape(layer.kernel, tuple(layer.kernel.shape)[-2:])
        bias = (
            ops.zeros(kernel.shape[-1:]) if layer.bias is None else ops.reshape(layer.bias, (-1,))
        )
        x = ops.cast(features, layer.compute_dtype)
        copies = fork_dense(x, kernel, bias, probe, total)
        return {
            task: copy if layer.activation is None else layer.activation(copy)
            for task, copy in zip(self.task_names, copies, strict=True)
        }

    def compute_output_shape(self, input_shape):
        return dict.fromkeys(self.task_names, self.layer.compute_output_shape(input_shape))

    def compute_output_spec(self, features):
        # The layer's own dtype, which need not be that of this one.
        spec = self.layer.compute_output_spec(features)
        return dict.fromkeys(self.task_names, spec)

    def get_config(self):
        return {
            **super().get_config(),
            "tasks": list(self.task_names),
            "layer": keras.saving.serialize_keras_object(self.layer),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)


def _is_pointwise(layer):
    return (
        isinstance(layer, keras.layers.Conv2D)
        and tuple(layer.kernel_size) == (1, 1)
        and tuple(layer.strides) == (1, 1)
        and layer.groups == 1
        and layer.data_format == "channels_last"
    )
