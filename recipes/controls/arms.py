"""The controls that a reviewer of Distill-2MD-MTL asked for: what is compared with what.

Each question has arms that are equal in steps, pictures and network; most differ from the first
arm in one thing. Only the arms of "which tasks help which" differ in pictures: there each task sees
as many of its own, alone, in a pair or among three. Arms that several questions share are run once.

Wrong pseudo-labels are of two kinds, see `recipes.distill_2md_mtl.label_noise.mistaken`: mistakes
of a teacher whose views of a picture disagree, which a threshold on the confidence can tell, and at
40 % also mistakes that are as sure as right labels, which it cannot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from recipes.distill_2md_mtl.methods import SETS, Method

EXPRESSION = ("expression",)
PLAIN = Method("2MD-MTL", paper=False)
DISTILLED = Method("Distill-2MD-MTL", tasks=EXPRESSION, teacher="multi", paper=False)
SHARES = (0.0, 0.2, 0.4, 0.6)
THRESHOLD = 0.7
PAIRS = (("expression", "age"), ("expression", "gender"), ("age", "gender"))
# Each of these sees as many of its own pictures as among the three, and the pair no others.
ALONE = {
    task: Method(f"{task} alone, its own rows", (task,), (task,), paper=False, filled=False)
    for task in SETS
}


@dataclass(frozen=True)
class Control:
    """One question.

    Args:
        title: the question.
        arms: names of methods in `ARMS`; the first is what the others are compared with.
        repeated: arms that are run on three folds, each with a seed of its own; the others on
            one. None: all.
    """

    title: str
    arms: tuple[str, ...]
    repeated: tuple[str, ...] | None = None


def _noise(kind: str, method: Method, **more) -> dict[str, Method]:
    """The method with growing shares of labels made wrong; none of them is its own arm."""
    return {
        f"{kind}-{round(100 * share)}": replace(
            method, title=f"{method.title}, {share:.0%} wrong", corrupted=share, **more
        )
        for share in SHARES[1:]
    }


ARMS = {
    "multi": PLAIN,
    "single": Method("expression alone, 128 of its own", EXPRESSION, EXPRESSION, paper=False),
    "unlabelled": Method("same pictures, no auxiliary labels", SETS, EXPRESSION, paper=False),
    "shuffled": replace(PLAIN, title="auxiliary labels shuffled", shuffled=("age", "gender")),
    **{f"{task}-alone": method for task, method in ALONE.items()},
    **{
        f"{a}+{b}": Method(f"{a} and {b}", (a, b), (a, b), paper=False, filled=False)
        for a, b in PAIRS
    },
    **_noise("auxiliary", PLAIN),
    "pseudo": DISTILLED,
    **_noise("pseudo", DISTILLED),
    "sure": replace(DISTILLED, title="Distill-2MD-MTL, sure labels", threshold=THRESHOLD),
    **_noise("sure", replace(DISTILLED, title="sure labels"), threshold=THRESHOLD),
    # The same share of mistakes that are as sure as the right labels were.
    "confident-40": replace(
        DISTILLED, title="Distill-2MD-MTL, 40% wrong and sure of it", corrupted=0.4, certain=True
    ),
    "confident-sure-40": replace(
        DISTILLED,
        title="sure labels, 40% wrong and sure of it",
        corrupted=0.4,
        certain=True,
        threshold=THRESHOLD,
    ),
    **{
        f"rate-{rate}": replace(PLAIN, title=rate, rate=rate)
        for rate in ("dynamic", "cosine", "plateau", "adamw")
    },
    **{
        f"balancing-{name}": replace(PLAIN, title=name, balancing=name)
        for name in ("fixed", "uncertainty", "gradnorm_features", "gradnorm_reference")
    },
    "adversary-softmax": replace(PLAIN, title="DANN (softmax)", adversary="softmax"),
    "adversary-triplet": replace(PLAIN, title="triplet, semi-hard", adversary="triplet"),
    "adversary-triplet-all": replace(
        PLAIN, title="triplet, all, linear head", adversary="triplet-all"
    ),
}
CONTROLS = {
    "transfer": Control(
        "Does the multi-task gain come from the labels or from more pictures?",
        ("multi", "single", "unlabelled", "shuffled"),
    ),
    "affinity": Control(
        "Which tasks help which?",
        ("multi", *(f"{task}-alone" for task in SETS), *(f"{a}+{b}" for a, b in PAIRS)),
        (),
    ),
    "auxiliary-noise": Control(
        "How much do wrong auxiliary labels cost the main task?",
        ("multi", *(f"auxiliary-{round(100 * share)}" for share in SHARES[1:])),
        ("multi", "auxiliary-40"),
    ),
    "pseudo-noise": Control(
        "How much do wrong pseudo-labels cost, with and without a threshold?",
        (
            "pseudo",
            *(f"pseudo-{round(100 * share)}" for share in SHARES[1:]),
            "sure",
            *(f"sure-{round(100 * share)}" for share in SHARES[1:]),
            "confident-40",
            "confident-sure-40",
        ),
        ("pseudo", "pseudo-40", "sure", "sure-40"),
    ),
    "schedules": Control(
        "Is the dynamic learning rate better than usual ones at an equal budget?",
        ("multi", "rate-dynamic", "rate-cosine", "rate-plateau", "rate-adamw"),
        (),
    ),
    "balancing": Control(
        "Does balancing the tasks help, and which way of it?",
        (
            "balancing-fixed",
            "multi",
            "balancing-gradnorm_reference",
            "balancing-gradnorm_features",
            "balancing-uncertainty",
        ),
    ),
    "adversary": Control(
        "Does an adversary help across domains?",
        ("multi", "adversary-softmax", "adversary-triplet", "adversary-triplet-all"),
    ),
}
