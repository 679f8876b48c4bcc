"""One optimiser for most of a model and others of their own for named parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import keras

from kerasface.export import registered

DEFAULT = None  # the route of every variable that no other route takes


@registered
class RoutedOptimizer(keras.optimizers.Optimizer):
    """Steps parts of a model with optimisers of their own, chosen by the path of the variable.

    For a domain adversary with a learning rate apart from the trunk's:

        adam = keras.optimizers.Adam(1e-3)
        optimizer = RoutedOptimizer(keras.optimizers.SGD(0.1, 0.9), {"domain_head": adam})
        model.compile(optimizer)

    It is one optimiser to `compile`, `fit`, a `LossScaleOptimizer` around it and `RunState`, on
    TensorFlow and on JAX: one forward and one backward pass, then each part's step, which is
    bit for bit what that optimiser alone does on those gradients. Clipping by a global norm,
    weight decay, averages of weights and gradient accumulation are each part's own, so the
    adversary's gradient does not change how the trunk's is clipped.

    `learning_rate` (read and set) and `iterations` are those of `default`, so callbacks that
    change the learning rate change the trunk's. `optimizer.part("domain_head")` is the other.

    Args:
        default: optimiser of all variables that no route takes.
        routes: optimiser by a name in the variables' paths, for instance `<task>_head` for the
            head of a task; the name must be a whole part of the path between slashes.
        name: str or None.

    Raises:
        ValueError: no route; one optimiser in two places; a `LossScaleOptimizer` inside (wrap
            this one instead) or a `loss_scale_factor`. In `build`: a route that takes no
            variable, a variable of two routes, or nothing left for `default`.
    """

    def __init__(
        self,
        default: keras.optimizers.Optimizer,
        routes: Mapping[str, keras.optimizers.Optimizer],
        name: str | None = None,
    ):
        # Keras wants a learning rate of every optimiser; the parts have their own.
        super().__init__(learning_rate=0.0, name=name or "routed_optimizer")
        every = {DEFAULT: default, **routes}
        if not routes or len({id(each) for each in every.values()}) < len(every):
            raise ValueError(
                "`routes` must name one part or more, each with an optimiser of its own. "
                f"Received: routes={sorted(routes)}"
            )
        for route, each in every.items():
            scales = isinstance(each, keras.mixed_precision.LossScaleOptimizer)
            if scales or each.loss_scale_factor is not None:
                raise ValueError(
                    "the loss is scaled once for all parts: wrap a RoutedOptimizer in "
                    "LossScaleOptimizer and not the other way round. "
                    f"Received: {type(each).__name__} for {route or 'default'!r}"
                )
        self.parts = _Parts(every)

    def part(self, route: str | None = DEFAULT) -> keras.optimizers.Optimizer:
        """The optimiser of a route; without one the default.

        Raises:
            KeyError: there is no such route.
        """
        return self.parts.optimizers[route]

    def build(self, variables):
        """Gives each part its variables; called by `fit` or the first `apply`."""
        if self.built:
            return
        for route, some in self.parts.split(variables).items():
            self.parts.optimizers[route].build([variable for _, variable in some])
        self.parts.trained = list(variables)
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        """One step of each part that has a variable among the given ones."""
        grads = list(grads)
        if trainable_variables is None:
            trainable_variables = self.parts.trained
        trainable_variables = list(trainable_variables)
        if len(grads) != len(trainable_variables):
            raise ValueError(
                "there must be one gradient for each variable. "
                f"Received: {len(grads)} gradients, {len(trainable_variables)} variables"
            )
        if not self.built:
            self.build(trainable_variables)
        for route, some in self.parts.split(trainable_variables, complete=False).items():
            if some:
                places, variables = zip(*some, strict=True)
                self.parts.optimizers[route].apply([grads[place] for place in places], variables)

    @property
    def variables(self):
        parts = self.parts.optimizers.values() if "parts" in vars(self) else ()
        return [*super().variables, *chain.from_iterable(each.variables for each in parts)]

    @property
    def iterations(self):
        return self.part().iterations

    @property
    def learning_rate(self):
        return self.part().learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.part().learning_rate = learning_rate

    def finalize_variable_values(self, var_list):
        """Puts averaged weights in place, in the parts that average."""
        for route, some in self.parts.split(var_list, complete=False).items():
            self.parts.optimizers[route].finalize_variable_values([each for _, each in some])

    def load_own_variables(self, store):
        """Sets the state of all parts.

        Raises:
            ValueError: it was saved by an optimiser with other parts. (Keras would warn and
                go on from the start.)
        """
        if len(store.keys()) != len(self.variables):
            raise ValueError(
                f"'{self.name}' has {len(self.variables)} variables. "
                f"Received: the state of an optimiser with {len(store.keys())}"
            )
        super().load_own_variables(store)

    def get_config(self):
        optimizers = dict(self.parts.optimizers)
        default = optimizers.pop(DEFAULT)
        serialize = keras.saving.serialize_keras_object
        return {
            "default": serialize(default),
            "routes": {route: serialize(each) for route, each in optimizers.items()},
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        def build(each):
            return keras.saving.deserialize_keras_object(each, custom_objects=custom_objects)

        routes = {route: build(each) for route, each in config["routes"].items()}
        return cls(build(config["default"]), routes, config["name"])


class _Parts:
    """The optimisers by route, and which variable goes where.

    A plain object, because Keras saves and tracks what optimisers, lists and dicts an optimiser
    has as attributes: the parts' state would be written twice and the model's weights would
    count as state of the optimiser.
    """

    def __init__(self, optimizers: dict):
        self.optimizers = optimizers
        self.trained: Sequence = ()

    def split(self, variables, complete: bool = True) -> dict:
        """By route `(place, variable)` of each; `complete`: every route must get something."""
        parts = {route: [] for route in self.optimizers}
        for place, variable in enumerate(variables):
            names = set(variable.path.split("/"))
            found = [route for route in self.optimizers if route in names]
            if len(found) > 1:
                raise ValueError(
                    f"a variable belongs to one route. Received: {variable.path} in {found}"
                )
            parts[found[0] if found else DEFAULT].append((place, variable))
        empty = [route or "default" for route, some in parts.items() if not some]
        if complete and empty:
            raise ValueError(
                "every part must have a variable to train; a route is a name in their paths, such "
                f"as {variables[-1].path if variables else None!r}. Received: nothing for {empty}"
            )
        return parts
