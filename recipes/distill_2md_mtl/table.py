"""The tables of Distill-2MD-MTL beside the paper's: all runs, what they measured, one page.

    python -m recipes.distill_2md_mtl.table --prepared runs/2md-prepared --runs runs/2md

trains what is not there yet (a run is two to three minutes on two cores: some six hours in all),
and writes `results.json`, `RESULTS.md` and figures beside this file. A killed table goes on with
the same command. `--only across` or `--only folds` trains and tabulates one half; `--render` trains
nothing and reads what is there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.progress import track

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.protocols import Tested, find_protocol
from kerasface.tasks import from_config
from kerasface.zoo.markdown import table
from recipes.distill_2md_mtl.methods import METHODS, PAPER
from recipes.distill_2md_mtl.sets import load_set, smoke_set
from recipes.distill_2md_mtl.train import (
    ACROSS,
    SPLITS,
    add_options,
    complete,
    folder_of,
    run_one,
    testing_sets,
)

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
FOLDS = SPLITS[1:]
RESAMPLES = 2000
# Protocol: the runs that answer it, and its name in the table.
ASKED = {
    "ck48_10fold": "CK+, 7 classes, 10 folds",
    "ck48_to_fer2013": "CK+ to FER2013, 7 classes",
    "utkface_two_ages": "age < 38 or > 43, UTKFace",
    "utkface_gender": "gender, UTKFace",
}
SIX = "six classes"
BASELINES = {
    "ck48_10fold": "baseline",
    "ck48_to_fer2013": "baseline",
    "utkface_two_ages": "age-baseline",
    "utkface_gender": "gender-baseline",
}


def wanted(only: str | None) -> list[tuple[str, str, int]]:
    """`(method, split, seed)` of every run, those that test across domains first."""
    across = [(method, ACROSS, seed) for seed in SEEDS for method in METHODS]
    alone = ("age-baseline", "gender-baseline")  # they know nothing of CK+'s folds
    folds = [(method, split, 0) for split in FOLDS for method in METHODS if method not in alone]
    return {"across": across, "folds": folds, None: across + folds}[only]


def tested(run: Path, protocol_name: str, prepared: PreparedSet, split: str) -> Tested | None:
    """What a run answered, from its files; None where it was not asked."""
    file = run / f"answers-{protocol_name}.npz"
    if not file.exists():
        return None
    protocol = find_protocol(protocol_name)
    label = protocol.target.label_task().name
    test = prepared.take(prepared.masks[label])
    with np.load(file, allow_pickle=False) as stored:
        outputs, names = stored[label], stored["names"]
    if names.tolist() != test.names.tolist():
        raise ValueError(f"{file} answers other pictures than {protocol_name} asks")
    config = json.loads((run / "config.json").read_text())["config"]
    tasks = [from_config(each) for each in config["spec"]["tasks"]]
    task, answers = protocol.target.answers(tasks, {label: outputs})
    people = np.array([who or n for who, n in zip(test.subjects, test.names, strict=True)], str)
    return Tested(split, task, answers, test.labels[label], people, test.names, run)


def hits(part: Tested) -> np.ndarray:
    """`(rows,)` bool, which rows were answered rightly."""
    return part.outputs.argmax(-1) == part.labels


def interval(rows: np.ndarray, people: np.ndarray) -> list[float]:
    """95 % bootstrap interval over people of the mean of `(rows,)` numbers."""
    _, place = np.unique(people, return_inverse=True)
    sums, counts = np.bincount(place, rows), np.bincount(place)
    chance = np.random.default_rng(0)
    drawn = chance.integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return [float(each) for each in np.quantile(means, (0.025, 0.975))]


def collect(runs: Path, load) -> dict:
    """All numbers, JSON-safe: by protocol and method, mean over runs with intervals."""
    results = {}
    for protocol_name in ASKED:
        folds = protocol_name == "ck48_10fold"
        found = {}
        for method in METHODS:
            parts = []
            for split, seed in [(f, 0) for f in FOLDS] if folds else [(ACROSS, s) for s in SEEDS]:
                run = folder_of(runs, method, split, seed)
                if (run / "metrics.json").exists():
                    prepared = testing_sets(load, split)[protocol_name]
                    part = tested(run, protocol_name, prepared, split)
                    parts += [] if part is None else [part]
            if parts:
                found[method] = parts
        results[protocol_name] = numbers(found, BASELINES[protocol_name], folds)
        if protocol_name == "ck48_to_fer2013":
            neutral = {
                method: [part.take(part.labels != part.task.classes.index("neutral")) for part in p]
                for method, p in found.items()
            }
            results[SIX] = numbers(neutral, BASELINES[protocol_name], folds)
    return results


def numbers(found: dict[str, list[Tested]], baseline: str, folds: bool) -> dict:
    """Accuracy by method: over all folds' rows, or the mean of the seeds over the same rows."""
    join = np.concatenate if folds else lambda each: np.mean(each, axis=0)
    rows = {method: join([hits(part) for part in parts]) for method, parts in found.items()}
    people = {
        method: np.concatenate([part.people for part in parts]) if folds else parts[0].people
        for method, parts in found.items()
    }
    scores = {}
    for method, parts in found.items():
        each = [float(hits(part).mean()) for part in parts]
        scores[method] = {
            "accuracy": float(rows[method].mean()),
            "interval": interval(rows[method].astype(float), people[method]),
            "runs": each,
            "spread": float(np.std(each, ddof=1)) if len(each) > 1 else None,
            "rows": len(rows[method]),
        }
        if method != baseline and len(rows.get(baseline, ())) == len(rows[method]):
            gap = rows[method].astype(float) - rows[baseline]
            scores[method]["over_baseline"] = {
                "difference": float(gap.mean()),
                "interval": interval(gap, people[method]),
            }
    return scores


def render(results: dict) -> str:
    """The page: ours with 95 % intervals, the paper's in brackets where it has the column."""
    columns = {
        "ck48_10fold": ("CK+, 7 classes, 10 folds", "ck48"),
        "ck48_to_fer2013": ("FER2013, 7 classes (ceiling 83 %)", "fer2013"),
        SIX: ("FER2013, its 6 shared classes", None),
        "utkface_two_ages": ("age in two classes, UTKFace", None),
        "utkface_gender": ("gender, UTKFace", None),
    }
    head = ["Method", *(title for title, _ in columns.values())]
    body = []
    for method, about in METHODS.items():
        cells = [about.title]
        for key, (_, paper) in columns.items():
            cell = _cell(results.get(key, {}).get(method))
            if paper and about.paper:
                cell += f" ({PAPER[method][paper]:.1f})"
            cells.append(cell)
        body.append(cells)
    absent = [
        [METHODS[m].title, *(f"- ({PAPER[m][c]:.1f})" for c in ("oulu", "morph", "adience"))]
        for m in PAPER
    ]
    lines = [
        "# Distill-2MD-MTL: ours beside the paper's",
        "",
        "Accuracy in percent with its 95 % interval (bootstrap over people, over pictures where "
        "nobody is named), the paper's figure in brackets. Rendered from `results.json` by "
        "`python -m recipes.distill_2md_mtl.table --render`.",
        "",
        *table(head, body).splitlines(),
        "",
        "Every run saw 44,800 pictures with one network of 2 million parameters. CK+: all ten "
        "folds by subject once, pooled. The rest: trained on all of CK+, mean over three seeds. No "
        "picture of FER2013 trained or chose anything; of its seven classes CK+ lacks neutral, "
        "which is counted wrong. The paper tests on PrivateTest, this table on PublicTest. It "
        "trains on MORPH II and Adience where this table has UTKFace and FairFace, starts from "
        "LSEMSW, and does not give its mapping of classes.",
        "",
        "## Against the baseline",
        "",
        *table(
            ["Method", *(title for title, _ in columns.values())], _differences(results, columns)
        ).splitlines(),
        "",
        "Difference in points to the baseline of the column (expression, age or gender alone), "
        "95 % interval of the paired difference.",
        "",
        "## Columns that cannot be had here",
        "",
        *table(
            ["Method", "Oulu-CASIA (expression)", "MORPH II (age)", "Adience (gender)"], absent
        ).splitlines(),
        "",
    ]
    return "\n".join(lines)


def _cell(number: dict | None) -> str:
    if number is None:
        return "-"
    low, high = (100 * each for each in number["interval"])
    return f"{100 * number['accuracy']:.1f} [{low:.1f}, {high:.1f}]"


def _differences(results: dict, columns: dict) -> list[list[str]]:
    rows = []
    for method, about in METHODS.items():
        cells = [about.title]
        for key in columns:
            gap = results.get(key, {}).get(method, {}).get("over_baseline")
            if gap is None:
                cells.append("-")
                continue
            low, high = (100 * each for each in gap["interval"])
            cells.append(f"{100 * gap['difference']:+.1f} [{low:+.1f}, {high:+.1f}]")
        rows.append(cells)
    return rows


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.add_argument("--only", choices=("across", "folds"))
    parser.add_argument("--render", action="store_true", help="train nothing")
    parser.add_argument("--out", type=Path, default=HERE)
    options = complete(parser.parse_args(arguments))
    if not options.render:
        for method, split, seed in track(wanted(options.only), "runs"):
            options.split, options.seed = split, seed
            run_one(method, options)
    load_file = smoke_set if options.smoke else load_set
    results = collect(options.runs, lambda file: load_file(options.prepared, file))
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "RESULTS.md").write_text(render(results))
    print(render(results))


if __name__ == "__main__":
    main()
