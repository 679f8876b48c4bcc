"""Table 5: how well each source's embedding is made again from a code, on held-out faces.

Each held-out face's error is kept in `reconstruction/<way>.npy` of the recipe's records, and who is
in it in `reconstruction/people.npz`.
"""

from __future__ import annotations

import numpy as np

from kerasface.evaluation import normalized_errors
from kerasface.training import fit_decoder
from kerasface.training.progress import say
from recipes.general_knowledge import fusion, students
from recipes.general_knowledge.arms import Ways
from recipes.whole_files import save_whole, unfinished

DECODER_EPOCHS = 8
FOLDER = "reconstruction"
NEARLY_ALL = 0.9999  # of the variance
TOGETHER = "together"


def measure(options, ways: Ways, kinds) -> None:
    """Measures the ways to a code that are not measured yet."""
    for kind, size in kinds:
        name = kind if size is None else f"{kind}-{size}"
        file = options.kept / FOLDER / f"{name}.npy"
        if file.exists():
            continue
        held = fusion.shards_of(options.held, options)
        rows = held.read()
        if kind in students.STUDENTS:
            back = _decoded(kind, options, ways)
        else:
            back = ways.operator(kind, size).reconstructed(rows.embeddings, rows.present)
        errors = normalized_errors(rows.embeddings, back, held.sizes, rows.present > 0)
        save_whole(file, errors.astype("float32"))
        say(f"reconstruction, {name}: {np.sqrt(np.nanmean(errors, axis=0)).mean():.3f}")


def errors_of(name: str, options) -> np.ndarray | None:
    """`(rows, sources)` squared errors over the variance, or None where they are not there."""
    file = options.kept / FOLDER / f"{name}.npy"
    return np.load(file).astype("float64") if file.exists() else None


def table(options) -> dict:
    """By way to a code, the normalised RMSE by source and on average."""
    found = {}
    for file in sorted((options.kept / FOLDER).glob("*.npy")):
        if file.name.endswith(".part.npy"):
            continue
        each = np.sqrt(np.nanmean(errors_of(file.stem, options), axis=0)).tolist()
        by_source = dict(zip(options.sources, each, strict=True))
        found[file.stem] = {**by_source, "average": float(np.mean(each))}
    return found


def directions(options) -> dict[str, int]:
    """How many principal directions hold nearly all variance of held-out embeddings.

    By source, and of all sources together, each divided by its own scale.
    """
    shards = fusion.shards_of(options.held, options)
    rows = shards.read()
    whole = rows.embeddings[rows.present.min(axis=1) > 0].astype("float64")
    values = whole / fusion.shards_of(options.unsupervised, options).moments()[1]
    ends = np.cumsum(list(shards.sizes.values()))
    parts = dict(zip(shards.sizes, np.split(values, ends[:-1], axis=1), strict=True))
    return {name: _directions(each) for name, each in (parts | {TOGETHER: values}).items()}


def people(options) -> np.ndarray:
    """Who is in each held-out face, in the order of the errors; found once and kept."""
    file = options.kept / FOLDER / "people.npz"
    if not file.exists():
        shards = fusion.shards_of(options.held, options)
        named = [
            options.load(options.held[place]).subjects[rows.rows]
            for (place, _), rows in zip(shards.parts, shards, strict=True)
        ]
        np.savez_compressed(unfinished(file), people=np.concatenate(named))
        unfinished(file).replace(file)
    with np.load(file) as stored:
        return stored["people"]


def _directions(values: np.ndarray) -> int:
    """Of `(rows, dim)`."""
    variances = np.linalg.eigvalsh(np.cov(values.T))[::-1].clip(0)
    return int(np.searchsorted(np.cumsum(variances), NEARLY_ALL * variances.sum())) + 1


def _decoded(kind: str, options, ways: Ways) -> np.ndarray:
    """The held-out faces' embeddings by a new decoder of a student's frozen ones."""
    shards = fusion.shards_of(options.unsupervised, options)
    codes = codes_by_part(kind, shards, options.unsupervised, ways)
    everything = np.concatenate(codes)
    middle, spread = everything.mean(0), everything.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    mean, scale = shards.moments()
    epochs = 1 if options.smoke else DECODER_EPOCHS
    standard = [(each - middle) / spread for each in codes]
    with options.clock(f"decoder-{kind}"):
        decoder = fit_decoder(standard, shards, mean, scale, epochs)
    held = fusion.shards_of(options.held, options)
    asked = np.concatenate(codes_by_part(kind, held, options.held, ways))
    return decoder.predict((asked - middle) / spread, verbose=0, batch_size=1024) * scale + mean


def codes_by_part(kind: str, shards, parts, ways: Ways) -> list[np.ndarray]:
    """A student's embeddings of each part of the shards."""
    return [
        ways.features(kind, parts[place])[rows.rows]
        for (place, _), rows in zip(shards.parts, shards, strict=True)
    ]
