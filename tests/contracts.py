"""What every layer, loss, metric and model must do; one call per class in its own test.

Each `check_*` takes a class with its arguments and data as NumPy arrays, and raises
`AssertionError` on the first broken promise: config round trip, `.keras` and weights round trip,
symbolic = eager = `tf.function`, dynamic batch and batch of 1, three dtype policies, one `fit`.
"""

import json

import keras
import numpy as np

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


def check_layer(cls, kwargs, inputs, tmp_path, trainable=True):
    """Checks a layer that takes one tensor and returns a tensor or a dict of tensors.

    Args:
        cls: the layer class.
        kwargs: arguments of its constructor, without `dtype`.
        inputs: `(batch, ...)` float32 array of at least two rows.
        tmp_path: folder for saved files.
        trainable: False if the layer alone has nothing to train.
    """
    layer = cls(**kwargs)
    expected = _numpy(layer(inputs))
    copy = check_config(layer)
    _numpy(copy(inputs))
    copy.set_weights(layer.get_weights())
    _same(copy(inputs), expected)
    _same(_traced(layer, inputs), expected)
    _same(layer(inputs[:1]), _rows(expected, 1), atol=1e-5)
    for policy in POLICIES:
        _check_policy(cls(**kwargs, dtype=policy), inputs)
    model = _around(layer, inputs)
    _check_files(
        model, lambda: _around(cls.from_config(layer.get_config()), inputs), inputs, tmp_path
    )
    _check_fit(_around(cls.from_config(layer.get_config()), inputs, trainable), inputs)


def check_loss(cls, kwargs, y_true, y_pred, tmp_path, keeps_dtype=True):
    """Checks a loss of labels and outputs whose first axis is the batch.

    Args:
        cls: the loss class.
        kwargs: arguments of its constructor, without `dtype`.
        y_true: `(batch, ...)` labels of at least two rows.
        y_pred: `(batch, dim)` float32 outputs.
        tmp_path: folder for saved files.
        keeps_dtype: False for a loss that leaves its dtype out of the config, as Keras's do.
    """
    loss = cls(**kwargs)
    expected = _numpy(loss(y_true, y_pred))
    assert expected.shape == () and expected.dtype == "float32" and np.isfinite(expected)
    _same(check_config(loss)(y_true, y_pred), expected)
    if keeps_dtype:
        assert cls.from_config(cls(**kwargs, dtype="bfloat16").get_config()).dtype == "bfloat16"
    _same(_traced(loss, y_true, y_pred), expected)
    assert np.isfinite(_numpy(loss(y_true[:1], y_pred[:1])))
    for dtype in ("float16", "bfloat16"):
        half = _numpy(loss(y_true, keras.ops.cast(y_pred, dtype)))
        np.testing.assert_allclose(half, expected, rtol=0.1, atol=0.05)
    nothing = _numpy(loss(y_true, y_pred, sample_weight=np.zeros(len(y_pred), "float32")))
    assert nothing == 0.0
    everything = _numpy(loss(y_true, y_pred, sample_weight=np.ones(len(y_pred), "float32")))
    np.testing.assert_allclose(everything, expected, rtol=1e-6)
    model = keras.Sequential([keras.Input(y_pred.shape[1:]), keras.layers.Dense(y_pred.shape[-1])])
    model.compile("sgd", loss=loss)
    before = model.evaluate(y_pred, y_true, verbose=0)
    model.save(tmp_path / "loss.keras")
    loaded = keras.models.load_model(tmp_path / "loss.keras")
    np.testing.assert_allclose(loaded.evaluate(y_pred, y_true, verbose=0), before, rtol=1e-5)
    _check_history(model.fit(y_pred, y_true, batch_size=len(y_pred), verbose=0))


def check_metric(cls, kwargs, y_true, y_pred, mask, empty=float("nan"), masked_nan=True):
    """Checks a masked metric: exact over unequal batches, blind to what the mask hides.

    Args:
        cls: the metric class.
        kwargs: arguments of its constructor.
        y_true: `(batch, ...)` labels, at least four rows.
        y_pred: `(batch, ...)` float32 outputs.
        mask: `(batch,)` weights, some 0 and some above 0.
        empty: result when no row was labelled.
        masked_nan: False if a NaN output on a masked row is not to be tried.
    """
    metric = cls(**kwargs)
    _same(metric.result(), np.array(empty))
    metric.update_state(y_true, y_pred, np.zeros_like(mask))
    _same(metric.result(), np.array(empty))
    metric.update_state(y_true, y_pred, mask)
    expected = _numpy(metric.result())
    assert np.all(np.isfinite(expected))

    def over(batches, scale=1.0, prediction=y_pred, update=None):
        other = check_config(metric)
        update = update or other.update_state
        for rows in batches:
            other.update_state(y_true[rows], prediction[rows], scale * mask[rows])
        return other.result()

    everything = slice(None)
    _same(over([slice(0, 1), slice(1, 3), slice(3, None)]), expected)
    _same(over([everything], scale=17.0), expected)
    if masked_nan:
        broken = y_pred.copy()
        broken[np.asarray(mask) <= 0] = np.nan
        _same(over([everything], prediction=broken), expected)
    metric.reset_state()
    _same(metric.result(), np.array(empty))
    _traced(lambda *batch: [metric.update_state(*batch), metric.result()][1], y_true, y_pred, mask)
    _same(metric.result(), expected)
    metric.reset_state()
    metric.update_state(y_true, y_pred)
    unweighted = _numpy(metric.result())
    metric.reset_state()
    metric.update_state(y_true, y_pred, np.ones((len(y_pred), 1), "float32"))
    _same(metric.result(), unweighted)
    half = check_config(metric)
    half.update_state(y_true, keras.ops.cast(y_pred, "float16"), mask)
    assert _numpy(half.result()).dtype == "float32"


def check_model(make, inputs, targets, tmp_path, loss="mse"):
    """Checks a model whose output is a tensor or a dict of tensors.

    Args:
        make: function without arguments that builds the model (again).
        inputs: `(batch, ...)` array of at least two rows.
        targets: labels in the structure of the output.
        tmp_path: folder for saved files.
        loss: for `compile`, in the structure of the output or one for all.
    """
    model = make()
    expected = _numpy(model(inputs, training=False))
    check_config(model, kind="model")
    _same(_traced(lambda x: model(x, training=False), inputs), expected, atol=1e-5)
    _same(model(inputs[:1], training=False), _rows(expected, 1), atol=1e-4)
    _same(model.predict(inputs, batch_size=len(inputs) - 1, verbose=0), expected, atol=1e-4)
    _check_files(model, make, inputs, tmp_path)
    default = keras.config.dtype_policy()
    for policy in POLICIES:
        try:
            keras.config.set_dtype_policy(policy)
            _check_policy(make(), inputs)
        finally:
            keras.config.set_dtype_policy(default)
    model.compile("sgd", loss=loss)
    _check_history(model.fit(inputs, targets, batch_size=len(inputs), verbose=0))


def check_config(obj, kind="object"):
    """Checks that the config is JSON, is registered as `kerasface>Name` and returns as it was.

    Returns:
        The object built from its serialised form.
    """
    serialized = keras.saving.serialize_keras_object(obj)
    assert keras.saving.get_registered_name(type(obj)) == f"kerasface>{type(obj).__name__}"
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(serialized)))
    assert type(copy) is type(obj), f"{kind} came back as {type(copy)}"
    assert json.dumps(copy.get_config(), sort_keys=True) == json.dumps(
        obj.get_config(), sort_keys=True
    )
    return copy


def _check_policy(layer, inputs):
    """Eager value and symbolic spec agree in shape and dtype, values are finite."""
    symbolic = layer(
        keras.Input(inputs.shape[1:], dtype=keras.backend.standardize_dtype(inputs.dtype))
    )
    value = layer(inputs)
    for spec, tensor in zip(_leaves(symbolic), _leaves(value), strict=True):
        assert spec.dtype == keras.backend.standardize_dtype(tensor.dtype)
        assert tuple(spec.shape[1:]) == tuple(tensor.shape[1:]) and spec.shape[0] is None
        assert np.all(np.isfinite(_numpy(keras.ops.cast(tensor, "float32"))))


def _check_files(model, make, inputs, tmp_path):
    """`.keras` gives the same model; `.weights.h5` fills another one of the same kind."""
    expected = _numpy(model(inputs, training=False))
    model.save(tmp_path / "model.keras")
    _same(keras.models.load_model(tmp_path / "model.keras")(inputs, training=False), expected)
    model.save_weights(tmp_path / "model.weights.h5")
    other = make()
    other(inputs)
    other.set_weights([value + 1 for value in other.get_weights()])
    other.load_weights(tmp_path / "model.weights.h5")
    _same(other(inputs, training=False), expected)


def _check_fit(model, inputs):
    outputs = _numpy(model(inputs, training=False))
    targets = keras.tree.map_structure(np.ones_like, outputs)
    model.compile("sgd", loss=keras.tree.map_structure(lambda _: "mse", outputs))
    _check_history(model.fit(inputs, targets, batch_size=len(inputs), verbose=0))


def _check_history(history):
    assert len(history.history["loss"]) == 1 and np.isfinite(history.history["loss"][0])


def _around(layer, inputs, trainable=True):
    """A functional model with the layer in it, after a trainable one if it has none itself."""
    entry = keras.Input(inputs.shape[1:])
    x = entry if trainable else keras.layers.Dense(inputs.shape[-1])(entry)
    return keras.Model(entry, layer(x))


def _traced(fn, *arrays):
    """Calls `fn` in a graph with a dynamic batch axis (jitted on other backends)."""
    if keras.backend.backend() != "tensorflow":
        return fn(*arrays)
    import tensorflow as tf

    arrays = [np.asarray(array) for array in arrays]
    signature = [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays]
    return tf.function(fn, input_signature=signature)(*arrays)


def _rows(values, count):
    return keras.tree.map_structure(lambda value: value[:count], values)


def _leaves(values):
    return keras.tree.flatten(values)


def _numpy(values):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, values)


def _same(values, expected, atol=1e-6):
    keras.tree.assert_same_structure(_numpy(values), expected)
    for value, other in zip(_leaves(_numpy(values)), _leaves(expected), strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-5, atol=atol)
