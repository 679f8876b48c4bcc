"""What the review of Distill-2MD-MTL says is missing, answered with figures.

    python -m recipes.distill_2md_mtl.sets --data DATA --out runs/2md-prepared      # once
    python -m recipes.controls.run --prepared runs/2md-prepared --runs runs/controls

Trains on nine folds of CK+ with UTKFace and FairFace beside it and tests on the tenth, on FER2013
(seven classes, neutral counted wrong; never trained on nor chosen by) and on UTKFace's validation
part. Arms that are repeated stand on three folds with three seeds. Two to three minutes a run on
two cores, some 60 runs. Writes `controls.json`, `CONTROLS.md` and a figure a question beside this
file; goes on where it was killed. `--only transfer` runs one question, `--render` none.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.progress import track

from kerasface.evaluation.drawing import new_figure, png_of
from kerasface.zoo.markdown import table
from recipes.controls.arms import ARMS, CONTROLS, Control
from recipes.distill_2md_mtl.sets import load_set, smoke_set
from recipes.distill_2md_mtl.table import hits, interval, tested
from recipes.distill_2md_mtl.train import (
    add_options,
    complete,
    folder_of,
    run_one,
    testing_sets,
)

HERE = Path(__file__).parent
# In whose runs the cosines between the tasks' gradients are measured each epoch.
AFFINE, COSINE = "multi", "_gradient_cosine"
# Fold and seed.
PLACES = (("fold-0", 0), ("fold-1", 1), ("fold-2", 2))
ASKED = {
    "ck48_10fold": "CK+ (held-out people)",
    "ck48_to_fer2013": "FER2013",
    "utkface_two_ages": "age, UTKFace",
    "utkface_gender": "gender, UTKFace",
}


def places_of(control: Control, arm: str) -> tuple[tuple[str, int], ...]:
    """Where an arm is run."""
    repeated = control.repeated is None or arm in control.repeated
    return PLACES if repeated else PLACES[:1]


def wanted(only: str | None) -> list[tuple[str, str, int]]:
    """`(arm, split, seed)` of every run once, teachers before their students."""
    runs = {}
    for name, control in CONTROLS.items():
        if only in (None, name):
            for arm in control.arms:
                for split, seed in places_of(control, arm):
                    runs[arm, split, seed] = None
    return list(runs)


def collect(runs: Path, load) -> dict:
    """By question, arm and protocol: mean accuracy over the runs, interval, gap to the first."""
    kept = {}

    def part_of(arm, split, seed, protocol):
        key = (arm, split, seed, protocol)
        if key not in kept:
            run = folder_of(runs, arm, split, seed)
            there = (run / "metrics.json").exists()
            prepared = testing_sets(load, split)[protocol] if there else None
            kept[key] = tested(run, protocol, prepared, split) if there else None
        return kept[key]

    results = {}
    for name, control in CONTROLS.items():
        results[name] = {"title": control.title, "arms": {}}
        for arm in control.arms:
            row = {"title": ARMS[arm].title, "measured": {}}
            for protocol in ASKED:
                at = places_of(control, arm)
                own = [part_of(arm, *place, protocol) for place in at]
                first = [part_of(control.arms[0], *place, protocol) for place in at]
                if any(part is None for part in own):
                    continue
                row["measured"][protocol] = _number(own, first if arm != control.arms[0] else [])
            results[name]["arms"][arm] = row
    if "affinity" in results:
        results["affinity"]["cosines"] = cosines(runs)
    return results


def cosines(runs: Path) -> dict:
    """By pair of tasks and epoch, mean over the runs in which they were measured."""
    histories = []
    for split, seed in PLACES:
        file = folder_of(runs, AFFINE, split, seed) / "history.jsonl"
        if file.exists():
            histories.append([json.loads(line) for line in file.read_text().splitlines()])
    pairs = [name for name in histories[0][0] if name.endswith(COSINE)] if histories else []
    return {
        pair.removesuffix(COSINE).replace("_and_", " and "): [
            float(np.mean([history[epoch][pair] for history in histories]))
            for epoch in range(min(map(len, histories)))
        ]
        for pair in pairs
    }


def _number(own: list, first: list) -> dict:
    """Of runs on several folds; rows of all of them together, people drawn again."""
    right = np.concatenate([hits(part).astype(float) for part in own])
    people = np.concatenate([part.people for part in own])
    each = [float(hits(part).mean()) for part in own]
    number = {
        "accuracy": float(np.mean(each)),
        "interval": interval(right, people),
        "runs": each,
        "spread": float(np.std(each, ddof=1)) if len(each) > 1 else None,
    }
    if first and all(part is not None for part in first):
        gap = right - np.concatenate([hits(part) for part in first])
        number["gap"] = {"mean": float(gap.mean()), "interval": interval(gap, people)}
    return number


def render(results: dict) -> str:
    """The page: a table a question, accuracy in percent and points of difference."""
    lines = [
        "# Controls for Distill-2MD-MTL",
        "",
        "Accuracy in percent, mean over the runs; behind it the difference in points to the first "
        "arm of the table, with the 95 % interval of the paired difference (bootstrap over people, "
        "over pictures where nobody is named; it holds the choice of test faces, not the seeds, "
        "whose standard deviation stands in `controls.json`). Rendered by `python -m "
        "recipes.controls.run --render`.",
        "",
    ]
    for name, control in results.items():
        head = ["Arm", "runs", *ASKED.values()]
        rows = []
        for row in control["arms"].values():
            found = row["measured"]
            counts = {len(number["runs"]) for number in found.values()}
            cells = [row["title"], str(max(counts, default=0))]
            rows.append([*cells, *(_cell(found.get(protocol)) for protocol in ASKED)])
        lines += [f"## {control['title']}", "", *table(head, rows).splitlines(), ""]
        lines += [f"![{control['title']}](figures/{name}.png)", ""]
        if control.get("cosines"):
            lines += _cosine_lines(control["cosines"])
    return "\n".join(lines)


def _cosine_lines(found: dict) -> list[str]:
    """First, middle and last epoch of each pair."""
    rows = []
    for pair, values in found.items():
        shown = (values[0], values[len(values) // 2], values[-1], float(np.mean(values)))
        rows.append([pair, *(f"{value:+.3f}" for value in shown)])
    head = ["Gradients of", "first epoch", "middle", "last", "mean"]
    return [
        f"Cosine between the tasks' gradients at the shared weights, in the runs of "
        f"{ARMS[AFFINE].title}:",
        "",
        *table(head, rows).splitlines(),
        "",
    ]


def _cell(number: dict | None) -> str:
    if number is None:
        return "-"
    text = f"{100 * number['accuracy']:.1f}"
    if "gap" not in number:
        return text
    low, high = (100 * each for each in number["gap"]["interval"])
    return f"{text} ({100 * number['gap']['mean']:+.1f}; {low:+.1f} to {high:+.1f})"


def draw(control: dict) -> bytes:
    """Accuracy of each arm on CK+ and on FER2013, with 95 % intervals, as a PNG."""
    shown = {key: title for key, title in ASKED.items() if not key.startswith("utkface")}
    figure, axes = new_figure(9.0, 1.0 + 0.4 * len(control["arms"]), 1, len(shown))
    titles = [row["title"] for row in control["arms"].values()]
    for axis, (protocol, title) in zip(axes, shown.items(), strict=True):
        for place, row in enumerate(control["arms"].values()):
            number = row["measured"].get(protocol)
            if number:
                low, high = (100 * each for each in number["interval"])
                axis.plot([low, high], [place, place], color="tab:blue", linewidth=2)
                axis.plot(
                    [100 * each for each in number["runs"]], [place] * len(number["runs"]), "."
                )
                axis.plot(100 * number["accuracy"], place, "o", color="tab:blue")
        axis.set_yticks(range(len(titles)), titles if axis is axes[0] else [""] * len(titles))
        axis.set_ylim(len(titles) - 0.5, -0.5)
        axis.set_xlabel(f"{title}, accuracy in %")
        axis.grid(axis="x", alpha=0.3)
    return png_of(figure)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.set_defaults(runs=Path("runs/controls"))
    parser.add_argument("--only", choices=CONTROLS)
    parser.add_argument("--render", action="store_true", help="train nothing")
    parser.add_argument("--out", type=Path, default=HERE)
    options = complete(parser.parse_args(arguments))
    options.cosines = (AFFINE,)
    if not options.render:
        for arm, split, seed in track(wanted(options.only), "runs"):
            options.split, options.seed = split, seed
            run_one(arm, options, ARMS)
    load_file = smoke_set if options.smoke else load_set
    results = collect(options.runs, lambda file: load_file(options.prepared, file))
    figures = options.out / "figures"
    figures.mkdir(exist_ok=True, parents=True)
    for name, control in results.items():
        if any(row["measured"] for row in control["arms"].values()):
            (figures / f"{name}.png").write_bytes(draw(control))
    (options.out / "controls.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "CONTROLS.md").write_text(render(results))
    print(render(results))


if __name__ == "__main__":
    main()
