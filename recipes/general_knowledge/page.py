"""The page of the tables: our numbers beside the paper's, and its claims judged."""

from __future__ import annotations

import numpy as np

from kerasface.evaluation.drawing import new_figure, png_of
from kerasface.zoo.markdown import table
from recipes.general_knowledge import arms, targets
from recipes.general_knowledge.reconstruction import NEARLY_ALL
from recipes.general_knowledge.sets import NAMES

# Table 3: CNN, P-CNN, h_G, h_MT, h_MT tuned, unique, unique tuned; LFW's in brackets were trained
# on people first.
PAPER_3 = {
    "AgeC-UTK": (57.80, 64.30, 68.80, 67.90, 68.40, 68.80, 70.40),
    "Gender-UTK": (90.00, 96.50, 97.20, 93.15, 94.4, 97.58, 97.90),
    "Expr-SFEW": (22.00, 53.60, 52.10, 50.20, 52.20, 54.00, 57.2),
    "Expr-RAF": (69.00, 85.70, 86.51, 82.40, 87.20, 87.30, 89.3),
    "Ethnic-UTK": (62.20, 84.90, 89.20, 81.20, 82.20, 88.2, 91.20),
    "Identity-LFW": (98.40, 99.65, 99.10, 94.27, 99.1, 98.92, 99.42),
    "AgeR-UTK": (6.38, 4.70, 4.39, 4.70, 4.42, 4.24, 4.05),
}
COLUMNS_3 = ("cnn", "pcnn", "plain", "onestage", "onestage-tuned", "unique", "unique-tuned")
# Table 4: original, E^G, E^G_unique; of attributes 100 less the printed rates of error.
PAPER_4 = {
    "Expr-AffectNet": (63.5, 64.0, 64.4),
    "Gender-UTK": (96.5, 97.2, 97.9),
    "AgeR-FG": (2.85, 2.85, 3.05),
    "Attrib-CelebA": (91.97, 92.3, 92.33),
}
# Table 5: PCA, AE, VAE, DAE, E_MT, E_unique.
PAPER_5 = {
    "expression": (0.28, 0.23, 0.26, 0.26, 0.55, 0.39),
    "identity": (0.25, 0.22, 0.23, 0.26, 1.12, 0.35),
    "age": (0.23, 0.19, 0.22, 0.19, 0.77, 0.38),
    "gender": (0.25, 0.25, 0.27, 0.27, 1.22, 0.30),
    "attributes": (0.33, 0.27, 0.31, 0.29, 0.97, 0.35),
    "average": (0.31, 0.24, 0.27, 0.25, 0.92, 0.37),
}
COLUMNS_5 = ("pca", "plain", "variational", "denoising", "onestage", "unique")
# Table 6: Concat, PCA, AE, BT, BCT.
PAPER_6 = {
    "AgeC-UTK": (65.50, 65.00, 68.80, 63.2, 67.20),
    "Gender-UTK": (96.92, 96.7, 97.20, 96.50, 97.10),
    "Expr-SFEW": (45.70, 32, 52.10, 52.20, 53.1),
    "Expr-RAF": (84.89, 81.9, 86.51, 85.48, 85.74),
    "Ethnic-UTK": (86.65, 62.5, 89.20, 83.40, 86.20),
    "Identity-LFW": (88.10, 96.8, 99.10, 99.65, 99.7),
    "AgeR-UTK": (4.45, 4.68, 4.39, 4.70, 4.54),
}
COLUMNS_LONGER = ("cnn", "longer-cnn", "unique-tuned", "longer-unique")
COLUMNS_6 = ("concat", "pca", "plain", "bt", "bct")
WAYS = {
    "cnn": "CNN",
    "pcnn": "P-CNN",
    "plain": "E^G (AE), frozen",
    "onestage": "E_MT, frozen",
    "onestage-tuned": "E_MT, fine-tuned",
    "unique": "E_unique, frozen",
    "unique-tuned": "E_unique, fine-tuned",
    "concat": "Concat",
    "pca": "PCA",
    "bt": "BT",
    "bct": "BCT",
    "variational": "VAE",
    "denoising": "DAE",
    "original": "the source itself",
    "longer-cnn": "CNN, longer",
    "longer-unique": "E_unique, fine-tuned longer",
}
ABOUT = f"""Vielzeuf et al. (2019) at the size of two processor cores: 48 x 48 pixels, six sources \
trained here on 4,500 to 28,000 faces each, 65,000 faces without labels in place of 4.12 million, \
at most {targets.IMAGES:,} faces a target, seen {arms.TUNE_EPOCHS} times \
({arms.LEAST_FACES:,} faces at least), from scratch {arms.SCRATCH_FACTOR} times as often. In \
brackets the paper's figure on the row of its tables that is nearest in kind; its levels are of \
other data and cannot be reached, it is the order that is tested. With 95 % intervals over faces \
(over people where they are known), and the standard deviation over seeds where there are three. \
BT, BCT and P-CNN's source are chosen on a fifth of the training rows; the paper takes the best on \
the test part. A face that was not found counts as wrong, or as the middle of the range. Rendered \
by `python -m recipes.general_knowledge.tables --render`."""


def title_of(target: str) -> tuple[str, str, str]:
    """Name, measure, and the paper's row."""
    if target == targets.PAIRS:
        return targets.PAIRS_TITLE, targets.ACCURACY, targets.PAIRS_PAPER
    if target not in targets.ALL:
        return target, "%", ""
    about = targets.ALL[target]
    return about.title, about.measure, about.paper


def cell(number: dict | None, printed: float | None = None) -> str:
    """Value, interval, spread over seeds, and the paper's figure."""
    text = "-"
    if number is not None:
        text = "{value:.1f} ({low:.1f} to {high:.1f})".format(**number)
        if number["value"] < 20:
            text = "{value:.2f} ({low:.2f} to {high:.2f})".format(**number)
        if number["sd"] is not None:
            text += f", sd {number['sd']:.2f}"
        if number["chosen"]:
            text += f", {' + '.join(number['chosen'])}"
    return text if printed is None else f"{text} [{printed:g}]"


def by_target(found: dict, columns, paper: dict) -> list[str]:
    """A table with a row a target."""
    rows = []
    for target, ways in found.items():
        title, measure, near = title_of(target)
        printed = paper.get(near, (None,) * len(columns))
        cells = [cell(ways.get(way), each) for way, each in zip(columns, printed, strict=True)]
        rows.append([f"{title} ({near})" if near else title, measure, *cells])
    return table(["Target", "measure", *(WAYS[way] for way in columns)], rows).splitlines()


def render(results: dict) -> str:
    """Markdown of what `results.collect` found."""
    sizes = results["parameters"]
    lines = [
        "# A general model of knowledge of faces",
        "",
        ABOUT,
        "",
        f"All sources together have {sizes['sources'] / 1e6:.1f} million parameters, the fusion's "
        f"encoder {sizes['encoder'] / 1e6:.1f}, the student {sizes['student'] / 1e6:.2f}: "
        f"{sizes['sources'] / sizes['student']:.0f} times fewer than the sources (the paper: 75).",
        "",
    ]
    lines += ["## Table 2: faces found and not found", ""]
    rows = [
        [NAMES[name], f"{each['found']:,}", f"{each['not_found']:,}"]
        for name, each in results["found"].items()
    ]
    lines += table(["Set", "found", "not found"], rows).splitlines()
    lines += [
        "",
        "Of LFW MTCNN was asked; the other sets come as crops of faces, where a picture of one "
        "grey has no face.",
        "",
        "## Table 3: the ways to a target",
        "",
        *by_target(results["targets"], COLUMNS_3, PAPER_3),
        "",
        "Same person: frozen embeddings are compared as they are; CNN, P-CNN and the fine-tuned "
        f"students were trained on {targets.IMAGES:,} faces of people of CelebA first, as the "
        "paper's are on VGGFace2 (in brackets there).",
        "",
        "## Table 4: the sources' own tasks, before and after",
        "",
    ]
    rows = []
    for name, ways in results["own"].items():
        about = targets.OWN[name]
        printed = PAPER_4.get(about.paper, (None,) * 3)
        cells = [cell(ways.get("original"), printed[0]), cell(ways.get("plain"), printed[1])]
        cells += [cell(ways.get("unique")), cell(ways.get("unique-tuned"), printed[2])]
        rows.append([about.title, about.measure, *cells])
    head = ["Task", "measure", "original", *(WAYS[w] for w in ("plain", "unique", "unique-tuned"))]
    lines += table(head, rows).splitlines()
    lines += ["", "## Table 5: error of reconstruction over the standard deviation", ""]
    lines += _reconstruction(results["reconstruction"])
    lines += ["", _directions(results)]
    lines += ["", "## Table 6: fusion and selection", ""]
    lines += by_target(results["targets"], COLUMNS_6, PAPER_6)
    lines += ["", "## Figure 2: the size of the code", "", *_sizes(results), ""]
    lines += ["## Figure 3: core-hours of training", "", *_hours(results), ""]
    lines += ["## A control: given time", "", *_longer(results), ""]
    lines += ["## The paper's claims, and the control's", "", *_claims(results), ""]
    return "\n".join(lines)


def _longer(results: dict) -> list[str]:
    asked = {
        target: ways
        for target, ways in results["targets"].items()
        if ways.keys() & arms.LONGER.keys()
    }
    if not asked:
        return ["Not run: `--longer` does."]
    passes = arms.LONGER_FACTOR * arms.TUNE_EPOCHS
    about = (
        f"A baseline may lose for want of training alone. Here both networks see a target's faces "
        f"{passes} times ({arms.LONGER_FACTOR * arms.LEAST_FACES:,} faces at least), one seed, "
        "beside what Table 3 says of them."
    )
    return [about, "", *by_target(asked, COLUMNS_LONGER, {})]


def _reconstruction(found: dict) -> list[str]:
    ways = [way for way in COLUMNS_5 if way in found]
    sources = list(next(iter(found.values()), {}))
    rows = []
    for source in sources:
        printed = dict(zip(COLUMNS_5, PAPER_5.get(source, (None,) * 6), strict=True))
        cells = []
        for way in ways:
            text = f"{found[way][source]:.2f}"
            cells.append(text if printed[way] is None else f"{text} [{printed[way]:.2f}]")
        rows.append([source, *cells])
    return table(["Source", *(WAYS[way] for way in ways)], rows).splitlines()


def _directions(results: dict) -> str:
    *sources, together = results["directions"].items()
    parts = ", ".join(f"{name} {each}" for name, each in sources)
    return (
        f"Directions that hold {100 * NEARLY_ALL:g} % of the variance of held-out embeddings, of "
        f"{results['size']} numbers a source: {parts}; all sources together {together[1]}. As many "
        "principal components lose next to nothing."
    )


def error_of_size(results: dict, size: str) -> float | None:
    """Mean error of reconstruction from a code of a size; that of the rule has no suffix."""
    name = "plain" if int(size) == results["size"] else f"plain-{size}"
    return results["reconstruction"].get(name, {}).get("average")


def _sizes(results: dict) -> list[str]:
    rows = []
    for size, scores in sorted(results["sizes"].items(), key=lambda item: int(item[0])):
        error = error_of_size(results, size)
        cells = [
            f"{title_of(target)[0]} {number['value']:.2f}" for target, number in scores.items()
        ]
        rows.append([size, "-" if error is None else f"{error:.3f}", "; ".join(cells)])
    head = ["Size", "error of reconstruction", "frozen transfer"]
    rule = f"The paper's rule, the mean length of the sources' embeddings, gives {results['size']}."
    figure = "![size of the code](figures/size.png)"
    return [*table(head, rows).splitlines(), "", rule, "", figure]


def hours(spent: dict[str, float]) -> dict[str, float]:
    """Core-hours of each way with all that it needs, on the machine that it ran on."""

    def total(*starts: str) -> float:
        return sum(each for name, each in spent.items() if name.startswith(starts)) / 3600

    fused = total("source-", "embed-") + spent.get("fusion-plain", 0.0) / 3600
    return {
        "sources": total("source-"),
        "embeddings of all faces": total("embed-"),
        "fusion (AE)": spent.get("fusion-plain", 0.0) / 3600,
        "distillation (E_unique)": spent.get("student-unique", 0.0) / 3600,
        "one stage (E_MT)": spent.get("student-onestage", 0.0) / 3600,
        "CNN on all targets": total("way-cnn"),
        "P-CNN on all targets": total("way-pcnn"),
        "BCT on all targets": total("way-bct", "choice"),
        "E_unique fine-tuned on all targets": total("way-unique-tuned"),
        "the control, both longer": total("way-longer-"),
        "E_unique in all, sources included": fused + total("student-unique", "way-unique-tuned"),
    }


def _hours(results: dict) -> list[str]:
    rows = [[name, f"{each:.2f}"] for name, each in hours(results["seconds"]).items()]
    lines = table(["What", "core-hours"], rows).splitlines()
    return [*lines, "", "![hours](figures/hours.png)"]


def _claims(results: dict) -> list[str]:
    rows = []
    for each in results["claims"]:
        parts = [
            "{} {value:+.2f} ({low:+.2f} to {high:+.2f})".format(title_of(one["target"])[0], **one)
            for one in each["on"]
        ]
        rows.append([each["claim"], each["verdict"], "; ".join(parts)])
    head = ["Claim", "here", "difference, positive where it is as claimed"]
    return [
        *table(head, rows).splitlines(),
        "",
        '"Holds": beyond the interval on more than half of the targets, and on none the other way; '
        '"contradicted": the reverse; "mixed": beyond it on some; "open": on none.',
    ]


def size_figure(results: dict) -> bytes:
    """Figure 2: error and transfer against the size, each target as a share of its best."""
    figure, (left, right) = new_figure(9, 3.5, columns=2)
    sizes = sorted(results["sizes"], key=int)
    errors = {size: error_of_size(results, size) for size in sizes}
    known = [size for size in sizes if errors[size] is not None]
    left.plot([int(size) for size in known], [errors[size] for size in known], marker="o")
    left.set(xlabel="size of the code", ylabel="error of reconstruction", xscale="log")
    for target in {name: None for size in sizes for name in results["sizes"][size]}:
        there = [size for size in sizes if target in results["sizes"][size]]
        values = np.array([results["sizes"][size][target]["value"] for size in there])
        title, measure, _ = title_of(target)
        share = values / values.max() if measure == targets.ACCURACY else values.min() / values
        right.plot([int(size) for size in there], share, marker="o", label=title)
    right.set(xlabel="size of the code", ylabel="share of the best", xscale="log")
    right.legend(fontsize=7)
    return png_of(figure)


def hours_figure(results: dict) -> bytes:
    """Figure 3: core-hours, on a logarithmic scale as the paper's."""
    spent = {name: each for name, each in hours(results["seconds"]).items() if each > 0}
    figure, axes = new_figure(7, 3.5)
    axes.barh(list(spent), list(spent.values()))
    axes.set(xlabel="core-hours", xscale="log")
    return png_of(figure)
