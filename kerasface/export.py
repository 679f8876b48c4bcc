"""The one decorator that makes a kerasface object known to Keras saving."""

import keras

PACKAGE = "kerasface"


def registered(obj):
    """Registers a public class or function with Keras as `kerasface>Name`.

    A saved configuration then names the object without its module, so moving a file does not
    break what people saved. Everything public that Keras may serialise carries it.

    Args:
        obj: A class with `get_config`, or a plain function.

    Returns:
        `obj` itself.

    Example:

    >>> import keras
    >>> @registered
    ... class Doubling(keras.layers.Layer):
    ...     def call(self, inputs):
    ...         return 2 * inputs
    >>> keras.saving.get_registered_name(Doubling)
    'kerasface>Doubling'
    """
    return keras.saving.register_keras_serializable(package=PACKAGE)(obj)
