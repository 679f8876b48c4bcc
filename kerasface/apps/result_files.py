"""Files that results are written to as they come: CSV, JSON lines, JSON and Parquet.

Each picture is written by one call and flushed, so a process that is killed leaves whole pictures
behind, and what the machine itself cut off is taken away before the file is gone on with.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from kerasface.apps.result_rows import rows_of

STDOUT = "-"
PART = ".part"


class ResultFile(Protocol):
    """What `open_results` gives: a context manager; an exception in its block is passed on."""

    def write(self, record: dict[str, Any]) -> None:
        """Adds one record of `analyze`."""

    def __enter__(self) -> ResultFile: ...

    def __exit__(self, kind, error, trace) -> None: ...


class Names:
    """Names of pictures that are done, 8 bytes of each: memory for a million is 60 MB.

    That two of a million fall together, so that one is left out, happens once in 30 million runs.
    """

    def __init__(self, names: Iterable[str | None] = ()):
        self._digests: set[int] = set()
        for name in names:
            self.add(name)

    def add(self, name: str | None) -> None:
        """Remembers a name."""
        self._digests.add(_digest(name))

    def __contains__(self, name: str | None) -> bool:
        return _digest(name) in self._digests

    def __len__(self) -> int:
        return len(self._digests)


class JsonLinesFile:
    """A line of JSON a picture, nothing left out.

    Args:
        place: path, or "-" for standard output.
        columns: as `columns_of`; a table's, not needed here.
        resume: whether to go on with the file that is there.

    Attributes:
        done: names of the pictures that it already holds.
    """

    def __init__(self, place: str, columns: Mapping[str, str] | None = None, resume: bool = False):
        del columns
        self.done = Names()
        if resume and os.path.exists(place):
            _drop_torn_line(place)
            with open(place, encoding="utf-8") as file:
                self.done = Names(_name_in(line, place) for line in file)
        self._out = _Text(place, append=resume)

    def write(self, record: dict[str, Any]) -> None:
        """Adds one record."""
        self._out.write(as_json(record) + "\n")

    def __enter__(self) -> JsonLinesFile:
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._out.close()


class JsonFile:
    """One JSON array of all records; it cannot be gone on with.

    Args:
        place: path, or "-" for standard output.
        columns: not needed here.

    Raises:
        ValueError: it should be gone on with.
    """

    def __init__(self, place: str, columns: Mapping[str, str] | None = None, resume: bool = False):
        del columns
        if resume:
            raise ValueError(f"an array cannot be gone on with; take .jsonl. Received: {place}")
        self.done, self._out, self._first = Names(), _Text(place), True

    def write(self, record: dict[str, Any]) -> None:
        """Adds one record."""
        text = as_json(record, indent=2).replace("\n", "\n  ")
        self._out.write(("[\n  " if self._first else ",\n  ") + text)
        self._first = False

    def __enter__(self) -> JsonFile:
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            self._out.write("[]\n" if self._first else "\n]\n")
        finally:
            self._out.close()


class CsvFile:
    """A row a face, one a picture that shows none, under a header.

    Args:
        place: path, or "-" for standard output.
        columns: as `columns_of`.
        resume: whether to go on with the file that is there. The rows of its last picture are
            dropped, since nobody knows whether they are all there, and it is read again.

    Attributes:
        done: names of the pictures that it already holds.

    Raises:
        ValueError: the file to go on with has other columns.
    """

    def __init__(self, place: str, columns: Mapping[str, str], resume: bool = False):
        self.done, self._columns = Names(), list(columns)
        fresh = not (resume and os.path.exists(place) and os.path.getsize(place))
        if not fresh:
            self._repair(place)
        self._out = _Text(place, append=resume)
        if fresh:
            self._out.write(_csv_text([self._columns]))

    def write(self, record: dict[str, Any]) -> None:
        """Adds the rows of one record."""
        rows = [[_cell(row.get(name)) for name in self._columns] for row in rows_of(record)]
        self._out.write(_csv_text(rows))

    def __enter__(self) -> CsvFile:
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._out.close()

    def _repair(self, place: str) -> None:
        """Copies whole pictures but the last, and puts the copy in the file's place."""
        _drop_torn_line(place)
        part = place + PART
        with open(place, newline="", encoding="utf-8") as file, _created(part) as copy:
            rows = csv.reader(file, strict=True)
            header = next(rows, self._columns)
            if header != self._columns:
                raise ValueError(
                    f"{place} has other columns than this run; take another file. "
                    f"Received: {', '.join(header)}"
                )
            copy.write(_csv_text([header]))
            pending: list[list[str]] = []
            for row in _until_torn(rows):
                if pending and row[0] != pending[0][0]:
                    self.done.add(pending[0][0])
                    copy.write(_csv_text(pending))
                    pending = []
                pending.append(row)
        os.replace(part, place)


def as_json(record: Any, indent: int | None = None) -> str:
    """JSON of plain values. Names that are no Unicode keep their bytes as `\\udcXX`."""
    return printable(json.dumps(record, ensure_ascii=False, allow_nan=False, indent=indent))


def printable(text: str) -> str:
    """Text that can be written as UTF-8: names of files may hold any bytes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Text:
    """A file or standard output, flushed at each writing."""

    def __init__(self, place: str, append: bool = False):
        self._own = place != STDOUT
        self._file = sys.stdout
        if self._own:
            mode = "a" if append else "w"
            self._file = open(place, mode, newline="", encoding="utf-8")  # noqa: SIM115

    def write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    def close(self) -> None:
        if self._own:
            self._file.close()


def _digest(name: str | None) -> int:
    content = printable(name or "").encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _name_in(line: str, place: str) -> str | None:
    try:
        return json.loads(line)["image"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{place} holds what no run has written: {line[:60]!r}") from None


def _drop_torn_line(place: str) -> None:
    """Cuts off what follows the last line end, which a machine that went down may leave."""
    with open(place, "rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 4096)
            file.seek(start)
            line_end = file.read(end - start).rfind(b"\n")
            if line_end >= 0:
                end = start + line_end + 1
                break
            end = start
        file.truncate(end)


def _until_torn(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Rows up to a quotation that was never closed."""
    try:
        yield from rows
    except csv.Error:
        return


def _csv_text(rows: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return printable(text.getvalue())


def _cell(value: Any) -> Any:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def _created(path: str | Path):
    return open(path, "w", newline="", encoding="utf-8")
