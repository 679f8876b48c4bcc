"""What each way of balancing the tasks costs a training step.

    python -m benchmarks.balancing [--trunk small_resnet] [--shared 256] [--rounds 6] [--steps 12]

Every contender trains the same trunk, shared layer and six heads in mixed_bfloat16 on the partly
labelled batches of 128 faces of `benchmarks.training_step`, in turns in one process:

- plain: stock `fit` of the `FaceModel`;
- fixed: `BalancedModel` with weights of 1, the custom step alone;
- uncertainty: learnt log-variances;
- fast: GradNorm with exact norms out of the one backward pass;
- features: GradNorm with norms at the features;
- reference: GradNorm with a backward pass for each of the six tasks, which goes through its head
  and the shared layer and ends there: the trunk's own backward pass is made once by all.

A step is timed from its start to the start of the next. About six minutes on two cores.
`--clock cpu` counts CPU seconds, for a machine that has other work.
"""

from __future__ import annotations

from benchmarks import machine
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import CLOCKS, alternate, ratio, row
from benchmarks.training_step import (
    POLICY,
    SMOKE_TRUNK,
    batches,
    optimizer,
    partly_labelled,
    policy,
    stepper,
)
from kerasface.models import FaceModel, build_trunk
from kerasface.training.balancing import (
    BalancedModel,
    FixedWeights,
    GradNorm,
    UncertaintyWeighting,
)
from kerasface.training.trunk_layers import training_layers
from recipes.face_zoo.sets import TASKS
from recipes.face_zoo.train import PER_BATCH

BALANCINGS = {
    "fixed": FixedWeights,
    "uncertainty": UncertaintyWeighting,
    "fast": GradNorm,
    "features": lambda: GradNorm(norms="features"),
    "reference": lambda: GradNorm(norms="reference"),
}
CONTENDERS = ("plain", *BALANCINGS)
SMOKE_CONTENDERS = ("plain", "fixed", "fast", "reference")


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    options = _options(arguments)
    warn_if_busy(options.smoke)
    load_before = machine.load()
    size, rows = (24, 16) if options.smoke else (48, 512)
    per_batch = {name: 2 for name in PER_BATCH} if options.smoke else PER_BATCH
    batch = sum(per_batch.values())
    sets = partly_labelled(rows, size)
    config = {"input_shape": (size, size, 3)} | (SMOKE_TRUNK if options.smoke else {})

    def contender(name: str):
        trunk = build_trunk(options.trunk, **training_layers(), **config)
        model = FaceModel(trunk, TASKS, shared=options.shared)
        if name in BALANCINGS:
            model = BalancedModel(model, BALANCINGS[name]())
        model.compile(optimizer())
        model.run_eagerly = options.smoke  # tracing would be most of a smoke run
        return model

    with policy(POLICY):
        steps = {}
        for name in options.only:
            dataset = batches(sets, per_batch, TASKS)
            steps[name] = stepper(contender(name), dataset, options.steps, CLOCKS[options.clock])
            if not options.smoke:
                steps[name]()  # traces
        blocks = alternate(steps, options.rounds)
    finish(
        "balancing",
        options,
        {
            "trunk": options.trunk,
            "shared": options.shared,
            "tasks": len(TASKS),
            "batch": batch,
            "size": size,
            "policy": POLICY,
            "rounds": options.rounds,
            "steps": options.steps,
            "clock": options.clock,
        },
        _ratios(blocks),
        [row(name, each, faces=batch) for name, each in blocks.items()],
        load_before=load_before,
    )


def _ratios(blocks) -> list[dict]:
    """What can be said of the contenders that were timed."""
    wanted = (
        ("GradNorm, exact norms / stock fit", "fast", "plain"),
        ("GradNorm, separate passes / stock fit", "reference", "plain"),
        ("GradNorm, separate passes / exact norms", "reference", "fast"),
        ("GradNorm, norms at the features / stock fit", "features", "plain"),
        ("uncertainty weighting / stock fit", "uncertainty", "plain"),
        ("fixed weights / stock fit", "fixed", "plain"),
    )
    return [
        ratio(name, blocks[over], blocks[under])
        for name, over, under in wanted
        if over in blocks and under in blocks
    ]


def _options(arguments):
    made = parser(__doc__)
    made.add_argument("--trunk", default="small_resnet", help="a name that build_trunk knows")
    made.add_argument("--shared", type=int, default=256, help="units of the shared layer")
    made.add_argument("--rounds", type=int, default=6, help="blocks of each contender")
    made.add_argument("--steps", type=int, default=12, help="steps a block")
    made.add_argument("--clock", choices=CLOCKS, default="wall")
    made.add_argument("--only", nargs="+", choices=CONTENDERS, help="with plain; default all")
    options = made.parse_args(arguments)
    if options.smoke:
        options.rounds, options.steps, options.trunk = 1, 1, "small_resnet"
        options.shared = 8
    only = options.only or (SMOKE_CONTENDERS if options.smoke else CONTENDERS)
    options.only = [name for name in CONTENDERS if name in ("plain", *only)]
    if len(options.only) < 2:
        made.error("--only needs a contender besides plain")
    return options


if __name__ == "__main__":
    main()
