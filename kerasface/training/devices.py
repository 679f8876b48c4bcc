"""Where a training runs: on one device, on several of one host, or on several hosts."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import keras
import numpy as np

from kerasface.data.array_batches import ArrayBatches
from kerasface.training.one_host import Alone, answer_of_first, by_this_process_alone


def add_devices(parser: argparse.ArgumentParser, hosts: bool = True) -> None:
    """Adds `--devices`, `--hosts`, `--host` and `--coordinator`, which `devices_of` reads.

    Args:
        parser: of a command that trains.
        hosts: False where only `--devices` makes sense.
    """
    parser.add_argument(
        "--devices", type=int, default=1, help="of each host: GPUs, or parts of the processor"
    )
    if not hosts:
        parser.set_defaults(hosts=1, host=None, coordinator=None)
        return
    parser.add_argument(
        "--hosts", type=int, default=1, help="processes on other machines; KERAS_BACKEND=jax"
    )
    parser.add_argument("--host", type=int, help="number of this one; default: as SLURM says")
    parser.add_argument(
        "--coordinator", metavar="ADDRESS:PORT", help="of host 0; default: as SLURM says"
    )


def devices_of(options: argparse.Namespace) -> Devices:
    """The `Devices` that a command line asks for; raises as they do."""
    return Devices(options.devices, options.hosts, options.host, options.coordinator)


class Devices:
    """Several devices that train one network together, each on its part of every batch.

    Make it before anything of Keras; build, compile and `fit` in its `scope`; give `fit` the
    batches of `share`. A batch is the global one, whatever its devices, so settings need not
    change with their number and a step is that of one device but for rounding.

    - On TensorFlow, one host: `tf.distribute.MirroredStrategy`. Losses and task balancing are of
      the global batch. Three things are a replica's own: the statistics of a batch normalisation
      that is not `synchronized`, dropout, and which rows the triplet losses compare (`share`
      deals the rows, so that each replica has its part of every set).
    - On JAX, one host or several: `keras.distribution.DataParallel`, and between hosts
      `jax.distributed`. A step is written for the global batch and everything is of it.

    `MultiWorkerMirroredStrategy` does not work with the `fit` of Keras 3 (keras issue 20585).

    Where there are no GPUs, the devices are parts of the processor, for tests.

    Args:
        devices: of each host, 1 or more.
        hosts: processes, each on a host of its own, 1 or more.
        host: number of this one, from 0; None: as the cluster says (SLURM, Open MPI).
        coordinator: "address:port" of host 0, free there and reached by all; None: as the
            cluster says.
        patience: seconds until a host that does not answer counts as lost; the others then end.

    Attributes:
        replicas: devices of all hosts.
        host: number of this process.

    Raises:
        ValueError: a number below 1, hosts on another backend than JAX, or fewer devices than
            asked for.

    Example:

        devices = Devices(devices=4)
        with devices.scope():
            model = FaceModel(build_trunk("resnet50"), tasks)
            model.compile("adamw")
            model.fit(devices.share(mix(sets, per_batch, tasks), 128), steps_per_epoch=250)
    """

    def __init__(
        self,
        devices: int = 1,
        hosts: int = 1,
        host: int | None = None,
        coordinator: str | None = None,
        patience: int = 100,
    ):
        backend = keras.backend.backend()
        if devices < 1 or hosts < 1:
            raise ValueError(
                f"devices and hosts are 1 or more. Received: devices={devices}, hosts={hosts}"
            )
        if hosts > 1 and backend != "jax":
            raise ValueError(
                "several hosts train on JAX: set KERAS_BACKEND=jax. "
                f"Received: hosts={hosts}, backend={backend!r}"
            )
        if devices > 1 and backend not in ("jax", "tensorflow"):
            raise ValueError(
                "several devices train on TensorFlow or JAX. "
                f"Received: devices={devices}, backend={backend!r}"
            )
        self.hosts, self.host, self.replicas = int(hosts), 0, int(devices) * int(hosts)
        self._strategy = self._distribution = self._copy = None
        if backend == "jax" and self.replicas > 1:
            self.host, self._distribution = _on_jax(devices, hosts, host, coordinator, patience)
        elif self.replicas > 1:
            self._strategy = _on_tensorflow(devices)

    @property
    def chief(self) -> bool:
        """Whether this process writes the run's folder; the others only read it."""
        return self.host == 0

    def scope(self) -> AbstractContextManager:
        """Where the model and its optimiser are made and `fit` is called."""
        where = self._strategy or self._distribution
        return where.scope() if where else nullcontext()

    def check_rows(self, *rows: int, together: int = 1) -> None:
        """Sees that batches can be dealt out, before anything is begun.

        Args:
            *rows: of global batches, one number a batch that will come.
            together: as in `share`.

        Raises:
            ValueError: they cannot.
        """
        together = together if self._strategy is not None else 1
        uneven = [each for each in rows if each % (self.replicas * together)]
        if uneven:
            groups = f", {together} by {together}" * (together > 1)
            raise ValueError(
                f"rows of a batch are dealt to {self.replicas} devices evenly{groups}. "
                f"Received: {', '.join(map(str, uneven))} rows"
            )

    def share(self, batches: Any, rows: int, together: int = 1) -> Any:
        """The batches as this process gives them to `fit`.

        Each host makes the whole batch and takes its rows, so that a batch is the same function
        of its step on any number of hosts.

        Args:
            batches: a `tf.data.Dataset` or `ArrayBatches` of global batches.
            rows: of a global batch.
            together: so many neighbours are on one device, where a device compares only its own
                rows: the pictures of a person in `identity_batches`.

        Raises:
            ValueError: as `check_rows`.
        """
        self.check_rows(rows, together=together)
        if self._strategy is not None:
            # Rows come set by set, and a replica takes neighbours: dealt, so that each has some of
            # every set.
            dealt = np.arange(rows).reshape(-1, self.replicas, together)
            order = dealt.transpose(1, 0, 2).ravel()
        elif self.hosts > 1:
            order = np.split(np.arange(rows), self.hosts)[self.host]
        else:
            return batches
        if isinstance(batches, ArrayBatches):
            whole = batches.batch

            def part(step: int) -> tuple:
                return keras.tree.map_structure(lambda column: column[order], whole(step))

            return ArrayBatches(part, batches.first_step, batches.workers)
        import tensorflow as tf

        return batches.map(
            lambda *batch: tf.nest.map_structure(lambda c: tf.gather(c, order), batch)
        )

    def once(self, action: Callable[[], Any]) -> Any:
        """Does something in one process, not on each host: measuring, labelling, writing a file.

        Every host must come here. The others wait until the first has done it and are told its
        answer, so that all go on alike.

        Args:
            action: on several hosts, what it gives must be JSON-safe and comes back as JSON has
                it (a tuple as a list); None where nobody asks for it.

        Raises:
            RuntimeError: on the other hosts, where it failed on the first.
        """
        return action() if self.hosts == 1 else answer_of_first(action, self.chief)

    def close(self) -> None:
        """Leaves the other hosts, all together: before a program puts another in its place."""
        if self.once(lambda: self.hosts) > 1:
            import jax

            jax.distributed.shutdown()

    def callbacks(self, callbacks: Sequence[keras.callbacks.Callback]) -> list:
        """Those that write or measure for `fit` in this process: of several hosts, in the chief.

        What changes the training (a schedule, `FiniteLoss`) is no such callback: every host needs
        it.
        """
        if not self.chief:
            return []
        return list(callbacks) if self.hosts == 1 else [Alone(callbacks)]

    @contextmanager
    def alone(self, model: keras.Model) -> Iterator[keras.Model]:
        """A model to ask in this process alone, between two steps: what a chief measures with.

        Several hosts answer only together, so where there are several it is a copy of
        `model.network()` on this host's first device, with the weights of now.

        Args:
            model: that is trained, a `FaceModel` or what trains one.
        """
        if self.hosts == 1:
            yield model
            return
        network = model.network()
        with by_this_process_alone():
            if self._copy is None:
                self._copy = type(network).from_config(network.get_config())
            self._copy.set_weights(network.get_weights())
            yield self._copy


def _on_tensorflow(devices: int) -> Any:
    """A strategy for so many GPUs, or logical processors where there is no GPU."""
    import tensorflow as tf

    gpus = tf.config.list_logical_devices("GPU") if tf.config.list_physical_devices("GPU") else []
    if gpus:
        names = [each.name for each in gpus]
    else:
        processor = tf.config.list_physical_devices("CPU")[0]
        try:
            tf.config.set_logical_device_configuration(
                processor, [tf.config.LogicalDeviceConfiguration()] * devices
            )
        except (RuntimeError, ValueError):
            pass  # TensorFlow has begun: it may have as many all the same
        names = [each.name for each in tf.config.list_logical_devices("CPU")]
    _check_enough(devices, names)
    return _mirrored(tuple(names[:devices]))


@cache
def _mirrored(names: tuple[str, ...]) -> Any:
    """One a process: a second one would number its collectives as the first, and meet those."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(names)


def _on_jax(devices: int, hosts: int, host: int | None, coordinator: str | None, patience: int):
    """This host's number, and a distribution over all devices."""
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", int(devices))
    except RuntimeError:
        pass  # JAX has begun: it may have as many all the same
    if hosts > 1 and not jax.distributed.is_initialized():
        jax.distributed.initialize(
            coordinator,
            num_processes=hosts,
            process_id=host,
            # Else SLURM's one process a GPU is taken for granted.
            local_device_ids=list(range(devices)),
            heartbeat_timeout_seconds=patience,
        )
    _check_enough(devices, jax.local_devices())
    taken = [
        f"{each.platform}:{each.id}"
        for number in range(hosts)
        for each in [one for one in jax.devices() if one.process_index == number][:devices]
    ]
    # Rows are shared out by `share`.
    return jax.process_index(), keras.distribution.DataParallel(
        devices=taken, auto_shard_dataset=False
    )


def _check_enough(devices: int, found: list) -> None:
    if len(found) < devices:
        raise ValueError(
            "this host has fewer devices, or its backend began before they were asked for: make "
            f"Devices first. Received: devices={devices} of {len(found)}"
        )
