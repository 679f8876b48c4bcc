"""The tables of Distill-2MD-MTL beside the paper's: all runs, what they measured, one page.

    python -m recipes.distill_2md_mtl.sets  --data DATA --out runs/2md-prepared       # once
    python -m recipes.distill_2md_mtl.table --prepared runs/2md-prepared --runs runs/2md

trains what is not there yet, across domains first (7 rows under three seeds, with age and gender
alone), then CK+ fold by fold (7 rows each). A finished run leaves a record in `finished/` beside
this file; after each seed and fold `results.json`, `RESULTS.md` and figures are written from the
records, and HParams beside the runs. A run is four to six minutes on a core, the whole four hours
in two processes. A killed table goes on with the same command, also on another machine: what has a
record is not trained again. To begin anew, remove `finished/`, or give another `--out`. Small
networks gain little by a second core, so on a CPU two processes of one core each get further:

    taskset -c 0 python -m recipes.distill_2md_mtl.table --share 1/2 ... &
    taskset -c 1 python -m recipes.distill_2md_mtl.table --share 2/2 ... & wait
    python -m recipes.distill_2md_mtl.table --render ...

`--only across` or `--only folds` trains one half; `--render` trains nothing and reads what is
there. `--paper` has the paper's VGG-16 and 200 epochs (a GPU's work), `--sets paper` its data
sets, `--smoke` a few steps on synthetic faces; what those write stands beside their runs.
`--devices` and `--hosts`: see `recipes/README.md`.
TensorBoard: `tensorboard --logdir runs/2md`.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from kerasface.evaluation.figures import confusion_figure, learning_curves, read_history
from kerasface.evaluation.protocols import find_protocol
from kerasface.training.tensorboard import TableRow, write_hparams
from recipes.distill_2md_mtl import records
from recipes.distill_2md_mtl.methods import FULL, METHODS
from recipes.distill_2md_mtl.page import TITLES, render
from recipes.distill_2md_mtl.results import FOLDS, SEEDS, asked, collect, minutes, probed
from recipes.distill_2md_mtl.runs import Run
from recipes.distill_2md_mtl.splits import ACROSS
from recipes.distill_2md_mtl.table_runs import add_table_options, complete_table, train_all
from recipes.whole_files import write_json

HERE = Path(__file__).parent
# Rows whose learning curves are drawn, of the first seed.
CURVES = ("baseline", "2md-mtl", "da-2md-mtl", FULL)
MEASURES = ("accuracy", "loss", "weight", "gradient_norm", "active_share", "strength")


# All of the table that `--smoke` trains, on one seed and one fold.
SMOKED = ("baseline", "da-2md-mtl", FULL)


def wanted(only: str | None, smoke: bool = False) -> list[Run]:
    """Every run, so that a part of them is a table: a seed after the other, a fold after the other.

    Students of three tasks, which are not among the paper's rows, come last.
    """
    if smoke:
        runs = [run for run in wanted(only) if run.split in (ACROSS, FOLDS[0]) and run.seed == 0]
        return [run for run in runs if run.method in SMOKED]
    rows = [name for name, method in METHODS.items() if method.paper]
    alone = [name for name, method in METHODS.items() if len(method.tasks) == 1]
    extra = [name for name in METHODS if name not in rows + alone]
    across = [Run(name, ACROSS, seed) for seed in SEEDS for name in rows]
    across += [Run(name, ACROSS, seed) for seed in SEEDS for name in alone if name not in rows]
    folds = [Run(name, split, 0) for split in FOLDS for name in rows]
    last = [Run(name, ACROSS, seed) for seed in SEEDS for name in extra]
    return {"across": across + last, "folds": folds, None: across + folds + last}[only]


def draw(results: dict, options, folder: Path) -> None:
    """The paper's figures 4 and 5, and learning curves of each task, as far as runs are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for protocol in asked(options.domains):
        number = results[protocol].get(FULL)
        if number:
            classes = find_protocol(protocol).target.label_task().classes
            title = f"{METHODS[FULL].title}, {TITLES[protocol]}"
            figure = confusion_figure(number["confusion"], classes, title)
            (folder / f"confusion-{protocol}.png").write_bytes(figure)
    histories = {}
    for name in CURVES:
        file = Run(name, ACROSS, SEEDS[0]).folder(options.runs) / "history.jsonl"
        if file.exists():
            tasks = [options.domains.tasks[each].name for each in METHODS[name].tasks]
            histories[METHODS[name].title] = by_task(read_history(file), tasks)
    for key, task in options.domains.tasks.items():
        measures = sorted(
            {
                entry
                for history in histories.values()
                for entry in history[-1]
                if entry.startswith((task.name, "val_")) and entry.endswith(MEASURES)
                if task.name in entry
            }
        )
        if measures:
            curves = learning_curves(histories, measures)
            (folder / f"curves-{key}.png").write_bytes(curves)


def by_task(history: list[dict], tasks: list[str]) -> list[dict]:
    """Entries of a run's history under their tasks' names, which Keras leaves out of one alone."""
    if len(tasks) > 1:
        return history
    own = ("accuracy", "loss", "labelled", "mean_loss")
    return [{f"{tasks[0]}_{k}" if k in own else k: v for k, v in e.items()} for e in history]


def hparams_rows(results: dict) -> list[TableRow]:
    """The table's rows as TensorBoard's HParams."""
    rows = []
    for name, method in METHODS.items():
        figures = {
            f"{title}, accuracy": results[protocol][name]["accuracy"]
            for protocol, title in TITLES.items()
            if name in results.get(protocol, {})
        }
        settings = {key: value for key, value in asdict(method).items() if key != "title"}
        rows.append(TableRow(method.title, settings, figures))
    return rows


def write(options) -> str:
    """Results, page, figures and HParams of the runs that are there; returns the page."""
    kept = options.out / records.FOLDER
    results = collect(kept, options.load, options.domains)
    results |= {"minutes": minutes(kept), "probe": probed(kept)}
    draw(results, options, options.out / "figures")
    write_hparams(options.runs, hparams_rows(results))
    write_json(options.out / "results.json", results)
    page = render(results, options.domains)
    (options.out / "RESULTS.md").write_text(page)
    return page


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_table_options(parser, Path("runs/2md"))
    parser.add_argument("--only", choices=("across", "folds"))
    options = complete_table(parser.parse_args(arguments), HERE)
    folds = options.domains.folds
    train_all(
        wanted(options.only, options.smoke),
        METHODS,
        options,
        write,
        asked=lambda run: None if run.split == ACROSS else (folds,),
    )


if __name__ == "__main__":
    main()
