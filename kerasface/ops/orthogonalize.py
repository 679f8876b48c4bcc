"""The nearest orthogonal matrix, by a few multiplications."""

from __future__ import annotations

from keras import ops

# Odd quintic a s + b s^3 + c s^5 that lifts small singular values s fastest (Jordan 2024): it
# does not converge to 1 but carries all of 0.01..1 to about 0.7..1.2 within five rounds.
QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrix, rounds: int = 5, dtype: str = "float32"):
    """About `U V^T` of a matrix `U S V^T`: its directions kept, its singular values near 1.

    Newton-Schulz rounds `X <- a X + (b A + c A A) X` with `A = X X^T`, begun at
    `X / ||X||_F`, on the side of the matrix that is shorter.

    Args:
        matrix: `(rows, columns)` float tensor of any scale.
        rounds: how many, default 5.
        dtype: of the multiplications; "bfloat16" halves their time and is exact enough, as the
            quintic is only near 1 anyway.

    Returns:
        A tensor of the matrix's shape and dtype; zeros for a matrix of zeros.

    Raises:
        ValueError: not a matrix.

    Example:
        >>> from keras import ops
        >>> out = orthogonalize(ops.convert_to_tensor([[3.0, 0.0], [0.0, -0.5]]))
        >>> bool(ops.all(ops.abs(ops.abs(ops.diagonal(out)) - 1.0) < 0.35))
        True

    Reference:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024).
    """
    if len(matrix.shape) != 2:
        raise ValueError(f"a matrix has two axes. Received: matrix of shape {matrix.shape}")
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
    x = ops.cast(x, dtype)
    for _ in range(rounds):
        outer = ops.matmul(x, ops.transpose(x))
        mixed = b * outer + c * ops.matmul(outer, outer)
        x = a * x + ops.matmul(mixed, x)
    x = ops.transpose(x) if tall else x
    return ops.cast(x, matrix.dtype)
