"""LFW's own pairs as an app compares them: through `FaceVerifier`, with a published aligner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kerasface.evaluation import squared_pair_distances
from kerasface.inference.face_verifier import FaceVerifier
from recipes.knowledge_transfer import measures


def told_apart_as_used(verifier: FaceVerifier, picture: Callable, pairs: Sequence) -> dict:
    """What a caller of `verifier` gets on pairs.

    Args:
        verifier: with the aligner and the threshold of published entries.
        picture: of a pair's name, what `verifier` takes.
        pairs: of `faces.pairs_of`.

    Returns:
        `accuracy` by the folds' own thresholds; by the verifier's threshold the shares of pairs
        `accepted` that show `one` person, and `two`; each with its 95 % interval; `pairs`.
    """
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    vectors = np.stack([verifier.embed(picture(name))[0] for name in names])
    place = {name: row for row, name in enumerate(names)}
    first, second = (
        vectors[[place[getattr(pair, side)] for pair in pairs]] for side in ("first", "second")
    )
    accepted = squared_pair_distances(first, second) <= verifier.threshold
    same = np.array([pair.same for pair in pairs])
    return {
        "accuracy": measures.pair_result(vectors, names, pairs)["accuracy"],
        "accepted": {
            "one": measures.with_interval(accepted[same]),
            "two": measures.with_interval(accepted[~same]),
        },
        "pairs": {"all": len(pairs), "one": int(same.sum()), "two": int((~same).sum())},
    }
