"""A matplotlib figure without its global state, and its bytes as a PNG."""

from __future__ import annotations

import io

DPI = 100


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1):
    """A figure of so many inches and its axes, one or an array `(rows, columns)`.

    matplotlib is imported here, when the first figure is drawn.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.subplots(rows, columns)


def png_of(figure) -> bytes:
    """The figure's PNG; the same figure is the same bytes."""
    stream = io.BytesIO()
    # Without the name and version of the program, the same figure is the same file.
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
