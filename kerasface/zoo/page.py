"""The page of all entries, the zoo's `README.md`, from their manifests."""

from __future__ import annotations

from collections.abc import Sequence

from kerasface.zoo.card import shown
from kerasface.zoo.manifest import WEIGHTS, Manifest
from kerasface.zoo.markdown import millions, table
from kerasface.zoo.names import version_key

INTRODUCTION = """\
# The zoo

<!-- Rendered from the manifests by `python -m kerasface.zoo.index`; do not edit. -->

Every published entry is a folder `<name>/<version>/` with

- `manifest.json`: hashes, sizes, input, tasks, data with terms, licences, measured results, probe;
- `config.json`: what `kerasface.models.FaceModel.from_spec` builds the network from;
- `model.weights.h5`: weights, matrices in half precision;
- `README.md`: the card, rendered from the manifest;
- `exports/`: where there are any, the same network for LiteRT, ONNX and OpenVINO;
- `figures/`: pictures the card shows.

A published version never changes: `kerasface.zoo.publish` refuses to overwrite one. `index.json`
lists all entries with the sha256 of their manifests, which hold the sha256 of the files, so an
entry may be fetched from any server. The servers are named in `mirrors.json`, a list of https
addresses of a copy of this folder.

    kerasface zoo list                    what there is
    kerasface zoo info student            what an entry says of itself
    kerasface zoo verify                  hashes, sizes, cards; --model also builds and asks each
    kerasface zoo fetch teacher           brings an entry into the cache
"""


def render_page(manifests: Sequence[Manifest]) -> str:
    """The page of all entries as Markdown, newest version of each name first.

    Args:
        manifests: of all entries, in any order.

    Returns:
        The text of the zoo's `README.md`.
    """
    ordered = sorted(manifests, key=lambda each: version_key(each.version), reverse=True)
    ordered.sort(key=lambda each: each.name)
    rows = []
    for each in ordered:
        measured = [f"{m.dataset} {m.task} {m.metric} {shown(m)[0]}" for m in each.metrics]
        rows.append(
            [
                f"[{each.name} {each.version}]({each.name}/{each.version}/README.md)",
                millions(each.parameters),
                millions(each.operations),
                f"{each.files[WEIGHTS].bytes / 1e6:.2f} MB",
                "; ".join(measured),
                each.licences.weights,
            ]
        )
    header = ["entry", "parameters", "operations", "weights", "measured", "terms of the weights"]
    listing = table(header, rows) if rows else "No entry is published yet."
    return f"{INTRODUCTION}\n## Entries\n\n{listing}\n"
