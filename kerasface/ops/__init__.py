"""Pure tensor functions on `keras.ops`: no state, no Keras objects, shapes in every docstring."""

from kerasface.ops.distances import (
    angular_distances,
    distance_function,
    euclidean_distances,
    safe_sqrt,
    squared_distances,
    unit_length,
)
from kerasface.ops.expectation import bin_centres, expectation, normal_target
from kerasface.ops.forking import fork_dense, fork_features
from kerasface.ops.gradient_norms import (
    gradient_norm_loss,
    gradient_norm_slopes,
    gradient_norm_targets,
    relative_rates,
    renormalized,
)
from kerasface.ops.masking import as_mask, labelled_weights, masked_mean, row_mask
from kerasface.ops.orthogonalize import orthogonalize
from kerasface.ops.reversal import reverse_gradient
from kerasface.ops.triplets import (
    TripletSums,
    hard_triplet_loss,
    semi_hard_triplet_loss,
    triplet_sums,
)
from kerasface.ops.uncertainty import uncertainty_loss, uncertainty_slopes, uncertainty_weights

__all__ = [
    "TripletSums",
    "angular_distances",
    "as_mask",
    "bin_centres",
    "distance_function",
    "euclidean_distances",
    "expectation",
    "fork_dense",
    "fork_features",
    "gradient_norm_loss",
    "gradient_norm_slopes",
    "gradient_norm_targets",
    "hard_triplet_loss",
    "labelled_weights",
    "masked_mean",
    "normal_target",
    "orthogonalize",
    "relative_rates",
    "renormalized",
    "reverse_gradient",
    "row_mask",
    "safe_sqrt",
    "semi_hard_triplet_loss",
    "squared_distances",
    "triplet_sums",
    "uncertainty_loss",
    "uncertainty_slopes",
    "uncertainty_weights",
    "unit_length",
]
