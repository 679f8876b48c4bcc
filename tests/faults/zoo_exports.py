"""Files for other runtimes: damaged, of another network, or asking for what they should not."""

import numpy as np

from kerasface import zoo
from kerasface.zoo.errors import IntegrityError, ManifestError, ProbeError
from tests.faults.zoo_place import Fault, rewritten

FILE = "exports/onnx-float32.onnx"
LARGE = 10**13  # numbers, more than any machine's memory


def network(*nodes, **constants):
    """An ONNX file of our form, of whose answers `nodes` take part: `mean` to `gender`, `age`."""
    from onnx import TensorProto, helper, numpy_helper

    def value(name, kind, *shape):
        return helper.make_tensor_value_info(name, kind, shape)

    fixed = {"to_gender": np.ones((3, 2), "float32"), "to_age": np.ones((3, 4), "float32")}
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2], keepdims=0),
            *(helper.make_node(*words, **more) for *words, more in nodes),
            helper.make_node("MatMul", ["mean", "to_gender"], ["gender"]),
            helper.make_node("MatMul", ["mean", "to_age"], ["age"]),
        ],
        "tiny",
        [value("image", TensorProto.UINT8, None, 48, 48, 3)],
        [value("gender", TensorProto.FLOAT, None, 2), value("age", TensorProto.FLOAT, None, 4)],
        [numpy_helper.from_array(each, name) for name, each in {**fixed, **constants}.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def exported(make, name=FILE):
    """An attack with such a file, with whose hash the manifest agrees."""

    def attack(place):
        def add(document):
            document["files"][name] = {"sha256": "0" * 64, "bytes": 1}
            fact = {"runtime": "onnx", "precision": "float32", "files": [name], "difference": 0.0}
            document["exports"] = [fact]

        def spoil(folder):
            path = folder / FILE
            path.parent.mkdir()
            path.write_bytes(make(place))
            rewritten(folder, add)

        zoo.load(place.copied(spoil), runtime="onnx", threads=1)

    return attack


def another_network(place):
    return network().SerializeToString()


def cut_short(place):
    return another_network(place)[:-50]


def no_network(place):
    return b"not a network"


def numbers_elsewhere(place):
    from onnx import TensorProto
    from onnx.external_data_helper import set_external_data

    model = network()
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    set_external_data(tensor, location=str(place.treasure))
    tensor.ClearField("raw_data")
    return model.SerializeToString()


def fails_when_it_runs(place):
    misfit = ("Reshape", ["mean", "shape"], ["unused"], {})
    return network(misfit, shape=np.array([7, 7, 7], "int64")).SerializeToString()


def memory_without_end(place):
    many = np.array([LARGE], "int64")
    zeros = ("ConstantOfShape", ["many"], ["zeros"], {})
    return network(zeros, ("ReduceSum", ["zeros"], ["sum"], {}), many=many).SerializeToString()


def of_other_outputs(place):
    from onnx import helper

    model = network()
    model.graph.output[0].name = "race"
    model.graph.node.append(helper.make_node("Identity", ["gender"], ["race"]))
    return model.SerializeToString()


FAULTS = (
    Fault("exports", "another network", exported(another_network), ProbeError, "differs from"),
    Fault("exports", "file cut short", exported(cut_short), IntegrityError, "cannot read it"),
    Fault("exports", "no network at all", exported(no_network), IntegrityError, "cannot read it"),
    Fault(
        "exports", "numbers in another file", exported(numbers_elsewhere), IntegrityError, "read it"
    ),
    Fault("exports", "outputs of other names", exported(of_other_outputs), IntegrityError, FILE),
    Fault("exports", "fails when it runs", exported(fails_when_it_runs), ProbeError, "no answer"),
    Fault("exports", "memory without end", exported(memory_without_end), ProbeError, "no answer"),
    Fault(
        "exports",
        "file outside of the entry",
        exported(another_network, "../../../outside/treasure"),
        ManifestError,
        "plain segments",
    ),
)
