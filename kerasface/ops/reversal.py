"""Gradient reversal: the identity going forward, a negative factor going back."""

from keras import ops


def reverse_gradient(x, strength=1.0):
    """Returns `x` unchanged, with its gradient multiplied by `-strength`.

    `stop(x) - strength * (x - stop(x))`. The bracket is exactly 0 for finite `x`, so the forward
    value is exact in every dtype; the usual `(1 + strength) * stop(x) - strength * x` rounds, in
    bfloat16 by 2.0 at `|x| = 100`.

    Args:
        x: float tensor of any shape.
        strength: scalar, float or tensor, usually from 0 (nothing flows back) to 1. Give a
            variable if it is to change in training: a Python float is fixed at the first trace.

    Returns:
        Tensor like `x`.

    Example:

    >>> float(reverse_gradient(3.0, strength=0.5))
    3.0

    Reference:
        Ganin et al., "Domain-adversarial training of neural networks" (2016), eq. 17 and 18.
    """
    x = ops.convert_to_tensor(x)
    fixed = ops.stop_gradient(x)
    return fixed - ops.cast(strength, x.dtype) * (x - fixed)
