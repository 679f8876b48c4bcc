"""Figures of a report, each a function of plain arrays that returns a PNG.

matplotlib is imported when the first figure is drawn, and without its global state, so that
figures can be drawn while something else trains or shows windows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasface.evaluation.calibration import BINS, ReliabilityBins, reliability_bins
from kerasface.evaluation.drawing import new_figure, png_of

# Past this many classes the cells of a confusion matrix are too small for numbers.
MOST_NUMBERS = 16
BLUE, ORANGE, GREY = "#1f5fa8", "#d9772b", "#888888"


def confusion_figure(confusion, classes: Sequence[str], title: str = "") -> bytes:
    """A confusion matrix, coloured by the share of the true class.

    Args:
        confusion: `(classes, classes)` counts, true class by row.
        classes: their names.
        title: shown above.

    Returns:
        PNG bytes. Cells show the share in percent; rows the number of faces.

    Raises:
        ValueError: the matrix does not fit the names.
    """
    counts = np.asarray(confusion, "float64")
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(
            f"a matrix of {len(classes)} x {len(classes)} is needed. Received: {counts.shape}"
        )
    rows = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(rows, 1.0)
    side = min(2.5 + 0.5 * len(classes), 14.0)
    figure, axes = new_figure(side + 0.6, side)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    places = range(len(classes))
    axes.set_xticks(places, classes, rotation=45, ha="right", fontsize=8)
    labels = [f"{name} ({int(n)})" for name, n in zip(classes, rows[:, 0], strict=True)]
    axes.set_yticks(places, labels, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true (faces)", title=title)
    if len(classes) <= MOST_NUMBERS:
        for row, column in np.ndindex(counts.shape):
            colour = "white" if share[row, column] > 0.5 else "black"
            text = f"{100 * share[row, column]:.0f}" if counts[row, column] else ""
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    return png_of(figure)


def read_history(path: str | Path) -> list[dict]:
    """Entries of a run's `history.jsonl` in the order of their epochs.

    A run that was killed and resumed may hold an epoch twice; the later one stands. A last
    line that is not whole, of a run that is just writing it, is left out.

    Raises:
        ValueError: another line is no JSON.
    """
    lines = Path(path).read_text().splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    entries = [json.loads(line) for line in lines if line.strip()]
    epochs = {entry["epoch"]: entry for entry in entries}
    return [epochs[epoch] for epoch in sorted(epochs)]


def learning_curves(
    runs: Mapping[str, Sequence[Mapping]], measures: Sequence[str] | None = None
) -> bytes:
    """Measures over epochs, a panel a measure and a line a run.

    Args:
        runs: by name the entries of `read_history`.
        measures: keys of the entries, default all that a run has, but counts.

    Returns:
        PNG bytes. A measure that starts with `val_` is drawn dashed in the panel of its training
        form where there is one.

    Raises:
        ValueError: no run has any of the measures.
    """
    present = {key for entries in runs.values() for entry in entries for key in entry}
    if measures is None:
        measures = sorted(present - {"epoch"})
        measures = [name for name in measures if not name.endswith("labelled")]
    measures = [name for name in measures if name in present]
    if not measures:
        raise ValueError(f"no run has such measures. Received: runs={sorted(runs)}")
    training = [n for n in measures if n.removeprefix("val_") == n]
    panels = {name: [name] for name in training}
    for name in measures:
        if name.startswith("val_"):
            panels.setdefault(name.removeprefix("val_"), []).append(name)
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure, grid = new_figure(4.2 * columns, 2.9 * rows, rows, columns)
    for axes, (title, names) in zip(np.ravel(grid), panels.items(), strict=False):
        for number, (run, entries) in enumerate(runs.items()):
            for name in names:
                points = [(entry["epoch"], entry[name]) for entry in entries if name in entry]
                style = "--" if name.startswith("val_") else "-"
                axes.plot(*np.array(points or [(np.nan, np.nan)]).T, style, c=f"C{number}")
            axes.plot([], [], c=f"C{number}", label=run)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("epoch", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    for axes in np.ravel(grid)[len(panels) :]:
        axes.set_axis_off()
    if len(runs) > 1:
        np.ravel(grid)[0].legend(fontsize=7)
    return png_of(figure)


def value_scatter(labels, values, unit: str = "years", title: str = "") -> bytes:
    """Predicted numbers against true ones, such as ages.

    Args:
        labels: `(rows,)` true values in the unit.
        values: `(rows,)` predicted ones.
        unit: of both.
        title: shown above, beside the mean absolute error.

    Returns:
        PNG bytes.
    """
    labels, values = np.asarray(labels, "float64"), np.asarray(values, "float64")
    error = np.abs(values - labels).mean()
    ends = [min(labels.min(), values.min()), max(labels.max(), values.max())]
    figure, axes = new_figure(4.6, 4.4)
    axes.scatter(labels, values, s=6, alpha=0.25, color=BLUE, linewidths=0)
    axes.plot(ends, ends, color=GREY, lw=1)
    axes.set(xlabel=f"true ({unit})", ylabel=f"predicted ({unit})", aspect="equal")
    axes.set_title(f"{title} mean absolute error {error:.2f} {unit}".strip(), fontsize=9)
    axes.grid(alpha=0.3)
    return png_of(figure)


def error_by_band(labels, values, bands: Sequence[float], unit: str = "years") -> bytes:
    """Mean absolute error in bands of the true value, with its 95 % interval.

    Args:
        labels: `(rows,)` true values in the unit.
        values: `(rows,)` predicted ones.
        bands: rising lower ends, the last band is open.
        unit: of all of them.

    Returns:
        PNG bytes. The number of faces stands in each bar; the interval is 1.96 standard
        errors of the mean.
    """
    from kerasface.evaluation.groups import band_names

    labels = np.asarray(labels, "float64")
    error = np.abs(np.asarray(values, "float64") - labels)
    place = np.searchsorted(bands, labels, side="right") - 1
    figure, axes = new_figure(6.0, 3.4)
    for band in range(len(bands)):
        inside = error[place == band]
        if len(inside):
            half = 1.96 * inside.std() / np.sqrt(len(inside))
            axes.bar(band, inside.mean(), yerr=half, color=BLUE, ecolor=ORANGE, capsize=3)
        colour = "white" if len(inside) else "black"
        axes.text(band, 0.0, f"{len(inside)}", ha="center", va="bottom", fontsize=8, color=colour)
    axes.set_xticks(range(len(bands)), band_names(bands), fontsize=8)
    axes.set(xlabel=f"true ({unit})", ylabel=f"mean absolute error ({unit})")
    return png_of(figure)


def reliability_diagram(
    probabilities, labels, bins: int = BINS, title: str = "", weights=None
) -> bytes:
    """How often the answer was right, by how sure the model was of it.

    Args:
        probabilities: `(rows, classes)`.
        labels: `(rows,)` integer class numbers.
        bins: number of bins of equal width.
        title: shown above, beside the calibration error.
        weights: `(rows,)` how often each row counts, default once.

    Returns:
        PNG bytes: bars of accuracy against the diagonal, and the share of faces in each bin.
    """
    figure, axes = new_figure(4.4, 4.2)
    _draw_reliability(axes, reliability_bins(probabilities, labels, bins, weights), title)
    return png_of(figure)


def calibration_diagram(
    before, after, labels, bins: int = BINS, title: str = "", weights=None
) -> bytes:
    """Two reliability diagrams side by side: before and after the confidence was corrected.

    Args:
        before: probabilities `(rows, classes)`.
        after: the same rows' corrected ones.
        labels: as in `reliability_diagram`, as are the rest.
        bins: number of bins of equal width.
        title: shown above.
        weights: `(rows,)` how often each row counts, default once.

    Returns:
        PNG bytes.
    """
    figure, pair = new_figure(8.4, 4.3, 1, 2)
    for axes, name, probabilities in zip(pair, ("before:", "after:"), (before, after), strict=True):
        _draw_reliability(axes, reliability_bins(probabilities, labels, bins, weights), name)
    figure.suptitle(title, fontsize=10)
    return png_of(figure)


def _draw_reliability(axes, found: ReliabilityBins, title: str) -> None:
    bins = len(found.weight)
    share = found.weight / found.weight.sum()
    error = np.nansum(np.abs(found.accuracy - found.confidence) * share)
    middle, width = (found.edges[1:] + found.edges[:-1]) / 2.0, 1.0 / bins
    axes.bar(middle, np.nan_to_num(found.accuracy), 0.9 * width, color=BLUE, label="accuracy")
    axes.bar(middle, share, 0.4 * width, color=ORANGE, label="share of faces")
    axes.plot([0, 1], [0, 1], color=GREY, lw=1)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"{title} calibration error {100 * error:.1f} %".strip(), fontsize=9)
    axes.legend(fontsize=8, loc="upper left")
