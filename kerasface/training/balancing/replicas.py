"""What one replica needs to know of all: how many there are, and sums over them.

On JAX a step is written for the global batch, so there is one.
"""

from __future__ import annotations

import keras


def replica_count() -> int:
    """Replicas that take part in this step."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def sum_over_replicas(tensor):
    """The sum of a tensor over all replicas, the same on each; to be called in a step."""
    if replica_count() == 1:
        return tensor
    import tensorflow as tf

    return tf.distribute.get_replica_context().all_reduce("SUM", tensor)
