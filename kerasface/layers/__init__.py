"""Keras layers; each on `keras.ops` only."""

from kerasface.layers.multi_task_heads import MultiTaskHeads

__all__ = ["MultiTaskHeads"]
