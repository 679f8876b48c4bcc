"""The page of the table: accuracies beside the paper's, and the gaps to the baselines."""

from __future__ import annotations

from kerasface.zoo.markdown import table
from recipes.distill_2md_mtl.claims import judged
from recipes.distill_2md_mtl.methods import METHODS
from recipes.distill_2md_mtl.paper_figures import PAPER, PROTOCOLS
from recipes.distill_2md_mtl.results import SIX, asked
from recipes.distill_2md_mtl.sets import Domains

TITLES = {
    "ck48_10fold": "CK+, 7 classes, 10 folds",
    "ck48_to_fer2013": "CK+ to FER2013, 7 classes (ceiling 83 %)",
    "oulu_casia_10fold": "Oulu-CASIA, 6 classes, 10 folds",
    "oulu_casia_to_fer2013": "Oulu-CASIA to FER2013, 7 classes (ceiling 83 %)",
    SIX: "FER2013, the 6 shared classes",
    "utkface_two_ages": "age < 38 or > 43, UTKFace",
    "utkface_gender": "gender, UTKFace",
    "morph2_two_ages_4to1": "age < 38 or > 43, MORPH II",
    "adience_gender_4to1": "gender, Adience",
}
ABOUT = """Accuracy in percent with its 95 % interval (bootstrap over people, over pictures where \
nobody is named; it holds the choice of test faces, not the seeds, whose standard deviation stands \
in `results.json`), the paper's figure in brackets. "3 runs" are so many seeds or folds. Rendered \
from `results.json` by `python -m recipes.distill_2md_mtl.table --render`."""
FAIRNESS = """Every run takes the same number of steps, and but for the rows with 32 in a batch \
sees the same number of pictures in all, with one network; a baseline alone fills its batch with \
its own pictures, so age and gender alone have seen four times as many of their own as beside the \
others. The rows with 32 in a batch have seen as many of their own as beside the others, and \
fewer in all. In all rows steps follow orthogonal momentum, pictures are changed by more than \
the paper's crop and flip, and GradNorm makes the tasks' gradients equally long without its usual \
pull towards slow tasks, all three chosen on held-out people of CK+ (`choose.py`); nothing is \
pre-trained. A minute is one on one of two cores where both train. Folds are by subject, once, \
pooled. The rest is trained on the whole of the expression set (without contempt), mean over the \
seeds. No picture of FER2013 trained or chose anything; its neutral cannot be answered and counts \
as wrong. The paper tests on PrivateTest, this table on PublicTest; it starts from LSEMSW and \
does not give its mapping of classes. The domain probe is the balanced accuracy with which a \
fresh linear classifier tells the three sets by the features of 300 training rows of each, folds \
by person; chance is 33.3 %."""


def render(results: dict, domains: Domains) -> str:
    """Markdown of what `collect` found, with "minutes" and "probe" by method beside it."""
    columns = [*asked(domains)][:2] + [SIX] + [*asked(domains)][2:]
    head = ["Method", *(TITLES[each] for each in columns), "domain probe", "minutes a run"]
    rows = []
    for method, about in METHODS.items():
        cells = [about.title]
        for column in columns:
            cell = accuracy_cell(results.get(column, {}).get(method))
            printed = PAPER.get(method, {}).get(column)
            cells.append(cell if printed is None else f"{cell} ({printed:.1f})")
        for key, scale in (("probe", 100), ("minutes", 1)):
            value = results.get(key, {}).get(method)
            cells.append("-" if value is None else f"{scale * value:.1f}")
        rows.append(cells)
    absent = [each for each in PROTOCOLS if each not in columns]
    paper = [
        [METHODS[method].title, *(f"- ({PAPER[method][each]:.1f})" for each in absent)]
        for method in PAPER
    ]
    gap_head, gap_rows = differences(results, domains, columns)
    claim_head, claim_rows = claims_table(results, columns[:2])
    return "\n".join(
        [
            "# Distill-2MD-MTL: ours beside the paper's",
            "",
            ABOUT,
            "",
            *table(head, rows).splitlines(),
            "",
            FAIRNESS,
            "",
            "## Against the baselines",
            "",
            *table(gap_head, gap_rows).splitlines(),
            "",
            "Difference in points to the row that the column names, with the 95 % interval of the "
            "paired difference.",
            "",
            "## The paper's claims",
            "",
            *table(claim_head, claim_rows).splitlines(),
            "",
            "Points by which the first row is above the second, with the 95 % interval of the "
            "paired difference, and the paper's in brackets. A claim holds where all intervals lie "
            "above 0, is contradicted where one lies below, and is open elsewhere. Intervals hold "
            "the choice of test faces, not the seeds.",
            "",
            "## The paper's columns on sets that are not here",
            "",
            *table(["Method", *(TITLES[each] for each in absent)], paper).splitlines(),
            "",
        ]
    )


def differences(results: dict, domains: Domains, columns: list[str]) -> tuple[list, list[list]]:
    """Head and rows: a column for each protocol and baseline."""
    baselines = asked(domains) | {SIX: asked(domains)[domains.across]}
    pairs = [(column, baseline) for column in columns for baseline in baselines[column]]
    head = ["Method", *(f"{TITLES[c]}: to {METHODS[b].title}" for c, b in pairs)]
    rows = []
    for method, about in METHODS.items():
        gaps = [
            results.get(column, {}).get(method, {}).get("over", {}).get(baseline)
            for column, baseline in pairs
        ]
        rows.append([about.title, *map(gap_cell, gaps)])
    return head, rows


def claims_table(results: dict, columns: list[str]) -> tuple[list, list[list]]:
    """Head and rows: a row for each claim."""
    head = ["Claim", "rows", *(TITLES[column] for column in columns), "here"]
    rows = []
    for found in judged(results, columns):
        cells = []
        for column in columns:
            gap = found["gaps"].get(column)
            printed = None if gap is None else gap["paper"]
            cells.append(gap_cell(gap) + ("" if printed is None else f" ({printed:+.1f})"))
        pair = f"{METHODS[found['better']].title} over {METHODS[found['other']].title}"
        rows.append([found["claim"], pair, *cells, found["verdict"]])
    return head, rows


def accuracy_cell(number: dict | None) -> str:
    """Percent, interval and number of runs."""
    if number is None:
        return "-"
    low, high = (100 * each for each in number["interval"])
    runs = len(number["runs"])
    return f"{100 * number['accuracy']:.1f} [{low:.1f}, {high:.1f}], {runs} run{'s' * (runs > 1)}"


def gap_cell(gap: dict | None) -> str:
    """Points and interval."""
    if gap is None:
        return "-"
    low, high = (100 * each for each in gap["interval"])
    return f"{100 * gap['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"
