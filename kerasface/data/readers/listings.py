"""Lines and records of label files, each with its line number, for reports and errors."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """`(line number, line without its end)` of each line that is not blank.

    Raises:
        FileNotFoundError: no such file.
    """
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line.strip("\r\n")


def records(
    path: Path,
    columns: Sequence[str],
    *,
    delimiter: str = ",",
    header: Sequence[str] | None = None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """`(line number, cell by column)` of each row of a table with a head line.

    Cells are stripped; a cell that a short row lacks is "".

    Args:
        path: the file.
        columns: columns that must be there.
        delimiter: what stands between cells.
        header: names to use where the file's first line is not a head line.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a column is missing, or the file is no such table; names file and line.
    """
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file, delimiter=delimiter)
        names: list[str] | None = None
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise ValueError(f"{path} line {reader.line_num}: {error}") from error
            if cells is None:
                break
            if not any(cell.strip() for cell in cells):
                continue
            cells = [cell.strip() for cell in cells]
            if names is None:
                is_head = header is None or set(columns) <= set(cells)
                names = cells if is_head else list(header)
                lacking = [name for name in columns if name not in names]
                if lacking:
                    raise ValueError(f"{path}: no column {', '.join(lacking)}. Received: {names}")
                if is_head:
                    continue
            padded = cells + [""] * (len(names) - len(cells))
            yield reader.line_num, dict(zip(names, padded, strict=False))
