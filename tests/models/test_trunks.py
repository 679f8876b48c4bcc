import keras
import numpy as np
import pytest

from kerasface.models import TRUNKS, FaceModel, build_trunk, resnet18, resnet50, small_resnet, vgg16
from kerasface.tasks import Classification, Regression

TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116)))


def convolution(kernel, before, after):
    """Parameters of a convolution without bias and its normalisation (four numbers a channel)."""
    return kernel * kernel * before * after + 4 * after


def basic_block_parameters(stem, widths, blocks):
    total, before = convolution(3, 3, stem), stem
    for group, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            total += convolution(3, before, width) + convolution(3, width, width)
            if before != width or (group and not block):
                total += convolution(1, before, width)
            before = width
    return total


def bottleneck_parameters(divisor, stem_kernel):
    total, before = convolution(stem_kernel, 3, 64 // divisor), 64 // divisor
    for count, filters in ((3, 64), (4, 128), (6, 256), (3, 512)):
        width = filters // divisor
        for block in range(count):
            total += convolution(1, before, width) + convolution(3, width, width)
            total += convolution(1, width, 4 * width)
            total += 0 if block else convolution(1, before, 4 * width)
            before = 4 * width
    return total


def vgg_parameters(width):
    total, before = 0, 3
    for count, filters in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            total += convolution(3, before, int(filters * width))
            before = int(filters * width)
    return total


def test_the_students_trunk_has_at_most_2_2_million_parameters():
    trunk = small_resnet()
    assert trunk.count_params() == basic_block_parameters(32, (64, 128, 224), (1, 1, 2))
    assert trunk.count_params() == pytest.approx(1.94e6, rel=0.005)
    assert trunk.output_shape == (None, 224)


@pytest.mark.parametrize("widths,blocks,stem", [((8, 8), (1, 2), 8), ((8, 16, 24), (2, 1, 1), 4)])
def test_small_resnet_in_other_sizes(widths, blocks, stem):
    trunk = small_resnet((32, 32, 3), widths=widths, blocks=blocks, stem=stem)
    assert trunk.count_params() == basic_block_parameters(stem, widths, blocks)
    assert trunk.output_shape == (None, widths[-1])


def test_flattened_features_keep_places():
    """Moving what is in a corner changes them; their mean over places are the pooled ones."""
    trunk = small_resnet((32, 32, 3), (8, 12), (1, 1), stem=8, flatten=True)
    pooled = small_resnet((32, 32, 3), (8, 12), (1, 1), stem=8)
    pooled.set_weights(trunk.get_weights())
    assert trunk.output_shape == (None, 8 * 8 * 12)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
    places = np.asarray(trunk(images)).reshape(2, 64, 12)
    np.testing.assert_allclose(places.mean(1), pooled(images), atol=1e-5)
    assert resnet18((32, 32, 3), 4, 6, flatten=True).get_layer("features").output.shape[1] == 128


def test_vgg16_has_the_papers_convolutions():
    """14,714,688 weights of the paper's form, less 4,224 biases, plus 4 x 4,224 to normalise."""
    trunk = vgg16()
    assert trunk.count_params() == vgg_parameters(1.0) == 14_714_688 - 4_224 + 4 * 4_224
    assert trunk.output_shape == (None, 512)
    assert trunk.get_layer("features").input.shape == (None, 3, 3, 512)


@pytest.mark.parametrize("width", [0.125, 0.5])
def test_vgg16_in_other_widths(width):
    trunk = vgg16(width=width)
    assert trunk.count_params() == vgg_parameters(width)
    assert trunk.output_shape == (None, 512 * width)


def test_half_a_vgg16_is_the_teacher_of_at_most_10_million():
    assert vgg_parameters(0.5) == pytest.approx(3.7e6, rel=0.01)


@pytest.mark.slow
def test_resnet50_with_the_papers_stem():
    """torchvision's resnet50 has 25,557,032 parameters, 2,049,000 of them in its classifier.

    The moving means and variances of its 26,560 normalised channels, 53,120, are not among them.
    """
    trunk = resnet50((64, 64, 3), small_input=False)
    assert trunk.count_params() == 25_557_032 - 2_049_000 + 53_120 == bottleneck_parameters(1, 7)
    assert trunk.output_shape == (None, 2048)


@pytest.mark.parametrize("divisor,millions", [(1, 23.6), (2, 5.9), (4, 1.5), (8, 0.4)])
def test_resnet50s_divisors_as_documented(divisor, millions):
    assert bottleneck_parameters(divisor, 3) / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("divisor", [4, 8])
def test_resnet50_divided(divisor):
    trunk = resnet50(divisor=divisor)
    assert trunk.count_params() == bottleneck_parameters(divisor, 3)
    assert trunk.output_shape == (None, 2048 // divisor)


@pytest.mark.parametrize("trunk", ["small_resnet", "vgg16"])
def test_dropout_and_normalization_are_passed_on(trunk):
    config = {"widths": (8, 8), "blocks": (1, 1)} if trunk == "small_resnet" else {"width": 0.125}
    made = build_trunk(trunk, **config, dropout=0.5, normalization=keras.layers.LayerNormalization)
    kinds = [type(layer).__name__ for layer in made.layers]
    assert kinds[-1] == "Dropout" and "LayerNormalization" in kinds
    assert "BatchNormalization" not in kinds


def test_a_trunk_for_any_size_of_picture():
    trunk = small_resnet((None, None, 3), widths=(8, 8), blocks=(1, 1))
    for size in (36, 48):
        assert trunk(np.zeros((1, size, size, 3), "float32")).shape == (1, 8)


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: resnet50(divisor=3), "divisor=3"),
        (lambda: vgg16(width=0.01), "width=0.01"),
        (lambda: vgg16((8, 8, 3)), "input_shape="),
        (lambda: small_resnet(widths=(8, 8)), "widths="),
        (lambda: small_resnet((None, None, 3), flatten=True), "flatten=True"),
        (lambda: build_trunk("smal_resnet"), "near: small_resnet.*name='smal_resnet'"),
        (lambda: build_trunk("applications/NoNet"), "name='applications/NoNet'"),
        (lambda: build_trunk(""), "name=''"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=f"Received: .*{message}|{message}"):
        make()


def test_the_table_names_what_it_makes():
    assert sorted(TRUNKS) == ["resnet18", "resnet50", "small_resnet", "vgg16"]
    assert build_trunk("vgg16", width=0.125).name == "vgg16"


def check_any_trunk(model):
    """It answers for every task, and a step of training reaches every trainable weight."""
    tf = pytest.importorskip("tensorflow")
    faces = np.random.default_rng(0).uniform(0, 255, (2, 48, 48, 3)).astype("float32")
    labels = {"gender": np.array([0, 1]), "age": np.array([20.0, 60.0], "float32")}
    with tf.GradientTape() as tape:
        outputs = model(faces, training=True)
        loss = sum(task.make_loss()(labels[task.name], outputs[task.name]) for task in model.tasks)
    assert {name: tuple(each.shape) for name, each in outputs.items()} == {
        "gender": (2, 2),
        "age": (2, 1),
    }
    assert np.isfinite(loss)
    missing = [
        weight.path
        for weight, gradient in zip(
            model.trainable_weights,
            tape.gradient(loss, [weight.value for weight in model.trainable_weights]),
            strict=True,
        )
        if gradient is None
    ]
    assert not missing


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0", "DenseNet121"])
def test_trunks_of_keras_applications(name):
    """Two of the three hold their own scaling of pixels: then `scale` is 1 and `offset` 0."""
    spec = {
        "trunk": {"name": f"applications/{name}", "config": {}},
        "tasks": [task.get_config() for task in TASKS],
        "input": {"height": 48, "width": 48, "channels": 3, "scale": 1.0, "offset": 0.0},
    }
    model = FaceModel.from_spec(spec)
    assert model.get_spec() == spec
    check_any_trunk(model)


@pytest.mark.slow
def test_a_backbone_of_keras_hub():
    try:
        import keras_hub
    except ImportError as error:
        pytest.skip(f"NOT TESTED: keras-hub cannot be imported ({error})")
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(48, 48, 3),
    )
    assert len(backbone.output_shape) == 4  # maps, which FaceModel averages
    check_any_trunk(FaceModel(backbone, TASKS))
