"""The pages: the tables beside the paper's with its claims judged, and each published entry's arms.

    python -m recipes.knowledge_transfer.render --runs runs/kt

Reads what `classification.py`, `alignment.py`, `verification.py`, `aligner.py` and `verifier.py`
have written so far. Writes their numbers and the judged claims to `results.json`, and from it
`KNOWLEDGE_TRANSFER.md`, `ALIGNER.md` and `VERIFIER.md`, beside this file or below `--out`. What the
runs at hand do not have is kept as it stands in `results.json`, so a page outlives the machine
whose runs it shows. A minute.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from kerasface.zoo.markdown import table
from kerasface.zoo.schema import dump_json
from recipes.knowledge_transfer import claims
from recipes.knowledge_transfer.entry_lines import aligner_lines, verifier_lines
from recipes.knowledge_transfer.measures import percent
from recipes.whole_files import write_whole

HERE = Path(__file__).parent
RESULTS = "results.json"
# The paper's figures in percent, as printed; its Table 1 says 61.27, then 64.49, and Table 2 66.12,
# of one and the same /8 from scratch.
TABLE_1 = {"hidden": 60.08, "logits": 59.77, "soft": 61.27}
TABLE_1_STARTS = {"soft": 64.49, "fitnet": 69.88, "ours": 75.06}
TABLE_2 = {
    "teacher": (88.61, 97.67),
    "2-soft": (82.25, 97.27),
    "4-soft": (79.36, 96.70),
    "8-soft": (66.12, 95.12),
    "2-ours": (91.01, 98.20),
    "4-ours": (87.21, 97.57),
    "8-ours": (75.06, 96.18),
}
TABLE_3 = {
    "teacher": 3.02,
    "pretrain-none": 3.36,
    "pretrain-hidden": 3.24,
    "pretrain-soft": 3.60,
    "distill-none": 3.29,
    "distill-hidden": 3.21,
    "distill-soft": 3.54,
}
# By table and divisor: pretrain, then distill, each with no target, hidden, soft.
VERIFICATION = {
    "triplets": {
        2: (63.98, 60.66, 66.50, 71.29, 68.74, 71.23),
        4: (61.74, 61.71, 62.64, 68.17, 66.74, 68.12),
        8: (51.03, 49.19, 51.76, 56.69, 53.99, 56.52),
    },
    "softmax": {
        2: (72.38, 70.54, 73.62, 79.51, 77.63, 79.96),
        4: (66.64, 65.08, 68.24, 72.01, 70.31, 72.82),
        8: (51.86, 51.43, 53.45, 57.66, 56.87, 57.78),
    },
}
VERIFICATION_TEACHER = {"triplets": 73.81, "softmax": 74.16}
NAMES = {
    "labels": "labels alone (W_S0)",
    "hidden": "scratch, hidden layer",
    "logits": "scratch, logits",
    "soft": "scratch, soft predictions",
    "fitnet": "FitNets' hint, soft predictions",
    "ours": "full initialisation, soft predictions",
    "long": "scratch, soft predictions, as long as both",
    "online": "scratch, soft predictions of the teacher online",
    "softonly": "scratch, soft predictions without labels",
}


ABOUT = [
    "# Model distillation with knowledge transfer",
    "",
    "Wang et al. (2017) at the size of two processor cores: 48 x 48 pixels, 500 people with "
    "ten pictures each to train on, ResNet-50/2 for a teacher. The levels are far from the "
    "paper's, which had some fifty pictures of 10,000 people; it is the order that is tested. "
    "Percent, with 95 % intervals by the bootstrap over people (over faces for points), and "
    "over seeds where there are several: one seed says nothing of how far seeds differ. "
    "Rendered by `python -m recipes.knowledge_transfer.render`.",
    "",
]


def classification_lines(found: dict) -> list[str]:
    """Tables 1 and 2 as one."""
    rows = []
    paper = TABLE_2["teacher"]
    own = found["teacher"]
    cells = [percent(own["top1"]), "", str(paper[0]), percent(own["lfw"]), str(paper[1])]
    rows.append([f"teacher, ResNet-50/{found['divisor']}", "1", *cells])
    for divisor in (8, 4, 2):
        for kind, name in NAMES.items():
            keys = [key for key in found["students"] if key.startswith(f"{divisor}-{kind}-s")]
            if not keys:
                continue
            runs = [found["students"][key] for key in keys]
            top = [run["top1"]["value"] for run in runs]
            deviation = claims.seeds_of(top)
            printed = TABLE_2.get(f"{divisor}-{kind}", ("", ""))
            beside = [str(printed[0])] if printed[0] else []
            if divisor == 8:
                more = (TABLE_1.get(kind), TABLE_1_STARTS.get(kind))
                beside += [str(each) for each in more if each and str(each) not in beside]
            shown = percent(runs[0]["top1"]) if len(runs) == 1 else f"{100 * np.mean(top):.1f}"
            spread = "" if deviation is None else f"{100 * deviation:.1f}"
            lfw = 100 * np.mean([run["lfw"]["value"] for run in runs])
            cells = [shown, spread, ", ".join(beside), f"{lfw:.1f}", str(printed[1])]
            rows.append([f"/{divisor}: {name}", str(len(runs)), *cells])
    head = ["Network", "runs", "top-1 in %", "sd over seeds", "paper", "LFW pairs", "paper"]
    chosen, rates = _scores(found["temperatures"]), _scores(found["initialised_rates"])
    return [
        "## Tables 1 and 2: classification",
        "",
        f"{found['people']} people of CelebA, {found['train']} pictures train and {found['test']} "
        "test. Chosen on other people, by their nearest neighbours: the temperature "
        f"{found['temperature']:g} ({chosen}) and, where a network is fully initialised, the rate "
        f"{found['initialised_rate']:g} ({rates}).",
        "",
        *table(head, rows).splitlines(),
        "",
    ]


def _scores(found: dict) -> str:
    return ", ".join(f"{value}: {100 * score:.1f} %" for value, score in found.items())


def alignment_lines(found: dict) -> list[str]:
    """Table 3, of five points and of 68."""
    lines = ["## Table 3: alignment", ""]
    weights = next(iter(found.values()))["weights"]
    said = [
        f"of the {target} target {weight:g} ({_scores(weights['scores'].get(target, {}))})"
        for target, weight in weights["chosen"].items()
    ]
    lines += [
        "Weights of the targets' terms, chosen on a fifth of MTFL's training faces by the error "
        f"of /8 from the distilled initialisation: {', '.join(said)}.",
        "",
    ]
    titles = {"five": "MTFL, five points", "sixty_eight": "Helen, 68 points"}
    for points, part in found.items():
        rows = [["the mean face, to every picture", percent(part["mean_face"]["nrmse"]), ""]]
        rows += [["teacher", percent(part["teacher"]["nrmse"]), str(TABLE_3["teacher"])]]
        for key, each in part["students"].items():
            rows.append([key.replace("-", ", "), percent(each["nrmse"]), str(TABLE_3[key])])
        head = ["Initialisation, target", "NRMSE in %", "paper (CelebA, five points)"]
        size = part["teacher"]["faces"]
        title = f"{titles[points]} ({size} faces; ResNet-50/8 from two initialisations):"
        lines += [title, "", *table(head, rows).splitlines(), ""]
    return lines


def verification_lines(found: dict) -> list[str]:
    """Tables 4 and 5."""
    lines = ["## Tables 4 and 5: verification", ""]
    lines += [
        f"Nearest neighbour among {found['unseen_people']} unseen people. The margin "
        f"{found['margin']:g} was chosen on other people ({_scores(found['margins'])}).",
        "",
    ]
    titles = {"triplets": "Triplets alone", "softmax": "Triplets and softmax"}
    cells = [(start, to) for start in ("pretrain", "distill") for to in ("none", "hidden", "soft")]
    for kind, title in titles.items():
        if kind not in found:
            continue
        own = found[kind]["teacher"]
        printed = str(VERIFICATION_TEACHER[kind])
        rows = [["teacher", percent(own["top1"]), printed, percent(own["lfw"])]]
        for key, each in found[kind]["students"].items():
            divisor, start, target = key.split("-")
            paper = ""
            if (start, target) in cells:
                paper = str(VERIFICATION[kind][int(divisor)][cells.index((start, target))])
            name = f"/{divisor}, {start}, {target}"
            rows.append([name, percent(each["top1"]), paper, percent(each["lfw"])])
        head = ["Network, initialisation, target", "top-1 in %", "paper", "LFW pairs in %"]
        lines += [f"{title}:", "", *table(head, rows).splitlines(), ""]
    return lines


def claim_lines(judged: list[dict]) -> list[str]:
    """Verdicts with their differences in points."""
    rows = []
    for each in judged:
        parts = [
            "{text} {value:+.1f} ({low:+.1f} to {high:+.1f})".format(**one)
            for one in each["comparisons"]
        ]
        rows.append([each["claim"], each["verdict"], "; ".join(parts)])
    return [
        "## The paper's claims",
        "",
        *table(["Claim", "here", "difference in points, 95 % interval"], rows).splitlines(),
        "",
        '"Holds": all differences are as claimed, beyond their intervals; "contradicted": one is '
        'the other way, beyond its interval; "open": neither.',
        "",
    ]


def judge(part: str, found: dict) -> list[dict]:
    """What a part's results say of its claims; of the published entries there are none."""
    if part == "classification":
        return claims.judged(claims.classification_claims(found))
    if part == "alignment":
        return [
            said
            for points in found
            for said in claims.judged(claims.alignment_claims(found, points))
        ]
    if part == "verification":
        return claims.judged(claims.verification_claims(found))
    return []


def without_rows(found):
    """Results without what they hold of each face or pair, which are their only lists."""
    if not isinstance(found, dict):
        return found
    return {name: without_rows(each) for name, each in found.items() if not isinstance(each, list)}


def results_of(found: dict, before: dict) -> dict:
    """Numbers and judged claims by part, JSON-safe.

    Args:
        found: results of the runs at hand, by part.
        before: an earlier answer of this function, for the parts that `found` has not.
    """
    results = {}
    for part in PARTS:
        if part in found:
            numbers = without_rows(found[part])
            results[part] = {"numbers": numbers, "claims": judge(part, found[part])}
        elif part in before:
            results[part] = before[part]
    return results


def render(results: dict) -> dict[str, str]:
    """Pages by name, of the parts that are there."""
    pages, lines, judged = {}, [], []
    for part, lines_of in TABLES.items():
        if part in results:
            lines += lines_of(results[part]["numbers"])
            judged += results[part]["claims"]
    if lines:
        pages["KNOWLEDGE_TRANSFER"] = "\n".join([*ABOUT, *lines, *claim_lines(judged)])
    for part, lines_of in ENTRIES.items():
        if part in results:
            pages[part.upper()] = "\n".join(lines_of(results[part]["numbers"]))
    return pages


TABLES = {
    "classification": classification_lines,
    "alignment": alignment_lines,
    "verification": verification_lines,
}
ENTRIES = {"aligner": aligner_lines, "verifier": verifier_lines}
PARTS = (*TABLES, *ENTRIES)


def main(arguments=None) -> dict[str, str]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/kt"))
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args(arguments)
    files = {part: options.runs / f"{part}.json" for part in PARTS}
    found = {part: json.loads(file.read_text()) for part, file in files.items() if file.exists()}
    kept = options.out / RESULTS
    before = json.loads(kept.read_text()) if kept.exists() else {}
    if not found and not before:
        parser.error(f"{options.runs} holds no results of {', '.join(PARTS)}")
    results = results_of(found, before)
    write_whole(kept, dump_json(results))
    pages = render(results)
    for name, page in pages.items():
        (options.out / f"{name}.md").write_text(page)
        print(page)
    return pages


if __name__ == "__main__":
    main()
