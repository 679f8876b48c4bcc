"""A bar for each file that is being fetched, on terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Shows bars on standard error while it is open, if that is a terminal.

    Yields:
        A function of file name, bytes so far and bytes in all. Until it is called nothing is
        shown or imported.
    """
    state: dict[str, Any] = {}

    def watch(name: str, count: int, total: int) -> None:
        if "progress" not in state:
            state["progress"] = _started()
        if state["progress"] is None:
            return
        if name not in state:
            state[name] = state["progress"].add_task(name, total=total)
        state["progress"].update(state[name], completed=count)

    try:
        yield watch
    finally:
        if state.get("progress") is not None:
            state["progress"].stop()


def _started() -> Any:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
    except ImportError:  # a light install has no bars
        return None

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.start()
    return progress
