"""The sources' embeddings of all faces in shards, and the fusion operators that are fitted on them.

    python -m recipes.general_knowledge.fusion --prepared runs/gk-prepared --runs runs/gk

Embeds every part by every source (6 x 110,000 faces), then fits on the faces without labels: the
autoencoder of the paper's ratios, plain, denoising and variational, and plain
autoencoders of the other sizes of Figure 2. One shard is in memory at a time. What is there is
skipped; a killed run goes on. `--only age race` embeds by some sources and fits nothing, so that
two processes can share the work, in 12 minutes; what is fitted takes 20 on one core.

Vielzeuf et al. (2019), sections 3.2, 4.3 and 4.4.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from kerasface.data import SourceShards
from kerasface.inference import embed_images
from kerasface.models import ConcatFusion, EmbeddingFusion, PcaFusion
from kerasface.models.embedding_fusion import average_size
from kerasface.training import fit_fusion
from kerasface.training.progress import duration, say
from kerasface.training.trained_run import epochs_done
from recipes.general_knowledge.options import add_options, parse
from recipes.general_knowledge.sources import SOURCES, load_source

ROWS_A_SHARD = 4096
KINDS = ("plain", "denoising", "variational")
EPOCHS, RATE = 6, 1e-3
SIZES = (64, 128, 512, 1024)  # of Figure 2, beside the paper's rule
SMOKE_SIZES = (3,)
# On two quiet cores: faces through a source, and an epoch of an autoencoder of average size.
EMBEDDED_A_SECOND, FITTED_SECONDS = 800.0, 14.0
PCA, CONCAT = "pca", "concat"


def folders_of(part: str, options) -> dict[str, Path]:
    """Folder of a part's embeddings, by source."""
    return {name: options.runs / "embeddings" / name / part for name in options.sources}


def shards_of(parts: Sequence[str], options) -> SourceShards:
    """Embeddings of some parts by all sources."""
    return SourceShards([folders_of(part, options) for part in parts])


def embed_all(parts: Sequence[str], options, names: Sequence[str] = ()) -> None:
    """Embeddings of some parts by some sources, default all, as far as they are not there yet."""
    rows = 16 if options.smoke else ROWS_A_SHARD
    for name in names or options.sources:
        network = None
        for part in parts:
            folder = folders_of(part, options)[name]
            if is_finished(name, folder):
                continue
            network = network or load_source(name, options)
            with options.clock(f"embed-{name}"):
                report = embed_images(network, options.load(part), folder, rows)
            say(f"{name}, {part}: {report.embeddings} embeddings")


def is_finished(name: str, folder: Path) -> bool:
    """Whether all shards of a folder are there."""
    try:
        SourceShards([{name: folder}])
    except ValueError:
        return False
    return True


def name_of(kind: str, size: int | None = None) -> str:
    """Of a fusion, and of its folder."""
    return f"fusion-{kind}" if size is None else f"fusion-{kind}-{size}"


def make(kind: str, sizes, size: int) -> EmbeddingFusion:
    """A new autoencoder."""
    keras.utils.set_random_seed(0)
    return EmbeddingFusion(sizes, size, kind)


def fit(kind: str, options, size: int | None = None):
    """A fusion on the faces without labels; the trained one where it is there.

    Principal components take half a minute and are fitted again each time.

    Args:
        kind: of an `EmbeddingFusion`, or "pca" or "concat".
        options: of the command line.
        size: of the code, default the paper's rule.
    """
    shards = shards_of(options.unsupervised, options)
    code = average_size(shards.sizes) if size is None else size
    if kind in KINDS:
        epochs = 1 if options.smoke else EPOCHS
        folder = options.runs / name_of(kind, size)
        with options.clock(name_of(kind, size)):
            return fit_fusion(make(kind, shards.sizes, code), shards, folder, epochs, RATE)
    if kind == CONCAT:
        return ConcatFusion(shards.sizes, *shards.moments())
    with options.clock(name_of(kind)):
        return PcaFusion(shards.sizes, code, *shards.moments()).fit(
            (part.embeddings, part.present) for part in shards
        )


def codes_of(fusion, part: str, options) -> np.ndarray:
    """`(rows, size)` codes of a part's faces, in the order of its rows."""
    found = [fusion.codes(each.embeddings, each.present) for each in shards_of([part], options)]
    return np.concatenate(found)


def figure_sizes(options) -> tuple[int, ...]:
    """Sizes of Figure 2 beside the rule's."""
    return SMOKE_SIZES if options.smoke else SIZES


def estimate(options, names: Sequence[str] = ()) -> float:
    """Seconds that are left on two quiet cores, of embedding by some sources or of everything."""
    left = [
        len(options.load(part))
        for part in options.parts
        for name in names or options.sources
        if not is_finished(name, folders_of(part, options)[name])
    ]
    if names:
        return sum(left) / EMBEDDED_A_SECOND
    kinds = [(kind, None) for kind in KINDS] + [(KINDS[0], size) for size in SIZES]
    fits = sum(EPOCHS - epochs_done(options.runs / name_of(*each)) for each in kinds)
    return sum(left) / EMBEDDED_A_SECOND + fits * FITTED_SECONDS


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.add_argument("--only", nargs="+", choices=SOURCES, default=[], help="embed by these")
    options = parse(parser, arguments)
    if not options.smoke:
        say(f"about {duration(estimate(options, options.only))} on two quiet cores")
    embed_all(options.parts, options, options.only)
    if options.only:
        return
    for kind in KINDS[: 1 if options.smoke else None]:
        fit(kind, options)
        say(f"{kind}: fitted")
    for size in figure_sizes(options):
        fit(KINDS[0], options, size)
        say(f"{KINDS[0]} of {size}: fitted")


if __name__ == "__main__":
    main()
