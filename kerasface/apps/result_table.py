"""Results for a person who looks on: tables of pictures, lines of frames."""

from __future__ import annotations

from typing import Any

from kerasface.apps.result_files import printable
from kerasface.apps.wording import in_words, notes_of

PAGE = 200  # pictures a table, so that a folder of any size needs little memory


class TablePages:
    """Tables on standard output, a row a face, with the notes that belong to them.

    A context manager like a `ResultFile`. Without `rich`, as in a light install, it prints lines.
    """

    def __init__(self):
        self._records: list[dict[str, Any]] = []

    def write(self, record: dict[str, Any]) -> None:
        """Adds one record of `analyze`."""
        self._records.append(record)
        if len(self._records) == PAGE:
            self._print()

    def __enter__(self) -> TablePages:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if self._records:
            self._print()

    def _print(self) -> None:
        records, self._records = self._records, []
        try:
            _print_table(records)
        except ImportError:
            for record in records:
                print(f"{printable(str(record['image']))}: {_faces_in_words(record)}")
            for note in notes_of([face for record in records for face in record["faces"]]):
                print(note)


class Lines:
    """A line for each frame of a video, as it comes; notes once."""

    def __init__(self):
        self._said: set[str] = set()

    def write(self, record: dict[str, Any]) -> None:
        """Prints one record."""
        for note in notes_of(record["faces"]):
            if note not in self._said:
                self._said.add(note)
                print(note)
        print(f"{record['time']:9.2f} s  {_faces_in_words(record)}", flush=True)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind, error, trace) -> None: ...


def _faces_in_words(record: dict[str, Any]) -> str:
    if "error" in record:
        return "cannot be read"
    words = [
        ", ".join(filter(None, (in_words(answer) for answer in face["answers"].values())))
        for face in record["faces"]
    ]
    return "; ".join(words) or "no face found"


def _print_table(records: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    faces = [face for record in records for face in record["faces"]]
    tasks = dict.fromkeys(
        name for face in faces for name, answer in face["answers"].items() if in_words(answer)
    )
    table = Table("picture", "face", *tasks)
    for record in records:
        name = Text(printable(str(record["image"])), overflow="fold")
        for number, face in enumerate(record["faces"]):
            words = [in_words(face["answers"].get(task, {})) for task in tasks]
            table.add_row(name, str(number), *map(Text, words))
        if not record["faces"]:
            table.add_row(name, "cannot be read" if "error" in record else "no face found")
    console = Console()
    console.print(table)
    for note in notes_of(faces):
        console.print(Text(note, style="italic"), soft_wrap=True)
