"""Which models are tested on which splits of a protocol, and what is known of each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

# Other names of data sets, as entries may call them; letters and digits only.
KNOWN_AS = {
    "ck48": ("ck48", "ck", "ckplus", "cohnkanade"),
    "morph2": ("morph2", "morphii", "morph"),
    "fer2013": ("fer2013", "fer2013csv"),
}


class Plan(NamedTuple):
    """A model and the splits that it is tested on."""

    source: str
    splits: list


def plan(models: list[str], protocol: str, splits: list, wanted: str | None = None) -> list[Plan]:
    """Which model is tested on which splits.

    One model is tested on the split that is wanted, else on the one its settings name, else on
    all of them; several are runs, each tested on the split that its settings name.

    Raises:
        ValueError: an unknown split, two models on one, or one of several that names none.
    """
    by_name = {split.name: split for split in splits}
    stated = [_stated_split(model, protocol) for model in models]
    if wanted is not None and len(models) > 1:
        raise ValueError(f"--split is for one model. Received: {len(models)} models")
    if len(models) == 1:
        name = wanted or stated[0]
        names = [name] if name else list(by_name)
        return [Plan(models[0], [_of(by_name, name) for name in names])]
    if not all(stated):
        # Taken in the order of the splits, one model in a wrong place would be tested on what it
        # was trained on, and nobody would see it.
        silent = models[stated.index(None)]
        raise ValueError(
            f'several models must be runs whose settings hold "protocol": "{protocol}" and '
            f'"split". Received: {silent}'
        )
    if len(set(stated)) < len(stated):
        raise ValueError(f"each split is tested by one model. Received: splits {stated}")
    return [Plan(model, [_of(by_name, name)]) for model, name in zip(models, stated, strict=True)]


def load(source: str, protocol) -> tuple[Any, dict]:
    """The model of an entry or run, and what is known of it."""
    from kerasface.training.trained_run import is_run, load_trained, run_config, run_epoch

    if Path(source).is_dir() and not (Path(source) / "manifest.json").is_file():
        if not is_run(source):
            raise ValueError(
                "neither an entry's folder (manifest.json) nor that of a run which has saved an "
                f"epoch (config.json, state.json). Received: {source}"
            )
        model, config = load_trained(source), run_config(source)
        known = {"kind": "run", "name": Path(source).name, "epoch": run_epoch(source)}
        sets = config.get("per_batch")
        trained_on = sorted(sets) if isinstance(sets, dict) else None
    else:
        from kerasface import zoo

        model = zoo.load(source)
        known = {"kind": "entry", "name": model.manifest.reference}
        trained_on = [data.name for data in model.manifest.training_data]
    facts = {
        "source": source,
        **known,
        "parameters": int(model.count_params()),
        "trained_on": trained_on,
        "tested_set_in_training": in_training(trained_on, protocol.readers[0]),
    }
    return model, facts


def in_training(trained_on: list[str] | None, tested: str) -> bool | None:
    """Whether a set is named among the training data; None where they are not known."""
    if trained_on is None:
        return None
    names = {re.sub("[^a-z0-9]", "", name.lower().replace("+", "")) for name in trained_on}
    aliases = KNOWN_AS.get(tested, (re.sub("[^a-z0-9]", "", tested),))
    return bool(names & set(aliases))


def notes_of(models: list[dict], protocol) -> list[str]:
    """What a reader of the numbers must know about how fair they are."""
    notes = []
    for model in models:
        seen, name = model["tested_set_in_training"], model["name"]
        if protocol.training and seen:
            notes.append(
                f"{name} was trained on {protocol.readers[0]}, the set that tests: not across sets"
            )
        elif seen and len(model["splits"]) > 1:
            notes.append(f"{name} was trained on {protocol.readers[0]} and is tested on all of it")
        elif seen:
            notes.append(
                f"{name} was trained on {protocol.readers[0]}; the number is fair if the tested "
                "rows were left out"
            )
        elif seen is None:
            notes.append(f"{name} does not say what it was trained on")
    return notes


def _stated_split(model: str, protocol: str) -> str | None:
    from kerasface.training.trained_run import is_run, run_config

    if not is_run(model):
        return None
    config = run_config(model)
    return config.get("split") if config.get("protocol") == protocol else None


def _of(by_name: dict, name: str):
    if name not in by_name:
        raise ValueError(f"no split {name!r}; there are {', '.join(by_name)}. Received: {name}")
    return by_name[name]
