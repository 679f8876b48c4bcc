"""Random numbers that are a function of (seed, row, column): the same on every platform.

Each number depends only on its own place, so the first rows of a larger draw equal a smaller
draw, and a face looks the same whether it is drawn alone or in a batch. Only integer arithmetic
is used here; NumPy's `Generator` may change its streams between versions.
"""

import numpy as np

MULTIPLIER_A = np.uint32(0x7FEB352D)  # a 32-bit mixing pair with low bias, from a published search
MULTIPLIER_B = np.uint32(0x846CA68B)
GOLDEN = 0x9E3779B1  # 2**32 divided by the golden ratio: spreads neighbouring counters
SPAN = 2.0**-32
SUMMED = 4  # uniforms in one bell-shaped number


def scramble(values: np.ndarray) -> np.ndarray:
    """Mixes the bits of uint32 counters in place, so that neighbours look unrelated."""
    values ^= values >> np.uint32(16)
    values *= MULTIPLIER_A
    values ^= values >> np.uint32(15)
    values *= MULTIPLIER_B
    values ^= values >> np.uint32(16)
    return values


def key_of(seed: int, purpose: str) -> int:
    """A 32-bit key for one use of a seed: keys of different purposes are unrelated.

    Args:
        seed: integer of at least 0.
        purpose: what the numbers are for.

    Raises:
        ValueError: `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed must be at least 0. Received: seed={seed}")
    return int(np.random.SeedSequence([seed, *purpose.encode()]).generate_state(1)[0])


def random_bits(key: int, rows: int, columns: int) -> np.ndarray:
    """`(rows, columns)` uint32, each a function of key, row and column."""
    across = scramble(np.arange(columns, dtype=np.uint32) * np.uint32(GOLDEN) + np.uint32(key))
    down = np.arange(1, rows + 1, dtype=np.uint32) * np.uint32(GOLDEN)
    return scramble(across[None] ^ scramble(down)[:, None])


def uniform(key: int, rows: int, columns: int) -> np.ndarray:
    """`(rows, columns)` float64 in [0, 1)."""
    return random_bits(key, rows, columns) * SPAN


def bell(key: int, rows: int, columns: int) -> np.ndarray:
    """`(rows, columns)` float64 of mean 0 and variance 1, within 3.5: a sum of four uniforms."""
    parts = uniform(key, rows, columns * SUMMED)
    total = parts[:, :columns].copy()
    for part in range(1, SUMMED):
        total += parts[:, part * columns : (part + 1) * columns]
    return (total - SUMMED / 2) * (12 / SUMMED) ** 0.5
