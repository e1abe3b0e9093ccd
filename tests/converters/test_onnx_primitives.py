"""Every primitive that is written as ONNX computes what JAX computes; others are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from playmate_jax.converters.to_onnx import elementwise, files, formulations, translation
from playmate_jax.errors import UserError
from playmate_jax.models.depthwise import depthwise_conv1d, depthwise_conv2d

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=(2, 5, 3)).astype(np.float32)
OTHER = RANDOM.normal(size=(2, 5, 3)).astype(np.float32)
POSITIVE = np.abs(NORMAL) + np.float32(0.1)
INTEGERS = RANDOM.integers(-3, 4, (2, 5)).astype(np.int32)
TRUE = NORMAL > 0
IMAGE = RANDOM.normal(size=(2, 7, 6, 4)).astype(np.float32)
KERNEL = RANDOM.normal(size=(3, 2, 4, 5)).astype(np.float32)
SQUARE = RANDOM.normal(size=(3, 4, 4)).astype(np.float32)
OTHER_CALLS = {"closed_call", "checkpoint", "remat2"}  # names of a call in other versions of JAX
TOLERANCE = 3e-6  # float32, sums of tens of products and the engine's own exp, erf and tanh


def model_of(function, *inputs):
    names = [f"x{i}" for i in range(len(inputs))]
    shapes = {n: jax.ShapeDtypeStruct(x.shape, x.dtype) for n, x in zip(names, inputs, strict=True)}
    made = translation.translate(
        lambda params, **given: {"y": function(*(given[name] for name in names))}, {}, shapes, "law"
    )
    return files.model_of(made, "law", "a law")


def run(model, *inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {f"x{i}": x for i, x in enumerate(inputs)})[0]


def operations(model) -> list[str]:
    return [node.op_type for node in model.graph.node]


def conv(x, kernel, **how):
    how = {"window_strides": (1, 1), "padding": "SAME"} | how
    return lax.conv_general_dilated(x, kernel, dimension_numbers=("NHWC", "HWIO", "NHWC"), **how)


ELEMENTWISE = {
    **{name: (getattr(lax, name), NORMAL, OTHER) for name in (
        "add", "sub", "mul", "div", "max", "min", "eq", "ne", "lt", "le", "gt", "ge")},
    **{name: (getattr(lax, name), NORMAL) for name in (
        "neg", "abs", "sign", "floor", "ceil", "exp", "sin", "cos", "tanh", "logistic", "erf",
        "erfc", "square", "stop_gradient")},
    **{name: (getattr(lax, name), POSITIVE) for name in ("log", "sqrt", "rsqrt")},
    "and": (lax.bitwise_and, TRUE, TRUE[::-1].copy()),
    "or": (lax.bitwise_or, TRUE, TRUE[::-1].copy()),
    "not": (lax.bitwise_not, TRUE),
    "pow": (lax.pow, POSITIVE, OTHER),
    "integer_pow": (lambda x: lax.integer_pow(x, 3), NORMAL),
    "select_n": (lax.select_n, TRUE, NORMAL, OTHER),
    "clamp": (lambda x: lax.clamp(-0.5, x, 0.5), NORMAL),
    "convert_element_type": (lambda x: x.astype(jnp.int32), 3 * NORMAL),
    "copy": (lambda x: jnp.array(x, copy=True), NORMAL),
    "max_of_truth": (lax.max, TRUE, TRUE[::-1].copy()),
    "scalars": (lambda x: 2.0 / (1.0 + x), POSITIVE),
    "integers": (lambda x: jnp.maximum(x + 2, 0) * x, INTEGERS),
    "repeated": (lambda x: x[:, None] * jnp.ones((5, 1)) + x[:, :, None], INTEGERS),
}  # fmt: skip
SHAPES = {
    "broadcast_in_dim": (lambda x: jnp.broadcast_to(x[:, :, None], (3, 2, 5, 4, 3)), NORMAL),
    "reshape": (lambda x: x.reshape(10, 3), NORMAL),
    "reshape_of_repeated": (lambda x: jnp.repeat(x, 2, axis=1), NORMAL),
    "squeeze": (lambda x: x[:, :1].squeeze(1), NORMAL),
    "transpose": (lambda x: x.transpose(2, 0, 1), NORMAL),
    "slice": (lambda x: x[:, 1:5:2, -2:], NORMAL),
    "slice_of_repeated": (lambda x: jnp.broadcast_to(x[:, :1], (2, 5, 3))[:, 1:3], NORMAL),
    "pad": (lambda x: jnp.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=7), NORMAL),
    "pad_negative": (lambda x: lax.pad(x, 0.0, ((0, 0, 0), (-1, 2, 0), (0, -1, 0))), NORMAL),
    "pad_truth": (lambda x: jnp.pad(x, ((0, 0), (1, 0), (0, 0)), constant_values=True), TRUE),
    "concatenate": (lambda x, y: jnp.concatenate([x, y[:, :2]], 1), NORMAL, OTHER),
    "stack": (lambda x, y: jnp.stack([x, y], 1), NORMAL, OTHER),
    "split": (lambda x: jnp.split(x, [1, 3], axis=1)[1], NORMAL),
    "rev": (lambda x: x[:, ::-1, ::-1], NORMAL),
    "iota": (lambda x: x + lax.broadcasted_iota(jnp.float32, (2, 5, 3), 1), NORMAL),
}
CONTRACTIONS = {
    "matrix": (lambda x: x @ NORMAL[0].T, NORMAL),
    "dot_general": (lambda x, y: jnp.einsum("bic,bjc->bji", x, y), NORMAL, OTHER),
    "two_axes": (lambda x, y: jnp.einsum("bij,bkj->ik", x, y), NORMAL, OTHER),
    "vector": (lambda x, y: x[0, 0] @ y[0].T, NORMAL, OTHER),
    "outer": (lambda x, y: jnp.einsum("bi,bj->bij", x[:, 0], y[:, 1]), NORMAL, OTHER),
    "conv_general_dilated": (lambda x: conv(x, KERNEL), IMAGE),
    "stride": (lambda x: conv(x, KERNEL, window_strides=(2, 1)), IMAGE),
    "dilation": (lambda x: conv(x, KERNEL, rhs_dilation=(2, 3)), IMAGE),
    "groups": (lambda x: conv(x, KERNEL[:, :, :2, :4], feature_group_count=2), IMAGE),
    "computed_kernel": (conv, IMAGE, KERNEL),
    "volume": (
        lambda x: lax.conv_general_dilated(
            x.reshape(1, 2, 7, 6, 4), KERNEL[None], (1, 1, 1), "SAME",
            dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
        ),
        IMAGE,
    ),
    "depthwise_conv1d": (lambda x: depthwise_conv1d(x, jnp.asarray(OTHER[0, :3])), NORMAL),
    "depthwise_conv2d": (lambda x: depthwise_conv2d(x, jnp.asarray(IMAGE[0, :3, :3])),
                         IMAGE),
}  # fmt: skip
OTHERS = {
    "reduce_sum": (lambda x: x.sum((0, 2)), NORMAL),
    "reduce_max": (lambda x: x.max(1), NORMAL),
    "reduce_min": (lambda x: x.min((0, 1, 2)), NORMAL),
    "argmax": (lambda x: jnp.argmax(x, 1), NORMAL),
    "argmin": (lambda x: jnp.argmin(x, 0), NORMAL),
    "gather": (lambda x: x[:, jnp.array([3, 0, 3])], NORMAL),
    "gather_of_computed": (
        lambda x, i: x.at[:, jnp.abs(i)].get(mode="promise_in_bounds"), NORMAL, INTEGERS),
    "gather_clipped": (lambda x, i: x.at[i].get(mode="clip"), NORMAL, INTEGERS),
    "gather_by_row": (
        jax.vmap(lambda row, at: row.at[jnp.abs(at)].get(mode="promise_in_bounds")),
        NORMAL, INTEGERS),
    "gather_two_axes": (
        lambda x, i: x.at[i.clip(0, 1), jnp.abs(i)].get(mode="promise_in_bounds"),
        NORMAL, INTEGERS),
    "scan": (lambda x: lax.scan(lambda c, row: (c + row, c * row), x[0], x)[1], NORMAL),
    "scan_reversed": (
        lambda x: lax.scan(lambda c, row: (c + row, c), x[0], x, reverse=True)[1], NORMAL),
    "custom_jvp_call": (jax.nn.relu, NORMAL),
    "checkpoint": (jax.checkpoint(lambda x: jnp.sin(x) * 2), NORMAL),
    "solve": (lambda a, b: jnp.linalg.solve(a, b[:, :, :2]), SQUARE, SQUARE[::-1].copy()),
    "constant": (lambda x: jnp.linalg.inv(jnp.asarray(SQUARE)) + 0 * x, SQUARE),
}  # fmt: skip
LAWS = ELEMENTWISE | SHAPES | CONTRACTIONS | OTHERS


@pytest.mark.parametrize("name", LAWS)
def test_a_primitive_is_what_jax_computes(name):
    function, *inputs = LAWS[name]
    model = model_of(function, *inputs)
    onnx.checker.check_model(model, full_check=True)
    with jax.default_matmul_precision("highest"):
        expected = np.asarray(function(*map(jnp.asarray, inputs)))
    found = run(model, *inputs)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    # a 4 x 4 system multiplies roundings by its condition number
    tolerance = TOLERANCE * (np.linalg.cond(SQUARE).max() if name in ("solve", "constant") else 1)
    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=tolerance)


def test_every_primitive_has_its_law():
    used = set()
    for function, *inputs in LAWS.values():
        traced = jax.make_jaxpr(function)(*inputs)
        used |= {name for name in _primitives(traced.jaxpr)}
    assert translation.TABLE.keys() | translation.CALLS.keys() <= used | OTHER_CALLS
    assert formulations.TABLE.keys() <= used


def _primitives(jaxpr):
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for inner in jax.core.jaxprs_in_params(eqn.params):
            yield from _primitives(inner)


def test_an_exchange_of_rows_is_found():
    """Without it the first pivot would be 0."""
    a = np.array([[[0, 2, 1], [4, 1, 0], [1, 1, 1]]], np.float32)
    for found, expected in zip(
        formulations.lu(jnp.asarray(a)), lax.linalg.lu(jnp.asarray(a)), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_constants_are_computed_and_dead_code_is_left_out():
    weights = {"scale": np.full(3, 2, np.float32)}
    shapes = {"x": jax.ShapeDtypeStruct((2, 3), jnp.float32)}

    def function(params, x):
        unused = jnp.exp(x)
        del unused
        return {"y": x * jnp.sqrt(params["scale"] + 2)}

    model = files.model_of(translation.translate(function, weights, shapes, "n"), "n", "")
    assert operations(model) == ["Mul", "Identity"]


def test_broadcasts_need_no_node():
    model = model_of(lambda x: x - jnp.broadcast_to(x[:, :1], x.shape), NORMAL)
    assert operations(model) == ["Slice", "Sub", "Identity"]


def test_depthwise_convolutions_are_one_node():
    model = model_of(*CONTRACTIONS["depthwise_conv2d"])
    assert operations(model).count("Conv") == 1


REFUSED = {
    "'sort'": (jnp.sort, NORMAL),
    "'while'": (lambda x: lax.while_loop(lambda y: y.sum() < 9, lambda y: y + 1, x), NORMAL),
    "between cells": (lambda x: lax.pad(x, 0.0, ((0, 0, 0), (0, 0, 1), (0, 0, 0))), NORMAL),
    "truth values": (lax.bitwise_and, INTEGERS, INTEGERS),
    "dilated": (lambda x: conv(x, KERNEL, padding=((0, 0),) * 2, lhs_dilation=(2, 2)), IMAGE),
    "of slices": (lambda x, i: lax.dynamic_slice(x, (i[0, 0],), (2,)), NORMAL[0, 0], INTEGERS),
    "lie inside": (lambda x, i: x.at[i].get(mode="fill"), NORMAL, INTEGERS),
    "cut off": (lambda x: conv(x, KERNEL, padding=((-1, 0), (0, 0))), IMAGE),
    "at most 16 rows": (lambda x: lax.linalg.lu(x)[0], np.zeros((17, 17), np.float32)),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_written_is_refused_by_name(words):
    function, *inputs = REFUSED[words]
    with pytest.raises(UserError, match="law cannot be written as ONNX") as refused:
        model_of(function, *inputs)
    if words != "of slices":  # whether it is a gather is JAX's choice
        assert words in str(refused.value)


def test_constants_by_numpy_are_those_of_jax():
    for name, function in elementwise._NUMPY.items():
        law, *inputs = LAWS[name]
        np.testing.assert_allclose(function(*inputs), law(*map(jnp.asarray, inputs)), rtol=1e-7)
