"""The controls that a reviewer of Distill-2MD-MTL asked for: what is compared with what.

Each question has arms that are equal in steps, pictures and network; most differ from the first
arm in one thing. Arms that several questions share are run once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from recipes.distill_2md_mtl.methods import ALL_SETS, Method

CK = ("ck48",)
PLAIN = Method("2MD-MTL", paper=False)
DISTILLED = Method("Distill-2MD-MTL", tasks=CK, teacher="multi", paper=False)
SHARES = (0.0, 0.2, 0.4, 0.6)
THRESHOLD = 0.7
PAIRS = (("ck48", "utkface"), ("ck48", "fairface"), ("utkface", "fairface"))


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
    "single": Method("expression alone, 128 of its own", CK, CK, paper=False),
    "unlabelled": Method("same pictures, no auxiliary labels", ALL_SETS, CK, paper=False),
    "shuffled": replace(PLAIN, title="auxiliary labels shuffled", shuffled=("utkface", "fairface")),
    "age": Method("age alone", ("utkface",), ("utkface",), paper=False),
    "gender": Method("gender alone", ("fairface",), ("fairface",), paper=False),
    **{f"{a}+{b}": Method(f"{a} and {b}", (a, b), (a, b), paper=False) for a, b in PAIRS},
    **_noise("auxiliary", PLAIN),
    "pseudo": DISTILLED,
    **_noise("pseudo", DISTILLED),
    "sure": replace(DISTILLED, title="Distill-2MD-MTL, sure labels", threshold=THRESHOLD),
    **_noise("sure", replace(DISTILLED, title="sure labels"), threshold=THRESHOLD),
    **{
        f"rate-{rate}": replace(PLAIN, title=rate, rate=rate)
        for rate in ("dynamic", "cosine", "plateau", "adamw")
    },
    **{
        f"balancing-{name}": replace(PLAIN, title=name, balancing=name)
        for name in ("fixed", "uncertainty", "gradnorm_features", "gradnorm_reference")
    },
    "adversary-softmax": replace(PLAIN, title="DANN (softmax)", adversary="softmax"),
    "adversary-triplet": replace(PLAIN, title="triplet", adversary="triplet"),
}
CONTROLS = {
    "transfer": Control(
        "Does the multi-task gain come from the labels or from more pictures?",
        ("multi", "single", "unlabelled", "shuffled"),
    ),
    "affinity": Control(
        "Which tasks help which?",
        ("multi", "single", "age", "gender", *(f"{a}+{b}" for a, b in PAIRS)),
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
        ("multi", "adversary-softmax", "adversary-triplet"),
    ),
}
