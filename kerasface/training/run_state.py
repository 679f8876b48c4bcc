"""A run's folder: where it stands, so that a killed run goes on as if never stopped."""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasface.training.one_host import by_this_process_alone

# What HDF5 takes beside a variable's numbers, at most.
HDF5_BYTES = 4096


class CheckpointError(OSError):
    """An epoch could not be saved; the line names the epoch that is whole."""


class RunState(keras.callbacks.Callback):
    """Keeps weights, optimiser, dropout's state, epoch and callbacks' own states, brings them back.

    The files of an epoch are written under a temporary name and renamed, then `state.json`
    points to them, so a kill at any moment leaves the last whole state. With batches that are
    a function of the step (`kerasface.data.mix`) a resumed run on one machine ends
    with the weights of an unbroken one.

    Args:
        folder: the run's folder; made if it is not there.
        config: JSON-safe settings of the run, written once and compared on resuming.
        every: epochs between two saves, default 1.
        keep: by a name of your choice, objects whose state is in no variable of the model: each
            has `get_state()`, which gives a JSON-safe dict, and `set_state(dict)`. List
            those that are callbacks before this one.
        writes: False in the processes of several hosts that only read: one writes a folder.

    Raises:
        ValueError: the folder holds a run of other settings.
        CheckpointError: in `fit`, an epoch cannot be saved, as where the disk is full. The last
            one that was saved is whole, and the same run goes on from it.

    Example:

        state = RunState("runs/teacher", config)
        first = state.restore(model)
        data = mix(sets, per_batch, tasks, first_step=first * steps)
        model.fit(data, initial_epoch=first, epochs=40, steps_per_epoch=steps, callbacks=[state])
    """

    def __init__(
        self,
        folder: str | Path,
        config: dict,
        every: int = 1,
        keep: Mapping[str, Any] | None = None,
        writes: bool = True,
    ):
        super().__init__()
        self.folder, self.every, self.keep = Path(folder), int(every), dict(keep or {})
        self.writes, self.config = writes, config
        if not writes:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        written = self.folder / "config.json"
        config = json.loads(json.dumps(config))
        if written.exists():
            before = json.loads(written.read_text())["config"]
            changed = sorted(k for k in {*before, *config} if before.get(k) != config.get(k))
            if changed:
                raise ValueError(
                    f"{self.folder} holds a run of other settings; take another folder or "
                    f"remove it. Received: different {', '.join(changed)}"
                )
        else:
            _replace_text(written, json.dumps({"config": config, **_versions()}, indent=2))

    @property
    def epoch(self) -> int:
        """Epochs that are finished and saved."""
        state = self.folder / "state.json"
        return json.loads(state.read_text())["epoch"] if state.exists() else 0

    def restore(self, model: keras.Model) -> int:
        """Load weights and optimiser of a compiled model; returns the epoch to go on with.

        Raises:
            ValueError: the files are of a model with other weights or random layers, or of a run
                that kept other states than `keep` names.
        """
        epoch = self.epoch
        if epoch:
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            model.load_weights(self.weights(epoch))
            self._restore_random(model, epoch)
            self._restore_kept(epoch)
        if self.writes:
            self._forget_after(epoch)
        return epoch

    def weights(self, epoch: int) -> Path:
        """File of the weights and the optimiser after an epoch."""
        return self.folder / f"epoch-{epoch:04d}.weights.h5"

    def _random(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}.random.npz"

    def _restore_random(self, model: keras.Model, epoch: int) -> None:
        """Sets the random layers (dropout) to where they stood; older runs have no such file."""
        if not self._random(epoch).exists():
            return
        states = _random_states(model)
        with np.load(self._random(epoch), allow_pickle=False) as stored:
            if len(stored.files) != len(states):
                raise ValueError(
                    f"{self._random(epoch)} is of a model with other random layers. "
                    f"Received: a model with {len(states)} of them, {len(stored.files)} stored"
                )
            for number, state in enumerate(states):
                state.assign(stored[str(number)])

    def _kept(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}.kept.json"

    def _restore_kept(self, epoch: int) -> None:
        file = self._kept(epoch)
        stored = json.loads(file.read_text()) if file.exists() else {}
        if set(stored) != set(self.keep):
            raise ValueError(
                f"{self.folder} was saved with the states of {sorted(stored) or 'nothing'}, so it "
                f"cannot go on as it was. Received: keep={sorted(self.keep)}"
            )
        for name, each in self.keep.items():
            each.set_state(stored[name])

    def _forget_after(self, epoch: int) -> None:
        """Drops the history of epochs that were not saved: they will be trained again."""
        history = self.folder / "history.jsonl"
        lines = history.read_text().splitlines() if history.exists() else []
        kept = [line for line in lines if _epoch_of(line) <= epoch]
        if not kept:
            history.unlink(missing_ok=True)
        elif len(kept) < len(lines):
            _replace_text(history, "\n".join(kept))

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        if not self.writes:
            return
        before = self.epoch
        try:
            with (self.folder / "history.jsonl").open("a") as history:
                numbers = {name: float(value) for name, value in (logs or {}).items()}
                history.write(json.dumps({"epoch": done, **numbers}) + "\n")
            if done % self.every and done != self.params.get("epochs"):
                return
            self._save(done)
        except (OSError, RuntimeError) as error:  # HDF5 raises either
            for unfinished in (
                *self.folder.glob("unfinished.*"),
                *self.folder.glob("*.part"),
                *self._files(done),
            ):
                unfinished.unlink(missing_ok=True)
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            kept = f"epoch {before} is whole" if before else "no epoch is saved yet"
            raise CheckpointError(
                f"{self.folder}: epoch {done} could not be saved, {kept}; make room and run the "
                f"same again. Received: {reason}"
            ) from error
        if before and before != done:
            for file in self._files(before):
                file.unlink(missing_ok=True)

    def _reserve(self) -> None:
        """Sees that there is room: HDF5 ends the process with a fault where a write fails.

        Raises:
            OSError: there is none.
        """
        stored = (*self.model.variables, *self.model.optimizer.variables)
        needed = sum(
            math.prod(each.shape) * (8 if "64" in str(each.dtype) else 4) for each in stored
        )
        needed += HDF5_BYTES * (len(stored) + 8)
        trial = self.folder / "unfinished.room"
        with open(trial, "wb") as file:
            if hasattr(os, "posix_fallocate"):  # also knows of quotas
                os.posix_fallocate(file.fileno(), 0, needed)
            elif shutil.disk_usage(self.folder).free < needed:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        trial.unlink()

    def _files(self, epoch: int) -> tuple[Path, ...]:
        return self.weights(epoch), self._random(epoch), self._kept(epoch)

    def _save(self, done: int) -> None:
        """Writes an epoch's files and then says that it is there."""
        self._reserve()
        unfinished = self.folder / "unfinished.weights.h5"
        with by_this_process_alone():
            self.model.save_weights(unfinished)
        _replace(unfinished, self.weights(done))
        # Keras saves no seed generator with the weights.
        states = {str(n): np.asarray(each) for n, each in enumerate(_random_states(self.model))}
        unfinished = self.folder / "unfinished.random.npz"
        np.savez(unfinished, **states)
        _replace(unfinished, self._random(done))
        if self.keep:
            kept = {name: each.get_state() for name, each in self.keep.items()}
            _replace_text(self._kept(done), json.dumps(kept))
        _replace_text(self.folder / "state.json", json.dumps({"epoch": done}))


def _random_states(model: keras.Model) -> list:
    """Variables of all seed generators in the model, in its own order."""
    return [each for each in model.variables if each.name == "seed_generator_state"]


def _epoch_of(line: str) -> float:
    try:
        return json.loads(line)["epoch"]
    except ValueError:  # the line that was being written when the run was killed
        return math.inf


def _replace(unfinished: Path, path: Path) -> None:
    """Brings a file to the disk and gives it its name."""
    with open(unfinished, "rb") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _replace_text(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text + "\n")
    _replace(unfinished, path)


def _versions() -> dict:
    found = {"python": platform.python_version()}
    for name in ("keras", "tensorflow", "jax", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a run on JAX needs no TensorFlow, nor the other way round
            continue
    return {"versions": found}
