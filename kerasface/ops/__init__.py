"""Pure tensor functions on `keras.ops`: no state, no Keras objects, shapes in every docstring."""

from kerasface.ops.masking import as_mask, labelled_weights, masked_mean, row_mask

__all__ = ["as_mask", "labelled_weights", "masked_mean", "row_mask"]
