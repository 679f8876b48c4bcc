"""From the scores of all ways to the numbers of the tables, and the paper's claims judged."""

from __future__ import annotations

import json

import numpy as np

from kerasface.evaluation import mean_with_interval
from kerasface.zoo.schema import dump_json
from recipes.general_knowledge import reconstruction, records, targets
from recipes.general_knowledge.arms import FROZEN, ORIGINAL, TRAINED
from recipes.general_knowledge.sources import SOURCES
from recipes.verdicts import verdict_on_most
from recipes.whole_files import write_whole

# What the paper says, and what the control asks, as ways of which the first is to be better.
CLAIMS = (
    ("Table 6: the autoencoder is better than principal components", "plain", "pca"),
    ("Table 6: the autoencoder is better than plain concatenation", "plain", "concat"),
    ("Table 6: the autoencoder is better than the best single source", "plain", "bt"),
    ("Table 6: the autoencoder is often better than the best combination", "plain", "bct"),
    ("Table 3: two stages are better than one, frozen", "unique", "onestage"),
    ("Table 3: two stages are better than one, fine-tuned", "unique-tuned", "onestage-tuned"),
    ("Table 3: the fine-tuned student is better than its teacher", "unique-tuned", "plain"),
    ("Table 3: fine-tuning is better than the frozen student", "unique-tuned", "unique"),
    ("Table 3: the fine-tuned student is better than a CNN from scratch", "unique-tuned", "cnn"),
    ("Table 3: the fine-tuned student is better than P-CNN", "unique-tuned", "pcnn"),
    ("Control: the student is better where both are given time", "longer-unique", "longer-cnn"),
    ("Control: fine-tuned longer, the student is better", "longer-unique", "unique-tuned"),
)


# Of table 5; the first is to lose less of the held-out faces' embeddings.
KEEPS_MORE = (
    ("Table 5: the autoencoder keeps more than principal components", "plain", "pca"),
    ("Table 5: the plain autoencoder keeps more than the denoising one", "plain", "denoising"),
    ("Table 5: the plain autoencoder keeps more than the variational one", "plain", "variational"),
    ("Table 5: two stages keep more than one", "unique", "onestage"),
)
HELD = "variance of held-out embeddings"


def percent_of(target: str) -> float:
    """Factor from a number a face to what a table shows."""
    about = targets.ALL.get(target)
    return 1.0 if about is not None and about.measure == targets.YEARS else 100.0


def people_of(target: str, options) -> np.ndarray | None:
    """Who is in each test face; None of pairs."""
    if target == targets.PAIRS:
        return None
    return targets.split(targets.ALL[target], options)[1].faces.subjects


def collect(options, asked, own_names) -> dict:
    """All numbers that are there.

    Args:
        options: of the command line.
        asked: names of targets.
        own_names: of the sources' own tasks.
    """
    ways = [*FROZEN, *TRAINED]
    tables: dict = {}
    own_targets = {name: f"{targets.OWN_PREFIX}{name}" for name in own_names}
    everybody = {target: people_of(target, options) for target in (*asked, *own_targets.values())}
    for target in asked:
        people, factor = everybody[target], percent_of(target)
        tables[target] = {}
        for way in ways:
            runs = records.scores(options.kept, way, target)
            if runs:
                sources = records.chosen(options.kept, way, target)
                tables[target][way] = summary(runs, people, factor, sources)
    own = {}
    for name, target in own_targets.items():
        people, factor = everybody[target], percent_of(target)
        own[name] = {}
        for way in (ORIGINAL, "plain", "unique", "unique-tuned"):
            runs = records.scores(options.kept, way, target)
            if runs:
                own[name][way] = summary(runs, people, factor)
    sizes = by_size(options, asked, everybody)
    drawn = [target for target in asked if any(target in each for each in sizes.values())]
    sizes[str(options.scale.embedding)] = {
        target: tables[target]["plain"] for target in drawn if "plain" in tables[target]
    }
    return {
        "size": options.scale.embedding,
        "found": options.found(),
        "targets": tables,
        "own": own,
        "reconstruction": reconstruction.table(options),
        "sizes": sizes,
        "seconds": records.seconds(options.kept),
        "claims": judged(options, asked, everybody) + kept_more(options),
        **facts(options),
    }


def summary(runs, people, factor: float, chosen=()) -> dict:
    """Mean over faces and seeds with its interval over faces, and the spread over seeds."""
    found = mean_with_interval(np.mean(runs, axis=0), people)
    numbers = {name: factor * found[name] for name in ("value", "low", "high")}
    means = [factor * float(each.mean()) for each in runs]
    spread = float(np.std(means, ddof=1)) if len(means) > 1 else None
    return {**numbers, "rows": found["rows"], "seeds": means, "sd": spread, "chosen": list(chosen)}


def by_size(options, asked, everybody) -> dict:
    """Figure 2: by size and target, what a frozen code is worth."""
    found: dict = {}
    for folder in sorted((options.kept / records.SCORES).glob("plain-*")):
        size = folder.name.rpartition("-")[2]
        for target in asked:
            runs = records.scores(options.kept, folder.name, target)
            if runs:
                number = summary(runs, everybody[target], percent_of(target))
                found.setdefault(size, {})[target] = number
    return found


def judged(options, asked, everybody) -> list[dict]:
    """Each claim with its comparisons, target by target, and what they say together."""
    found = []
    for text, better, worse in CLAIMS:
        comparisons = []
        for target in asked:
            first, second = (records.scores(options.kept, way, target) for way in (better, worse))
            if not first or not second:
                continue
            gaps = np.mean(first, axis=0) - np.mean(second, axis=0)
            about = targets.ALL.get(target)
            sign = -1.0 if about is not None and about.is_error else 1.0
            factor = sign * percent_of(target)
            gap = mean_with_interval(factor * gaps, everybody[target])
            comparisons.append({"target": target, **gap})
        if comparisons:
            found.append({"claim": text, "verdict": said(comparisons), "on": comparisons})
    return found


def kept_more(options) -> list[dict]:
    """The claims of table 5, in percent of the variance of the sources' embeddings."""
    found = []
    for text, better, worse in KEEPS_MORE:
        first, second = (reconstruction.errors_of(name, options) for name in (better, worse))
        if first is not None and second is not None:
            gaps = 100.0 * np.nanmean(second - first, axis=1)
            gap = mean_with_interval(gaps, reconstruction.people(options))
            comparison = {"target": HELD, **gap}
            found.append({"claim": text, "verdict": said([comparison]), "on": [comparison]})
    return found


def said(comparisons: list[dict]) -> str:
    """What differences say together."""
    return verdict_on_most((each["low"], each["high"]) for each in comparisons)


def facts(options) -> dict:
    """Of the networks and their embeddings, which the tables need no more once they are found."""
    file = options.kept / "facts.json"
    if not file.exists():
        found = {
            "parameters": parameters(options),
            "directions": reconstruction.directions(options),
        }
        write_whole(file, dump_json(found))
    return json.loads(file.read_text())


def parameters(options) -> dict:
    """Of all sources together, of the fusion's encoder, and of a student."""
    from recipes.general_knowledge import fusion
    from recipes.general_knowledge.arms import Ways

    sources = sum(
        fusion.load_source(name, options).parameters for name in options.sources or SOURCES
    )
    ways = Ways(options)
    return {
        "sources": int(sources),
        "encoder": int(ways.operator("plain").encoder.count_params()),
        "student": int(ways.student("unique").trunk.count_params()),
    }
