"""What the runs of the adversary's control come to, and the page that says it."""

from __future__ import annotations

import numpy as np

from kerasface.zoo.markdown import table

# What the adversary is to reach, as shares of the probe and of the main task.
LOSES, STAYS = 0.10, 0.01
NONE = "none"
# Column: set, task, measure. Gender is what must stay.
COLUMNS = {
    "gender, UTKFace": ("utkface", "gender", "accuracy"),
    "expression, CK+": ("ck48", "expression", "accuracy"),
    "age, UTKFace": ("utkface", "age", "mean_absolute_error"),
}
MAIN = "gender, UTKFace"
ABOUT = """Held-out rows of UTKFace and CK+, grey; chance of the probe is 50 %. The probe is a \
newly trained linear classifier (logistic regression on standardised features, folds by person) \
and no part of the training. Mean ± standard deviation over seeds; differences seed by seed to \
the network that went on from the same start for as many steps without an adversary. Settings \
were chosen on other held-out people. Rendered by `python -m recipes.controls.adversary_probe`."""


def summary(runs: list[dict]) -> dict:
    """By tasks and adversary mean and deviation over seeds, and differences to none by seed."""
    results = {}
    for tasks in dict.fromkeys(run["tasks_named"] for run in runs):
        own = [run for run in runs if run["tasks_named"] == tasks]
        plain = {run["seed"]: run for run in own if run["variant"] == NONE}
        results[tasks] = {
            variant: _entry([run for run in own if run["variant"] == variant], plain)
            for variant in dict.fromkeys(run["variant"] for run in own)
        }
    return results


def _entry(own: list[dict], plain: dict[int, dict]) -> dict:
    shares = [run["active_share"] for run in own if run["active_share"] is not None]
    titles = [title for title in COLUMNS if title in own[0]["tasks"]]
    entry = {
        "seeds": [run["seed"] for run in own],
        "probe": spread([run["probe"] for run in own]),
        "probe_before": spread([run["probe_before"] for run in own]),
        "active_share": spread(shares) if shares else None,
        "tasks": {t: spread([run["tasks"][t] for run in own]) for t in titles},
    }
    pairs = [(run, plain[run["seed"]]) for run in own if run["seed"] in plain]
    if own[0]["variant"] != NONE and pairs:
        lost = [other["probe"] - run["probe"] for run, other in pairs]
        gained = [run["tasks"][MAIN] - other["tasks"][MAIN] for run, other in pairs]
        entry |= {"probe_loses": spread(lost), "main_gains": spread(gained)}
        entry["claim_reached"] = bool(np.mean(lost) >= LOSES and np.mean(gained) >= -STAYS)
    return entry


def spread(values: list[float]) -> dict:
    """Mean and, from two values on, standard deviation; the values as they are."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation, "each": list(values)}


def render(results: dict) -> str:
    """A table for each set of tasks and what it says, as Markdown."""
    lines = ["# What the domain adversary takes from the features, and what it costs", "", ABOUT]
    for tasks, variants in results.items():
        titles = [t for t in COLUMNS if t in next(iter(variants.values()))["tasks"]]
        head = ["Adversary", "Seeds", "Probe", "Probe before the shared layer", *titles]
        rows = [_row(name, entry, titles) for name, entry in variants.items()]
        page = table([*head, "Active triplets"], rows).splitlines()
        lines += ["", f"## Trained: {tasks}", "", *page, ""]
        for name, entry in variants.items():
            if "probe_loses" in entry:
                lost, gained = entry["probe_loses"], entry["main_gains"]
                lines.append(
                    f"- {name}: the probe loses {points(lost)} points (aim: {100 * LOSES:.0f} or "
                    f"more), gender changes by {points(gained, '+')} (aim: {-100 * STAYS:.0f} or "
                    f"better): {'reached' if entry['claim_reached'] else 'not reached'}."
                )
    return "\n".join(lines) + "\n"


def _row(name: str, entry: dict, titles: list[str]) -> list[str]:
    cells = [
        name,
        str(len(entry["seeds"])),
        percent(entry["probe"]),
        percent(entry["probe_before"]),
    ]
    for title in titles:
        in_years = COLUMNS[title][2] == "mean_absolute_error"
        cells.append((years if in_years else percent)(entry["tasks"][title]))
    return [*cells, percent(entry["active_share"]) if entry["active_share"] else "-"]


def percent(value: dict) -> str:
    """A share and its deviation in percent."""
    return _with_deviation(value, 100.0, ".1f", " %")


def years(value: dict) -> str:
    """A mean absolute error in years."""
    return _with_deviation(value, 1.0, ".2f", " years")


def points(value: dict, sign: str = "") -> str:
    """A difference of shares in points."""
    return _with_deviation(value, 100.0, f"{sign}.1f", "")


def _with_deviation(value, scale, form, unit):
    text = f"{scale * value['mean']:{form}}"
    if value["deviation"] is not None:
        text += f" ± {scale * value['deviation']:{form.lstrip('+')}}"
    return text + unit
