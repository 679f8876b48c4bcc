"""Results as one Parquet file, which appears whole at the end of a run."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kerasface.apps.result_files import PART, STDOUT, JsonLinesFile, Names, printable
from kerasface.apps.result_rows import NUMBER, TEXT, TRUTH, WHOLE, rows_of
from kerasface.data.parquet import arrow

JOURNAL = ".unfinished"  # beside the file: what a run that was stopped had done
ROWS = 16_384  # in memory at once, and in a group of the file


class ParquetFile:
    """A row a face, one a picture that shows none, in typed columns.

    Parquet cannot be added to, so records wait in `PLACE.unfinished`, a journal of JSON lines, and
    become the file when the run has come to its end. One that was stopped is gone on with.

    Args:
        place: path of the file.
        columns: as `columns_of`.
        resume: whether to go on with the file, or the journal, that is there.

    Attributes:
        done: names of the pictures that either already holds.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: the place is standard output, or the file there has other columns.
    """

    def __init__(self, place: str, columns: Mapping[str, str], resume: bool = False):
        if place == STDOUT:
            raise ValueError(f"Parquet goes to a file. Received: {place}")
        self._pa, self._place = arrow(), Path(place)
        kinds = {
            TEXT: self._pa.string(),
            NUMBER: self._pa.float64(),
            WHOLE: self._pa.int64(),
            TRUTH: self._pa.bool_(),
        }
        self._schema = self._pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._finished = resume and self._place.exists()
        self._held = Names(self._held_names() if self._finished else ())
        self._journal_path = Path(place + JOURNAL)
        self._journal = JsonLinesFile(str(self._journal_path), resume=resume)
        self.done = self._journal.done
        for name in self._held_names() if self._finished else ():
            self.done.add(name)

    def write(self, record: dict[str, Any]) -> None:
        """Adds one record to the journal."""
        self._journal.write({"image": record["image"], "rows": rows_of(record)})

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._journal.__exit__(kind, error, trace)
        if kind is None:
            self._finish()

    def _finish(self) -> None:
        """Writes old and new rows under another name, to the disk, and renames the file."""
        parquet, part = self._pa.parquet, self._place.with_name(self._place.name + PART)
        with open(part, "wb") as file:
            with parquet.ParquetWriter(file, self._schema, compression="zstd") as writer:
                if self._finished:
                    with parquet.ParquetFile(self._place) as old:
                        for group in range(old.num_row_groups):
                            writer.write_table(old.read_row_group(group))
                rows = self._new_rows()
                while some := list(itertools.islice(rows, ROWS)):
                    writer.write_table(self._pa.Table.from_pylist(some, self._schema))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._place)
        self._journal_path.unlink()

    def _new_rows(self) -> Iterator[dict[str, Any]]:
        """The journal's, without pictures that a run killed between its last two steps put over."""
        with open(self._journal_path, encoding="utf-8") as file:
            for line in file:
                picture = json.loads(line)
                if picture["image"] not in self._held:
                    for row in picture["rows"]:
                        yield row | {"image": printable(row["image"])}

    def _held_names(self) -> Iterator[str]:
        try:
            held = self._pa.parquet.ParquetFile(self._place)
        except (self._pa.ArrowException, OSError) as error:
            reason = (str(error).splitlines() or [""])[0]
            raise ValueError(f"{self._place} is no Parquet file: {reason}") from None
        with held:
            if not held.schema_arrow.equals(self._schema):
                raise ValueError(
                    f"{self._place} has other columns than this run; take another file. "
                    f"Received: {', '.join(held.schema_arrow.names)}"
                )
            for batch in held.iter_batches(ROWS, columns=["image"]):
                yield from batch.column(0).to_pylist()
