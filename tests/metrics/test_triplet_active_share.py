"""`TripletActiveShare`: a share over the triplets of all batches, by hand and against loops."""

import keras
import numpy as np
import pytest

from kerasface.metrics import TripletActiveShare
from tests.contracts import check_config


def counts(domains, rows, margin):
    """`(active, triplets)` over all triplets."""
    active = triplets = 0
    for a in range(len(rows)):
        for p in range(len(rows)):
            for n in range(len(rows)):
                if a != p and domains[a] == domains[p] and domains[a] != domains[n]:
                    gap = ((rows[a] - rows[p]) ** 2).sum() - ((rows[a] - rows[n]) ** 2).sum()
                    active += gap + margin > 0
                    triplets += 1
    return active, triplets


def test_by_hand_over_two_batches():
    """First batch: 1 of 2 active (the class's example). Second: sets apart, 0 of 8. 1 of 10."""
    metric = TripletActiveShare(margin=0.5, mining="all")
    assert np.isnan(metric.result())
    metric.update_state([0, 0, 1], [[0.0], [1.0], [1.5]])
    assert float(metric.result()) == 0.5
    metric.update_state([0, 0, 1, 1], [[0.0], [0.0], [9.0], [9.0]])
    assert float(metric.result()) == pytest.approx(0.1)
    metric.reset_state()
    assert np.isnan(metric.result())


def test_unequal_batches_count_by_their_triplets():
    random = np.random.default_rng(0)
    metric, total = TripletActiveShare(mining="all"), np.zeros(2)
    for batch in (4, 17, 9):
        rows, domains = random.normal(size=(batch, 3)), np.arange(batch) % 2
        metric.update_state(domains, rows.astype("float32"))
        total += counts(domains, rows, 0.2)
    assert float(metric.result()) == pytest.approx(total[0] / total[1], rel=1e-6)


@pytest.mark.parametrize("mining", ["semi-hard", "all"])
def test_only_known_rows_count(mining):
    random = np.random.default_rng(1)
    rows, domains = random.normal(size=(8, 3)).astype("float32"), np.arange(8) % 2
    weights = np.array([1, 1, 0, 2, 2, 1, 0, 1], "float32")
    alone = TripletActiveShare(mining=mining)(domains[weights > 0], rows[weights > 0])
    rows[weights == 0] = np.nan
    for labels, weight in ((domains, weights), (np.where(weights > 0, domains, -1), None)):
        found = TripletActiveShare(mining=mining)(labels, rows, sample_weight=weight)
        assert float(found) == float(alone)


def test_no_triplet_is_no_share():
    metric = TripletActiveShare()
    metric.update_state([0, 0, 0], [[0.0], [1.0], [2.0]])
    assert np.isnan(metric.result())


def test_config_half_precision_and_fit():
    metric = TripletActiveShare(margin=0.3, mining="all", distance_metric="L2", name="share")
    copy = check_config(metric)
    assert (copy.margin, copy.mining, copy.distance_metric) == (0.3, "all", "L2")
    rows = keras.ops.cast([[0.0], [1.0], [1.5]], "float16")
    assert float(TripletActiveShare(margin=0.5, mining="all")([0, 0, 1], rows)) == 0.5
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    model.compile(loss="mse", weighted_metrics=[TripletActiveShare(margin=0.5, mining="all")])
    inputs = np.array([[0.0], [1.0], [1.5]], "float32")
    logs = model.evaluate(inputs, np.array([0, 0, 1]), return_dict=True, verbose=0)
    assert logs["active_share"] == 0.5


@pytest.mark.parametrize(
    "change", [{"margin": -1.0}, {"mining": "hard"}, {"distance_metric": "cosine"}]
)
def test_what_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="Received: "):
        TripletActiveShare(**change)
