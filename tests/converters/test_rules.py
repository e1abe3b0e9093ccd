"""Laws of the conversion engine on made-up tables."""

import ml_dtypes
import numpy as np
import pytest

from playmate_jax.converters import layers, rules
from playmate_jax.converters.liveportrait.rules import CHANNELS_ONLY
from playmate_jax.converters.wav2vec2.rules import TAPS
from playmate_jax.errors import UserError

TABLE = [
    *layers.conv("first", "first/conv"),
    *layers.batch_norm("norm", "first/norm"),
    *layers.spectral_conv("up", "up", kernel_size=3),
    *layers.dense("fc", "head"),
    *layers.depthwise("dw", "mix/depthwise"),
]


def state(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = {
        "first.weight": (5, 4, 3, 3), "first.bias": (5,),
        "norm.weight": (5,), "norm.bias": (5,), "norm.running_mean": (5,), "norm.running_var": (5,),
        "up.bias": (6,), "up.weight_orig": (6, 4, 3, 3), "up.weight_u": (6,), "up.weight_v": (36,),
        "fc.weight": (7, 2), "fc.bias": (7,), "dw.weight": (4, 1, 5, 5), "dw.bias": (4,),
    }  # fmt: skip
    values = {k: random.standard_normal(shape).astype(np.float32) for k, shape in shapes.items()}
    return values | {"norm.num_batches_tracked": np.array(1234, np.int64)}


def shapes_of(table, values):
    entries = [entry for entry in table if isinstance(entry, rules.Rule)]
    return {entry.target: entry.op.forward(values[entry.source]).shape for entry in entries}


SHAPES = shapes_of(TABLE, state())


def test_round_trip_is_exact_to_the_bit_counters_included():
    original = state()
    leaves, kept = rules.to_flax(TABLE, original, SHAPES)
    back = rules.to_torch(TABLE, leaves, kept)
    assert set(back) == set(original)
    for name, value in original.items():
        assert back[name].dtype == value.dtype
        np.testing.assert_array_equal(back[name], value)


def test_without_kept_counters_an_export_starts_them_at_zero():
    leaves, _ = rules.to_flax(TABLE, state(), SHAPES)
    assert rules.to_torch(TABLE, leaves)["norm.num_batches_tracked"] == 0


def test_old_checkpoints_without_counters_convert():
    old = state()
    del old["norm.num_batches_tracked"]
    assert rules.to_flax(TABLE, old, SHAPES)[1] == {}


def test_layouts_by_hand():
    leaves, _ = rules.to_flax(TABLE, state(), SHAPES)
    original = state()
    assert leaves["params/first/conv/kernel"][2, 1, 3, 4] == original["first.weight"][4, 3, 2, 1]
    assert leaves["params/head/kernel"][1, 6] == original["fc.weight"][6, 1]
    assert leaves["params/mix/depthwise/kernel"][4, 2, 3] == original["dw.weight"][3, 0, 4, 2]
    # v runs over (in, kh, kw): in 3, row 1, column 2 is 3 * 9 + 1 * 3 + 2.
    assert leaves["spectral/up/v"][1, 2, 3] == original["up.weight_v"][32]


# Every op with the shapes that it takes: a size by name, drawn anew each time; numbers stay.
SHAPES_TAKEN = {
    layers.IDENTITY: [("a",), ("a", "b"), ("a", "b", "c")],
    layers.LINEAR: [("out", "in")],
    layers.CONV[1]: [("out", "in", "k")],
    layers.CONV[2]: [("out", "in", "h", "w")],
    layers.CONV[3]: [("out", "in", "z", "h", "w")],
    layers.DEPTHWISE[1]: [("c", 1, "k")],
    layers.DEPTHWISE[2]: [("c", 1, "h", "w")],
    CHANNELS_ONLY: [(1, 1, 1, "c")],
    TAPS: [(1, 1, "k")],
}
DRAWN = [(op, shape) for op, shapes in SHAPES_TAKEN.items() for shape in shapes]


@pytest.mark.parametrize(("op", "sizes"), DRAWN, ids=lambda x: getattr(x, "name", str(x)))
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.int64])
def test_every_op_is_a_bijection_on_any_shape(op, sizes, dtype):
    random = np.random.default_rng([len(sizes), len(op.name)])
    for _ in range(10):
        shape = tuple(n if isinstance(n, int) else int(random.integers(1, 8)) for n in sizes)
        assert_bijection(op, distinct(shape, dtype))


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 7])
def test_flat_windows_are_bijections_on_any_number_of_inputs(kernel_size):
    for inputs in (1, 2, 5, 64):
        shape = (inputs * kernel_size**2,)
        assert_bijection(layers.flat_window(kernel_size), distinct(shape, np.float32))


def test_transpositions_of_any_order_are_bijections():
    random = np.random.default_rng(0)
    for rank in range(1, 7):
        shape = tuple(random.integers(1, 5, rank).tolist())
        op = layers.transpose(*random.permutation(rank).tolist())
        assert_bijection(op, distinct(shape, np.float32))
        squeezed = layers.squeeze_then(op, 1)
        assert_bijection(squeezed, distinct((shape[0], 1, *shape[1:]), np.float32))


def distinct(shape, dtype):
    """Values of which no two are equal, with negative ones, as far as the type can tell apart."""
    return (np.arange(np.prod(shape)) - 3).reshape(shape).astype(dtype)


def assert_bijection(op, value):
    moved = op.forward(value)
    np.testing.assert_array_equal(op.inverse(moved), value, strict=True)
    np.testing.assert_array_equal(op.forward(op.inverse(moved)), moved, strict=True)
    assert sorted(moved.ravel().tolist()) == sorted(value.ravel().tolist())  # nothing is computed


STACK = layers.stacked("layers", 3, [*layers.dense("fc", "layers/fc")])


def test_layers_that_flax_stacks_are_rows_of_one_leaf():
    random = np.random.default_rng(0)
    state = {
        entry.source: random.standard_normal((4, 2) if "weight" in entry.source else 4)
        for entry in STACK
    }
    shapes = {"params/layers/fc/kernel": (3, 2, 4), "params/layers/fc/bias": (3, 4)}
    leaves, _ = rules.to_flax(STACK, state, shapes)
    assert leaves["params/layers/fc/kernel"][2, 1, 3] == state["layers.2.fc.weight"][3, 1]
    back = rules.to_torch(STACK, leaves)
    assert list(back) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(back[name], value, strict=True)
    with pytest.raises(UserError, match="stacks 4 layers, the table 3"):
        rules.to_flax(STACK, state, shapes | {"params/layers/fc/bias": (4, 4)})
    with pytest.raises(UserError, match=r"layers\.1\.fc\.bias is float16, other layers float64"):
        half = state["layers.1.fc.bias"].astype(np.float16)
        rules.to_flax(STACK, state | {"layers.1.fc.bias": half}, shapes)


def test_names_that_become_one_are_told():
    state = {"a.w": 1, "module.a.w": 2, "b": 3, "head.w": 4}
    rename = lambda name: None if "head" in name else name.removeprefix("module.")  # noqa: E731
    with pytest.raises(UserError, match=r"! a\.w is there twice, as a\.w and module\.a\.w"):
        rules.renamed(state, rename)
    del state["a.w"]
    assert rules.renamed(state, rename) == {"a.w": 2, "b": 3}


def test_every_problem_is_in_one_message():
    broken = state()
    broken["extra.weight"] = broken.pop("fc.bias")
    broken["first.weight"] = broken["first.weight"][:, :2]
    broken["dw.bias"] = np.array([1, np.nan, 3, 4], np.float32)
    with pytest.raises(UserError) as caught:
        rules.to_flax(TABLE, broken, SHAPES | {"params/new/bias": (3,)})
    lines = str(caught.value)
    assert "+ extra.weight" in lines and "- fc.bias" in lines and "- leaf params/new/bias" in lines
    assert "! first.weight (5, 2, 3, 3)" in lines and "! dw.bias" in lines


def test_a_tree_that_does_not_fit_is_not_exported():
    leaves, _ = rules.to_flax(TABLE, state(), SHAPES)
    leaves["params/other"] = leaves.pop("params/head/bias")
    with pytest.raises(UserError, match=r"(?s)- params/head/bias.*\+ params/other"):
        rules.to_torch(TABLE, leaves)


def test_two_rules_for_one_name_are_refused():
    with pytest.raises(ValueError, match=r"several rules for: fc\.weight"):
        rules.check_table([*TABLE, rules.Rule("fc.weight", "params/x", layers.LINEAR)])
    with pytest.raises(ValueError, match="several rules for: params/head/bias"):
        rules.check_table([*TABLE, rules.Rule("other", "params/head/bias", layers.IDENTITY)])
