"""Whether an answer is right where labels are distributions over classes."""

from keras import ops

from kerasface.export import registered


@registered
def soft_label_hit(y_true, y_pred):
    """`(batch,)`, whether the largest output is at the label's likeliest class."""
    return ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
