"""Dynamic learning rate: down where the loss stops falling, and every k-th time up again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import keras

WINDOW, LEAST_DECREASE = 50, 0.01


class RateState(NamedTuple):
    """Where a dynamic learning rate stands: plain numbers, so that JSON holds it exactly.

    Attributes:
        rate: learning rate of the next step.
        step: training steps whose loss has been seen, over the whole run.
        open_steps: of them, those in the window that is not full yet.
        open_loss: sum of their finite losses.
        broken: how many of them had a loss that is NaN or infinite.
        previous: mean loss of the last full window that had none of those; None before it.
        stagnations: windows of this cycle in which the loss did not fall enough, 0 to k - 1.
        cycles: how often the rate went back to `lr_max`.
    """

    rate: float
    step: int = 0
    open_steps: int = 0
    open_loss: float = 0.0
    broken: int = 0
    previous: float | None = None
    stagnations: int = 0
    cycles: int = 0


@dataclass(frozen=True)
class DynamicRate:
    """What a dynamic learning rate is made of; `after` is the pure function that moves it.

    The loss is averaged over windows of `window` steps. A window whose mean is not below the
    window's before it by at least `least_decrease` of that one stagnated. Then

        rate = lr_max * 0.1 ** (step / decay_steps)      the 1st to (k - 1)-th time of a cycle
        rate = lr_max                                    the k-th time, which begins a new cycle

    where `step` counts the training steps of the whole run. Otherwise the rate stays. The rate of
    a loss that never falls, with `lr_max=0.1, k=3, decay_steps=100, window=10` (the first window
    is compared with nothing); the left end of each lower line lies on the exponential decay
    `lr_max * 0.1 ** (step / 100)`:

        0.100 ########        ####        ####        ####
        0.063         ####
        0.050             ####
        0.032                     ####
        0.025                         ####
        0.016                                 ####
        0.013                                     ####
        0.008                                             ####
        step  0   10  20  30  40  50  60  70  80  90  100 110

    A loss that falls keeps the rate where it is, at the top or on the way down.

    How the paper's words are read, which leave this open:

    - "Loss difference between iteration": of two neighbouring windows' means. With `window=1`
      it is the difference of two steps, literally; that is mostly the batches' own noise.
      "Not decreasing enough" is given no number there; `least_decrease` is ours.
    - `lr_{T+1} = lr_T * 0.1^(step / 10^k)`: `lr_T` is read as `lr_max`, since only then "the
      minimum learning rates in each cycle will be equal to the same value as if the learning rate
      has been exponentially decreased", as it says. `compound=True` multiplies the rate of the
      moment, as the formula is printed; the lowest rates then lie below the exponential.
    - k is both the length of a cycle and the exponent of `10^k`, which is the 100,000 steps in
      which an exponential decay loses a factor of ten. Its 200 epochs are some 344,000 steps if
      an epoch is a pass through MORPH II (55,134 pictures, 32 a step): about 3.4 factors of ten.
      A run of N steps has the same shape with `decay_steps = N / 3.4`; with 10^5 a run of some
      hundred steps never leaves the top.
    - Whatever happens at the end: a run may end at the top. `settle_after` (ours) is the step
      after which nothing goes back up.

    Args:
        lr_max: the highest rate, which every cycle begins with; more than 0.
        k: stagnating windows in a cycle, 1 or more; with 1 the rate never changes.
        decay_steps: steps in which the rate would fall to a tenth, default `10 ** k`.
        window: steps that are averaged, 1 or more.
        least_decrease: share of the window before, 0 or more, by which the mean must fall.
        compound: as in "how the paper's words are read".
        settle_after: steps after which the rate does not go up, default never.

    Raises:
        ValueError: a number outside its range.

    Example:
        >>> rule = DynamicRate(lr_max=0.1, k=3, decay_steps=100, window=10)
        >>> state, rates = rule.start(), []
        >>> for _ in range(5):
        ...     state = rule.after(state, loss=1.0, steps=10)
        ...     rates.append(round(state.rate, 4))
        >>> rates
        [0.1, 0.0631, 0.0501, 0.1, 0.0316]

    Reference:
        Distill-2MD-MTL (`distill-2md-mtl.md`), section 5, with k = 5.
    """

    lr_max: float
    k: int = 5
    decay_steps: float | None = None
    window: int = WINDOW
    least_decrease: float = LEAST_DECREASE
    compound: bool = False
    settle_after: int | None = None

    def __post_init__(self):
        whole = self.k >= 1 and self.window >= 1 and self.k % 1 == 0 and self.window % 1 == 0
        positive = self.lr_max > 0 and (self.decay_steps is None or self.decay_steps > 0)
        if not (whole and positive and self.least_decrease >= 0 and math.isfinite(self.lr_max)):
            raise ValueError(
                "lr_max and decay_steps must be more than 0, k and window whole numbers of 1 or "
                "more, least_decrease 0 or more. Received: "
                f"lr_max={self.lr_max}, k={self.k}, decay_steps={self.decay_steps}, "
                f"window={self.window}, least_decrease={self.least_decrease}"
            )

    def start(self) -> RateState:
        """The state before the first step."""
        return RateState(rate=float(self.lr_max))

    def after(self, state: RateState, loss: float, steps: int = 1) -> RateState:
        """The state after so many more steps with this mean loss.

        Args:
            state: where it stood.
            loss: mean over those steps. NaN or infinite: the window has stagnated, it is nothing
                to compare the next one with, and it does not bring the rate back up.
            steps: how many, 1 or more; a window is not divided, so it ends late where `steps`
                do not add up to it.
        """
        finite = math.isfinite(loss)
        state = state._replace(
            step=state.step + steps,
            open_steps=state.open_steps + steps,
            open_loss=state.open_loss + (loss * steps if finite else 0.0),
            broken=state.broken + (0 if finite else steps),
        )
        if state.open_steps < self.window:
            return state
        mean = None if state.broken else state.open_loss / state.open_steps
        stagnated = mean is None or (
            state.previous is not None
            and state.previous - mean < self.least_decrease * abs(state.previous)
        )
        previous = state.previous if mean is None else mean
        state = state._replace(open_steps=0, open_loss=0.0, broken=0, previous=previous)
        return self._stagnated(state, up=mean is not None) if stagnated else state

    def _stagnated(self, state: RateState, up: bool) -> RateState:
        settled = self.settle_after is not None and state.step > self.settle_after
        if self.k == 1 or (state.stagnations + 1 >= self.k and up and not settled):
            return state._replace(rate=self.lr_max, stagnations=0, cycles=state.cycles + 1)
        decay_steps = 10**self.k if self.decay_steps is None else self.decay_steps
        top = state.rate if self.compound else self.lr_max
        rate = float(top * 0.1 ** (state.step / decay_steps))
        return state._replace(rate=rate, stagnations=min(state.stagnations + 1, self.k - 1))


class DynamicLearningRate(keras.callbacks.Callback):
    """Sets the optimiser's learning rate by `DynamicRate` from the training loss, step by step.

    For stock `fit` of any model (`FaceModel`, `Distiller`). Put it before `RunState` and
    `TensorBoardReport` in the list of callbacks, and among `RunState`'s `keep`, so that a killed
    run goes on with the rate, the open window and the cycle it had. The entry `learning_rate` of
    an epoch's logs is the rate after its last step; `changes` has every one.

    Keras's logs hold the mean since the epoch's beginning, from which a step's own loss is taken
    back: exact to float32's rounding where all batches have one size; a smaller last batch
    counts as a whole one. With `steps_per_execution` the feedback comes that often.

    Args:
        rule: a `DynamicRate`.
        monitor: entry of the logs of a batch, default the total loss.

    Attributes:
        state: a `RateState`.
        changes: list of `[step, rate]`: the rate from that step on, beginning with step 0.

    Raises:
        ValueError: the optimiser was made with a schedule, so its rate cannot be set, or the
            logs have no such entry.

    Example:

        dynamic = DynamicLearningRate(DynamicRate(0.1, decay_steps=steps / 3.4, window=10))
        state = RunState(folder, config, keep={"learning_rate": dynamic})
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        first = state.restore(model)
        model.fit(batches, callbacks=[checks, dynamic, state, report], initial_epoch=first, ...)
    """

    def __init__(self, rule: DynamicRate, monitor: str = "loss"):
        super().__init__()
        self.rule, self.monitor = rule, monitor
        self.state = rule.start()
        self.changes: list[list[float]] = [[0, self.state.rate]]
        self.seen_steps, self.seen_loss = 0, 0.0

    def get_state(self) -> dict:
        """JSON-safe: what `set_state` of another one takes."""
        return {"state": self.state._asdict(), "changes": [list(each) for each in self.changes]}

    def set_state(self, stored: dict) -> None:
        """Goes on where another one stood.

        Raises:
            ValueError: it is none of ours.
        """
        try:
            state, changes = RateState(**stored["state"]), stored["changes"]
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"no state of a dynamic learning rate ({error}). Received: {stored!r}"
            ) from None
        self.state, self.changes = state, [list(each) for each in changes]

    def on_train_begin(self, logs=None):
        self._set()

    def on_epoch_begin(self, epoch, logs=None):
        self.seen_steps, self.seen_loss = 0, 0.0

    def on_train_batch_end(self, batch, logs=None):
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"the logs of a batch must have an entry {self.monitor!r}. "
                f"Received: {sorted(logs or {})}"
            )
        done = batch + 1
        total, steps = float(logs[self.monitor]) * done, done - self.seen_steps
        before = self.state.rate
        loss = (total - self.seen_loss) / steps
        self.state = self.rule.after(self.state, loss, steps)
        self.seen_steps, self.seen_loss = done, total
        if self.state.rate != before:
            self.changes.append([self.state.step, self.state.rate])
            self._set()

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = self.state.rate

    def _set(self):
        # Reading `self.model` in the middle of an epoch costs a copy on JAX: only on a change.
        try:
            self.model.optimizer.learning_rate = self.state.rate
        except TypeError:
            raise ValueError(
                "the optimiser must be made with a number as its learning rate, which can be "
                f"set. Received: {type(self.model.optimizer).__name__} with a schedule"
            ) from None
