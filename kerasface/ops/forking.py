"""Copies of one tensor for several tasks whose backward pass also measures each task's gradient.

The norms come out as the "gradient" of a second argument, `probe`, whose values are not used:
that is the way from inside a backward pass to whoever asked for it, on every backend.
"""

import keras
from keras import ops


def fork_dense(x, kernel, bias, probe, total=None):
    """Returns `x @ kernel + bias` once for each task; measures `||X^T g_i||` going back.

    `g_i` is the gradient that comes back into copy `i` from its task alone. The gradient of
    `kernel` is `sum_i X^T g_i`, so its parts are there in one matrix product that autodiff does
    too; their norms are exact and cost no backward pass. Bias takes no part in the norms.

    Args:
        x: `(..., dim)` float, in the dtype to compute in. Over maps `(batch, height, width, dim)`
            this is a convolution of size 1.
        kernel: `(dim, units)` float.
        bias: `(units,)` float.
        probe: `(tasks,)` float32 of any value. Its gradient is `G`, `(tasks,)`, the Frobenius
            norms `||X^T g_i||`, summed in float32 in every policy.
        total: function of a tensor to its sum over the replicas, or None where there is one.
            It is given the stacked `X^T g_i`, since a norm of sums is no sum of norms.

    Returns:
        A tuple of `tasks` tensors `(..., units)` of the dtype of `x`.

    Reference:
        Chen et al., "GradNorm" (2018), eq. 1, `W` being `kernel`.
    """
    tasks, (dim, units) = probe.shape[0], tuple(kernel.shape)

    @ops.custom_gradient
    def forward(x, kernel, bias, probe):
        narrow = ops.cast(kernel, x.dtype)
        y = ops.matmul(x, narrow) + ops.cast(bias, x.dtype)

        def backward(*upstream):
            # TensorFlow gives the copies' gradients one by one, JAX all in one tuple.
            gradients = keras.tree.flatten(upstream)
            wide = [ops.cast(ops.reshape(g, (-1, units)), "float32") for g in gradients]
            rows = ops.cast(ops.reshape(x, (-1, dim)), "float32")
            # (dim, tasks * units): the tasks side by side make one product.
            parts = ops.matmul(ops.transpose(rows), ops.concatenate(wide, axis=1))
            parts = ops.reshape(parts, (dim, tasks, units))
            summed = sum(gradients[1:], gradients[0])
            return (
                ops.matmul(summed, ops.transpose(narrow)),
                ops.cast(ops.sum(parts, axis=1), kernel.dtype),
                ops.cast(ops.sum(sum(wide[1:], wide[0]), axis=0), bias.dtype),
                _norms(parts if total is None else total(parts), axis=(0, 2)),
            )

        return (y,) * tasks, backward

    return forward(x, kernel, bias, probe)


def fork_features(x, probe, total=None):
    """Returns `x` itself once for each task; measures `||g_i||` going back.

    An approximation of `fork_dense` for networks whose last shared weights it cannot own. Two
    tasks may stand the other way round: a gradient of unit size that is the same in every row
    meets features that average to 0, and nothing of it reaches the weights.

    Args:
        x: float tensor of any shape.
        probe: `(tasks,)` float32 of any value. Its gradient is `(tasks,)`, the root of the sum of
            squares of each task's gradient, over all rows.
        total: function of a tensor to its sum over the replicas, or None. It is given the sums of
            squares: the rows of the replicas are different ones.

    Returns:
        A tuple of `tasks` tensors like `x`.
    """
    tasks = probe.shape[0]

    @ops.custom_gradient
    def forward(x, probe):
        def backward(*upstream):
            gradients = keras.tree.flatten(upstream)
            squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients]
            squares = ops.stack(squares)
            norms = ops.sqrt(squares if total is None else total(squares))
            return sum(gradients[1:], gradients[0]), norms

        return (x,) * tasks, backward

    return forward(x, probe)


def _norms(parts, axis):
    return ops.sqrt(ops.sum(ops.square(parts), axis=axis))
