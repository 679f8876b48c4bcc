"""Pictures that stand on both sides of a split, found and dropped from training.

Equal pictures in training and validation make a score look better than it is, so training rows
whose file is byte-identical to a held-out one, or nearly the same to the eye, are dropped from
*training*; the held-out side is never touched.
"""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from kerasface.data.decode import ImageError, decode_image
from kerasface.data.table import FaceRow, ReadReport

HASH_SIDE = 8  # 8 x 8 low frequencies = 64 bits
HASH_INPUT = 32
ROUNDING = 6  # decimals; coefficients that are 0 must not become bits of rounding noise
BAD_HASH = np.uint64(0)
CHUNK_ROWS = 256
COPY = "byte-identical to a held-out picture"
NEAR = "near-duplicate of a held-out picture"


def file_digests(root: Path, names: Sequence[str], workers: int | None = None) -> list[str]:
    """sha1 of the content of each file, "" where it cannot be read."""

    def digest(name: str) -> str:
        try:
            return hashlib.sha1((root / name).read_bytes()).hexdigest()
        except OSError:
            return ""

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        return list(pool.map(digest, names, chunksize=256))


def drop_identical(
    rows: Sequence[FaceRow], digests: Sequence[str], report: ReadReport, task: str
) -> list[FaceRow]:
    """Drops training rows whose file is byte-identical to one of another split.

    Args:
        rows: all rows of a set.
        digests: hash of each row's file or pixels, "" for unknown (never a copy).
        report: gains the drops, and a note on copies that contradict each other on `task`.
        task: name of the label by which copies are compared.

    Returns:
        The rows that stay, in order.
    """
    held_out: dict[str, set] = {}
    groups: dict[str, list[FaceRow]] = {}
    for row, digest in zip(rows, digests, strict=True):
        if digest:
            groups.setdefault(digest, []).append(row)
            if row.split != "train":
                held_out.setdefault(digest, set()).add(row.labels.get(task))
    kept, dropped = [], []
    copied, other_label = 0, 0
    for row, digest in zip(rows, digests, strict=True):
        if row.split == "train" and digest in held_out:
            name = row.image if isinstance(row.image, str) else f"pixels {digest[:12]}"
            report.skip(COPY, name)
            dropped.append(name)
            other_label += row.labels.get(task) not in held_out[digest]
        else:
            kept.append(row)
    repeated = [group for group in groups.values() if len(group) > 1]
    for digest in held_out:
        if any(row.split == "train" for row in groups[digest]):
            copied += sum(row.split != "train" for row in groups[digest])
    if repeated:
        contradicting = sum(len({row.labels.get(task) for row in group}) > 1 for group in repeated)
        report.lists[COPY] = dropped
        report.note(
            f"{len(repeated)} groups of identical pictures, {contradicting} with contradicting "
            f"{task}; {copied} held-out pictures had {len(dropped)} copies in training, "
            f"{other_label} of them with another {task}"
        )
    return kept


def perceptual_hash(pixels: np.ndarray) -> np.uint64:
    """64-bit hash of what a picture looks like: the signs of its lowest frequencies.

    The picture is made grey, 32 x 32, cosine transformed; a bit says whether one of the lowest
    8 x 8 coefficients lies above their median. Near-equal pictures differ in few bits.

    Args:
        pixels: uint8 array of shape `(height, width)` or `(height, width, 3)`.
    """
    grey = Image.fromarray(pixels).convert("L")
    small = np.asarray(grey.resize((HASH_INPUT, HASH_INPUT), Image.Resampling.BOX), np.float64)
    basis = _cosines()
    low = np.round(basis @ small @ basis.T, ROUNDING).ravel()
    bits = low > np.median(low)
    return np.packbits(bits).view(">u8")[0].astype(np.uint64)


def perceptual_hashes(
    root: Path, names: Sequence[str], workers: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Perceptual hashes of many files, with threads.

    Returns:
        uint64 hashes `(n,)` and a bool array `(n,)` that is False where a file did not decode.
    """

    def work(name: str) -> tuple[np.uint64, bool]:
        try:
            return perceptual_hash(decode_image(root / name, mode="L")), True
        except ImageError:
            return BAD_HASH, False

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        pairs = list(pool.map(work, names, chunksize=256))
    return (
        np.array([value for value, _ in pairs], np.uint64),
        np.array([good for _, good in pairs], bool),
    )


def near_pairs(hashes: np.ndarray, max_bits: int) -> list[tuple[int, int, int]]:
    """Pairs of hashes that differ in at most `max_bits` bits; O(n^2) time, O(n) memory.

    Args:
        hashes: uint64 `(n,)`.
        max_bits: largest Hamming distance, 0 to 64.

    Returns:
        `(i, j, bits that differ)` with `i < j`, in order.

    Example:
    >>> near_pairs(np.array([0, 255, 1], np.uint64), 2)
    [(0, 2, 1)]
    """
    found = []
    for start in range(0, len(hashes), CHUNK_ROWS):
        block, others = hashes[start : start + CHUNK_ROWS], hashes[start:]
        bits = np.bitwise_count(block[:, None] ^ others[None])
        for row, column in np.argwhere(bits <= max_bits):
            if row < column:
                found.append((start + int(row), start + int(column), int(bits[row, column])))
    return found


def drop_near_duplicates(
    rows: Sequence[FaceRow], root: Path, report: ReadReport, max_bits: int, task: str
) -> list[FaceRow]:
    """Drops training rows that look nearly the same as a held-out row (rows with paths only).

    The pairs across the split are listed in `report.lists`, a line each: training name, held-out
    name and the bits that differ, with tabs between.

    Args:
        rows: all rows of a set.
        root: folder that their paths are relative to.
        report: gains the drops, the list, and a note on pairs that contradict each other.
        max_bits: bits of 64 in which near-duplicates may differ.
        task: name of the label by which pairs are compared.

    Returns:
        The rows that stay, in order.
    """
    hashes, good = perceptual_hashes(root, [row.image for row in rows])
    decoded = np.flatnonzero(good)
    across, contradicting, total = [], 0, 0
    for i, j, bits in near_pairs(hashes[decoded], max_bits):
        first, second = int(decoded[i]), int(decoded[j])
        total += 1
        contradicting += rows[first].labels.get(task) != rows[second].labels.get(task)
        if rows[first].split != "train":
            first, second = second, first
        if rows[first].split == "train" and rows[second].split != "train":
            across.append((first, second, bits))
    dropped = {first for first, _, _ in across}
    for index in sorted(dropped):
        report.skip(NEAR, rows[index].image)
    report.lists[NEAR] = [f"{rows[i].image}\t{rows[j].image}\t{bits}" for i, j, bits in across]
    report.note(
        f"{total} near-identical pairs (at most {max_bits} of 64 bits), {contradicting} of them "
        f"disagree on {task}; {len(across)} across the split"
    )
    return [row for index, row in enumerate(rows) if index not in dropped]


def _cosines() -> np.ndarray:
    """The lowest 8 rows of the type-II cosine transform of 32 samples, `(8, 32)`."""
    frequency = np.arange(HASH_SIDE)[:, None]
    place = np.arange(HASH_INPUT)[None] + 0.5
    return np.cos(np.pi * frequency * place / HASH_INPUT)
