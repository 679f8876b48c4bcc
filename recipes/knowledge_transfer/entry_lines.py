"""Pages of the published aligner and verifier: what their trainings gave, arm by arm."""

from __future__ import annotations

from kerasface.zoo.markdown import table
from recipes.knowledge_transfer.measures import percent

ALIGNER_ARMS = {
    "teacher": "teacher",
    "alone": "student's network, labels alone",
    "labelled": "student, taught on the labelled faces",
    "student": "student, taught also on faces without points",
}
VERIFIER_ARMS = {
    "alone-25": "student's network, labels alone, a quarter of the people",
    "alone-50": "student's network, labels alone, half of them",
    "alone": "student's network, labels alone, all",
    "single": "student of the teacher alone, all",
    "student": "student of the teacher and of `labels alone`, all",
    "teacher": "teacher, labels alone, all",
}
POINT_SETS = {
    "mtfl-test landmarks5": "MTFL's test list, 5 points",
    "w300-test landmarks68": "Helen, 68 points",
    "w300-test landmarks5": "Helen, 5 points",
}

RENDERED = "Rendered by `python -m recipes.knowledge_transfer.render`."
RATES = ("equal_error", "tar_at_0.01")


def aligner_lines(found: dict) -> list[str]:
    """Mean errors, failures and area by arm, then what teaching brought on the same faces."""
    lines = ["# The aligner", "", f"Errors in percent of the distance of the eyes. {RENDERED}", ""]
    for place, title in POINT_SETS.items():
        name, task = place.split()
        rows = []
        for arm, words in ALIGNER_ARMS.items():
            if arm in found["arms"]:
                each = found["arms"][arm][name][task]
                failed, area = (f"{100 * each[key]:.1f}" for key in ("failures", "area"))
                rows.append([words, percent(each["nme"], 2), failed, area])
        head = [title, "mean error", "above 10 %", "area to 10 %, in % of it"]
        lines += [*table(head, rows).splitlines(), ""]
    gains = {"gain_of_distillation": "taught, of all", "gain_of_unlabelled": "faces without points"}
    rows = [
        [words, *(percent(found[key][place], 2) for place in POINT_SETS)]
        for key, words in gains.items()
        if key in found
    ]
    if rows:
        head = ["gain on the same faces", *POINT_SETS.values()]
        lines += [*table(head, rows).splitlines(), ""]
    return lines


def verifier_lines(found: dict) -> list[str]:
    """Pairs and nearest neighbours by arm, what teaching brought, and what two sets share."""
    lines = ["# The verifier", "", f"Percent, with 95 % intervals. {RENDERED}", ""]
    rows = []
    for arm, words in VERIFIER_ARMS.items():
        if arm in found["arms"]:
            each = found["arms"][arm]
            rows.append([words, f"{each['people']:,}", f"{each['parameters'] / 1e6:.2f} M"])
            rows[-1] += _told_apart(each)
    if "together" in found:
        rows.append(["both teachers' embeddings together", "", "", *_told_apart(found["together"])])
    head = ["network", "people", "parameters", "LFW's own pairs", "EER", "TAR at FAR 0.01"]
    lines += [*table([*head, "nearest of unseen people"], rows).splitlines(), ""]
    gains = {"gain_of_distillation": "two teachers", "gain_from_one_teacher": "the one teacher"}
    rows = [
        [words, percent(found[key]["lfw"]), percent(found[key]["unseen"])]
        for key, words in gains.items()
        if key in found
    ]
    if rows:
        head = ["gain over labels alone, in points", "LFW's own pairs", "nearest of unseen people"]
        lines += [*table(head, rows).splitlines(), ""]
    shared, known = found["shared_with_lfw"], found["shared_with_lfw"]["known"]
    lines += [
        "Near-duplicates between CelebA and LFW, by the cosine of the first network's embeddings: "
        f"of {known['copies']:,} known copies of LFW's pictures {100 * known['near']:.0f} % are "
        f"found; of {shared['pictures']:,} training pictures {shared['near']} are as near "
        f"(highest {shared['highest']:.2f}).",
        "",
    ]
    return lines


def _told_apart(each: dict) -> list[str]:
    pairs = each["lfw"]
    rates = [f"{100 * pairs[key]:.1f}" if key in pairs else "" for key in RATES]
    return [percent(pairs["accuracy"]), *rates, percent(each["unseen"]["top1"])]
