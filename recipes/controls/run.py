"""What the review of Distill-2MD-MTL says is missing, answered with figures.

    python -m recipes.distill_2md_mtl.sets --data DATA --out runs/2md-prepared      # once
    python -m recipes.controls.run --prepared runs/2md-prepared --runs runs/controls

Trains on nine folds of CK+ with UTKFace and FairFace beside it and tests on the tenth, on FER2013
(seven classes, neutral counted wrong; never trained on nor chosen by) and on UTKFace's validation
part. Every arm is run on one fold first, then those that are repeated on two more with other seeds.
Four to six minutes a run on a core, some 60 runs. A finished run leaves a record in `finished/`
beside this file, from which `controls.json`, `CONTROLS.md` and figures are written, with what a
person concluded in `conclusions.md` before the tables; a killed run goes on, also on another
machine. `--share` divides the runs among processes, as of the table.
`--only transfer` runs one question, `--render` none; what `--smoke` writes stands beside its runs.
`--devices` and `--hosts`: see `recipes/README.md`; the gradients' cosines are measured on
TensorFlow only, so on one host.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from kerasface.evaluation.drawing import new_figure, png_of
from kerasface.zoo.markdown import table
from recipes.controls import affinity
from recipes.controls.arms import ARMS, CONTROLS, Control
from recipes.distill_2md_mtl import records
from recipes.distill_2md_mtl.answers import hits, interval
from recipes.distill_2md_mtl.runs import Run
from recipes.distill_2md_mtl.splits import testing_sets
from recipes.distill_2md_mtl.table_runs import add_table_options, complete_table, train_all
from recipes.whole_files import write_json

HERE = Path(__file__).parent
# Written by hand, of the results beside it.
CONCLUSIONS = "conclusions.md"
# In whose runs the cosines between the tasks' gradients are measured each epoch.
AFFINE = "multi"
# Behind a difference that each of several runs shows.
AGREED = "*"
# Fold and seed.
PLACES = (("fold-0", 0), ("fold-1", 1), ("fold-2", 2))
# Protocols by set, and their titles.
TESTS = {"expression": "ck48_10fold", "age": "utkface_two_ages", "gender": "utkface_gender"}
ASKED = {
    "ck48_10fold": "CK+ (held-out people)",
    "ck48_to_fer2013": "FER2013",
    "utkface_two_ages": "age, UTKFace",
    "utkface_gender": "gender, UTKFace",
}
# All that `--smoke` trains.
SMOKED = ("multi", "single", "expression-alone", "expression+age", "sure-40")


def places_of(control: Control, arm: str) -> tuple[tuple[str, int], ...]:
    """Where an arm is run."""
    repeated = control.repeated is None or arm in control.repeated
    return PLACES if repeated else PLACES[:1]


def wanted(only: str | None, smoke: bool = False) -> list[Run]:
    """Every run once: all arms on the first fold, then on the others; teachers come first."""
    if smoke:
        return [run for run in wanted(only) if run.method in SMOKED and run[1:] == PLACES[0]]
    asked = [control for name, control in CONTROLS.items() if only in (None, name)]
    runs = {}
    for place in PLACES:
        for control in asked:
            for arm in control.arms:
                if place in places_of(control, arm):
                    runs[Run(arm, *place)] = None
    return list(runs)


def collect(kept: Path, load, domains) -> dict:
    """By question, arm and protocol: mean accuracy over the runs, interval, gap to the first.

    Args:
        kept: folder of the runs' records.
        load: function of a file's name that gives its set.
        domains: whose sets they are.
    """
    parts = {}

    def part_of(arm, split, seed, protocol):
        key = (arm, split, seed, protocol)
        if key not in parts:
            record, parts[key] = records.read(Run(arm, split, seed), kept), None
            if record is not None:
                prepared = testing_sets(load, split, domains, (protocol,))[protocol]
                parts[key] = records.tested(record, protocol, prepared, split)
        return parts[key]

    results = {}
    for name, control in CONTROLS.items():
        results[name] = {"title": control.title, "arms": {}}
        for arm in control.arms:
            row = {"title": ARMS[arm].title, "measured": {}}
            for protocol in ASKED:
                at = places_of(control, arm)
                # While runs are missing, those that both have are compared.
                own = {each: part_of(arm, *each, protocol) for each in at}
                own = {each: part for each, part in own.items() if part is not None}
                if not own:
                    continue
                first = {each: part_of(control.arms[0], *each, protocol) for each in own}
                first = {each: part for each, part in first.items() if part is not None}
                row["measured"][protocol] = _number(own, first if arm != control.arms[0] else {})
            results[name]["arms"][arm] = row
    if "affinity" in results:
        affine = [records.read(Run(AFFINE, *place), kept) for place in PLACES]
        tasks = {name: task.name for name, task in domains.tasks.items()}
        results["affinity"]["cosines"] = affinity.cosines(
            [record["cosines"] for record in affine if record is not None], tasks
        )
        results["affinity"]["pairwise"] = affinity.pairwise(results["affinity"]["arms"], TESTS)
    return results


def _number(own: dict, first: dict) -> dict:
    """Of runs on several folds; rows of all of them together, people drawn again."""
    right = np.concatenate([hits(part).astype(float) for part in own.values()])
    people = np.concatenate([part.people for part in own.values()])
    each = [float(hits(part).mean()) for part in own.values()]
    number = {
        "accuracy": float(np.mean(each)),
        "interval": interval(right, people),
        "runs": each,
        "spread": float(np.std(each, ddof=1)) if len(each) > 1 else None,
    }
    if first:
        gaps = [hits(own[place]).astype(float) - hits(part) for place, part in first.items()]
        people = np.concatenate([own[place].people for place in first])
        gap = np.concatenate(gaps)
        number["gap"] = {
            "mean": float(np.mean([part.mean() for part in gaps])),
            "runs": [float(part.mean()) for part in gaps],
            "interval": interval(gap, people),
        }
    return number


def render(results: dict, conclusions: str = "") -> str:
    """The page: a table a question, accuracy in percent and points of difference.

    Args:
        results: as `collect` gives them.
        conclusions: Markdown before the tables; none where it is empty.
    """
    lines = [
        "# Controls for Distill-2MD-MTL",
        "",
        "Accuracy in percent, mean and standard deviation over the runs; behind it the difference "
        "in points to the first arm of the table, with the 95 % interval of the paired difference "
        "(bootstrap over people, over pictures where nobody is named; it holds the choice of test "
        f"faces, not the seeds). {AGREED}: of one sign in each of several runs. Rendered by "
        "`python -m recipes.controls.run --render`.",
        "",
        "2MD-MTL has an exponentially falling rate, exact GradNorm and no adversary; arms named "
        "after a rate, a balancing or an adversary differ from it in that. CK+'s people are some "
        "100 pictures a run. `gradnorm_reference` is the same rule by separate backward passes, so "
        "what lies between the two is what two runs differ by.",
        "",
        *conclusions.splitlines(),
        *[""] * bool(conclusions),
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
        lines += affinity.lines(control)
    return "\n".join(lines)


def _cell(number: dict | None) -> str:
    if number is None:
        return "-"
    text = f"{100 * number['accuracy']:.1f}"
    if number["spread"] is not None:
        text += f" ± {100 * number['spread']:.1f}"
    if "gap" not in number:
        return text
    gap, (low, high) = number["gap"], (100 * each for each in number["gap"]["interval"])
    agreed = len(gap["runs"]) > 1 and len({each > 0 for each in gap["runs"]}) == 1
    return f"{text} ({100 * gap['mean']:+.1f}{AGREED * agreed}; {low:+.1f} to {high:+.1f})"


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


def draw_all(results: dict, folder: Path) -> None:
    """One figure a question, and the matrices of the tasks' affinity."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, control in results.items():
        if any(row["measured"] for row in control["arms"].values()):
            (folder / f"{name}.png").write_bytes(draw(control))
        matrices = {"cosine": control.get("cosines"), "accuracy": control.get("pairwise")}
        for kind, found in matrices.items():
            if found:
                columns = found.get("beside", found["tasks"])
                title = {"cosine": "cosine of gradients", "accuracy": "accuracy, trained beside"}
                image = affinity.draw_matrix(found["matrix"], found["tasks"], columns, title[kind])
                (folder / f"{name}-{kind}.png").write_bytes(image)


def write(options) -> str:
    """Results, page and figures of the runs that are there; returns the page."""
    results = collect(options.out / records.FOLDER, options.load, options.domains)
    draw_all(results, options.out / "figures")
    write_json(options.out / "controls.json", results)
    beside = options.out / CONCLUSIONS
    page = render(results, beside.read_text() if beside.exists() else "")
    (options.out / "CONTROLS.md").write_text(page)
    return page


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_table_options(parser, Path("runs/controls"))
    parser.add_argument("--only", choices=CONTROLS)
    options = parser.parse_args(arguments)
    if options.sets != "here":
        parser.error("the controls are asked of the sets that are here")
    options = complete_table(options, HERE)
    options.cosines = (AFFINE,)
    train_all(wanted(options.only, options.smoke), ARMS, options, write)


if __name__ == "__main__":
    main()
