"""Which class was taken for which, over the labelled rows only."""

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.masking import row_mask


@registered
class MaskedConfusionMatrix(keras.metrics.Metric):
    """Counts of labelled rows by true class (row) and predicted class (column).

    Args:
        classes: int >= 2, number of classes.
        name: str. Defaults to `"confusion"`.
        dtype: dtype of the state.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integer class numbers.
        y_pred: `(batch, classes)` logits or probabilities.
        sample_weight: as in `MaskedMetric`.

    Returns:
        `(classes, classes)` float32 counts, all 0 if no row was labelled.

    Raises:
        ValueError: if `classes` is below 2.
    """

    def __init__(self, classes, name="confusion", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if classes < 2:
            raise ValueError(f"`classes` must be at least 2. Received: classes={classes}")
        self.classes = int(classes)
        self.counts = self.add_variable((self.classes, self.classes), "zeros", name="counts")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        predicted = ops.argmax(y_pred, axis=-1)
        y_true = ops.reshape(ops.convert_to_tensor(y_true), (-1,))
        mask = row_mask(sample_weight, predicted)
        y_true = ops.cast(ops.where(mask, y_true, ops.zeros_like(y_true)), "int32")
        true_rows = ops.one_hot(y_true, self.classes, dtype=self.dtype)
        true_rows = true_rows * ops.cast(mask, self.dtype)[:, None]
        predicted_rows = ops.one_hot(predicted, self.classes, dtype=self.dtype)
        self.counts.assign_add(ops.matmul(ops.transpose(true_rows), predicted_rows))

    def result(self):
        return ops.add(self.counts, 0.0)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


@registered
class MaskedBalancedAccuracy(MaskedConfusionMatrix):
    """Mean over classes of the share of their labelled rows that were recognised.

    Classes without a labelled row are left out of the mean; NaN if no row was labelled.

    Args:
        classes: int >= 2, number of classes.
        name: str. Defaults to `"balanced_accuracy"`.
        dtype: dtype of the state.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integer class numbers.
        y_pred: `(batch, classes)` logits or probabilities.
        sample_weight: as in `MaskedMetric`.
    """

    def __init__(self, classes, name="balanced_accuracy", dtype=None):
        super().__init__(classes, name=name, dtype=dtype)

    def result(self):
        rows = ops.sum(self.counts, axis=1)
        seen = ops.cast(rows > 0, self.dtype)
        recall = ops.diagonal(self.counts) / ops.maximum(rows, 1.0)
        mean = ops.sum(recall * seen) / ops.maximum(ops.sum(seen), 1.0)
        return ops.where(ops.sum(seen) > 0, mean, float("nan"))
