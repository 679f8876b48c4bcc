"""Measures with intervals, by group and by confidence, and the figures of a report.

Names are imported when they are first asked for. A new public name is one line in `_HOME`
(name: module it lives in).
"""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    # numbers
    "measure": "measures",
    "confusion_matrix": "measures",
    "accuracy": "measures",
    "balanced_accuracy": "measures",
    "macro_f1": "measures",
    "point_errors": "measures",
    "expected_calibration_error": "calibration",
    "interval_coverage": "calibration",
    "probabilities_of": "calibration",
    "reliability_bins": "calibration",
    "answered": "temperature",
    "fit_temperature": "temperature",
    "negative_log_likelihood": "temperature",
    # how far they could be off, and for whom
    "measure_with_intervals": "intervals",
    "mean_with_interval": "intervals",
    "difference_with_intervals": "paired_difference",
    "card_rows": "groups",
    "group_columns": "groups",
    "per_group": "groups",
    # faces that were not found
    "count_unfound": "unfound_faces",
    "pairs_with_unfound": "unfound_faces",
    # what a code keeps of several embeddings
    "normalized_errors": "reconstruction",
    "normalized_rmse": "reconstruction",
    # key points
    "cumulative_area": "landmark_errors",
    "failure_rate": "landmark_errors",
    # same person or not
    "best_threshold": "verification",
    "equal_error_rate": "verification",
    "nearest_neighbour_accuracy": "verification",
    "nearest_neighbour_hits": "verification",
    "pairs_protocol": "verification",
    "roc": "verification",
    "squared_pair_distances": "verification",
    "tar_at_far": "verification",
    "threshold_at_far": "verification",
    # what frozen features still tell
    "fit_probe": "linear_probe",
    "probe_domains": "linear_probe",
    # which rows test, what is asked, how it is averaged
    "PROTOCOLS": "protocols",
    "Protocol": "protocols",
    "find_protocol": "protocols",
    # figures
    "calibration_diagram": "figures",
    "confusion_figure": "figures",
    "error_by_band": "figures",
    "learning_curves": "figures",
    "read_history": "figures",
    "reliability_diagram": "figures",
    "task_curves": "curves",
    "value_scatter": "figures",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
