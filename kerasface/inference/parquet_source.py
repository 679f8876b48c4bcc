"""Pictures of Parquet files: their content in a column, or the paths of their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kerasface.data.parquet import arrow
from kerasface.inference.stored_source import Stored, StoredSource

COLUMN = "image"
BATCH = 256  # rows that are taken from a file at once


class ParquetSource(StoredSource):
    """Rows of Parquet files as pictures to label or to embed.

    The column holds encoded pictures (binary), paths of files (string), or both as Hugging Face's
    `datasets` writes them: `{"bytes": binary, "path": string}`. A path that is not absolute is
    relative to its Parquet file. A row group is read from its beginning for every shard in it, so
    write no larger ones than shards.

    Args:
        files: one or more, of one schema.
        dataset: name of the data set.
        column: of the pictures, default "image".
        name_column: of the pictures' names, text that is nowhere twice; None: paths are their own
            names, and others are called `<file>#<row in the file>`.
        **kwargs: `root`, `size`, `detector`, `workers` of `StoredSource`.

    Raises:
        ValueError: no readable Parquet file, no such column, or one that holds no pictures.
        ImportError: pyarrow is not installed.

    Example:

        source = ParquetSource(sorted(folder.glob("*.parquet")), "faces", name_column="id")
        label_images(labeller, source, "labels/faces", engine="ray", workers=8)
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        dataset: str,
        column: str = COLUMN,
        name_column: str | None = None,
        **kwargs,
    ):
        self.column, self.name_column = column, name_column
        super().__init__(files, dataset, **kwargs)

    def settings(self) -> tuple:
        return self.column, self.name_column

    def rows_of(self, file: Path) -> int:
        """Rows of a file, from its footer, where the columns are looked for too."""
        with _opened(file) as opened:
            schema = opened.schema_arrow
            for name in filter(None, (self.column, self.name_column)):
                if name not in schema.names:
                    raise ValueError(
                        f"{file}: no column {name!r}; columns: {', '.join(schema.names)}"
                    )
            kind = schema.field(self.column).type
            if not _holds_pictures(kind):
                raise ValueError(
                    f"{file}: column {self.column!r} must be of encoded pictures (binary), of "
                    f"paths (string) or of both. Received: {kind}"
                )
            return opened.metadata.num_rows

    def stored(self, file: Path, start: int, stop: int) -> Iterator[Stored]:
        columns = list(dict.fromkeys(filter(None, (self.column, self.name_column))))
        pa = arrow()
        with _opened(file) as opened:
            groups, skipped, end = [], 0, 0
            for number in range(opened.num_row_groups):
                begin, end = end, end + opened.metadata.row_group(number).num_rows
                if begin < stop and end > start:
                    skipped = skipped if groups else begin
                    groups.append(number)
            batches = opened.iter_batches(BATCH, row_groups=groups, columns=columns)
            place = skipped
            try:
                for batch in batches:
                    part = batch[max(start - place, 0) : max(stop - place, 0)]
                    place += len(batch)
                    yield from self._pictures(file, part)
                    if place >= stop:
                        break
            except (pa.ArrowException, OSError) as error:
                raise _unreadable(file, error) from None

    def _pictures(self, file: Path, part: Any) -> Iterator[Stored]:
        names = part[self.name_column].to_pylist() if self.name_column else [None] * len(part)
        for name, value in zip(names, part[self.column].to_pylist(), strict=True):
            path = None
            if isinstance(value, dict):
                path, value = value.get("path"), value.get("bytes") or value.get("path")
            elif isinstance(value, str):
                path = value
            name = path if name is None else str(name)
            yield name or "", file.parent / value if isinstance(value, str) else value or None


def _opened(file: Path) -> Any:
    """A `pyarrow.parquet.ParquetFile`, a context.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no such file.
    """
    pa = arrow()
    try:
        return pa.parquet.ParquetFile(file, page_checksum_verification=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"no such file: {file}") from None
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, error) from None


def _holds_pictures(kind: Any) -> bool:
    types = arrow().types
    if types.is_struct(kind):
        fields = {kind.field(place).name for place in range(kind.num_fields)}
        return bool(fields & {"bytes", "path"})
    text = types.is_string(kind) or types.is_large_string(kind)
    return text or types.is_binary(kind) or types.is_large_binary(kind)


def _unreadable(file: Path, error: Exception) -> ValueError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ValueError(f"{file}: no readable Parquet file ({reason})")
