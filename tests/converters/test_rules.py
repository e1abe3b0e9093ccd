"""Laws of the conversion engine on made-up tables."""

import numpy as np
import pytest

from playmate_jax.converters import rules
from playmate_jax.errors import UserError

TABLE = [
    *rules.conv("first", "first/conv"),
    *rules.batch_norm("norm", "first/norm"),
    *rules.spectral_conv("up", "up", kernel_size=3),
    *rules.dense("fc", "head"),
    *rules.depthwise("dw", "mix/depthwise"),
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


@pytest.mark.parametrize(
    "op",
    [rules.IDENTITY, rules.LINEAR, *rules.CONV.values(), rules.flat_window(3), rules.flat_window(1)]
    + list(rules.DEPTHWISE.values()),
    ids=lambda op: op.name,
)
def test_every_op_is_undone_by_its_inverse(op):
    random = np.random.default_rng(0)
    ranks = {"identity": 3, "transpose(1, 0)": 2, "transpose(2, 1, 0)": 3}
    for _ in range(5):
        if op.name.startswith("flat_window"):
            shape = (int(random.integers(1, 6)) * 9,)
        elif op.name.startswith("squeeze"):
            rank = 3 if op is rules.DEPTHWISE[1] else 4
            shape = (int(random.integers(2, 6)), 1, *random.integers(2, 5, rank - 2).tolist())
        else:
            rank = ranks.get(op.name, op.name.count(",") + 1)
            shape = tuple(random.integers(1, 6, rank).tolist())
        value = random.standard_normal(shape)
        np.testing.assert_array_equal(op.inverse(op.forward(value)), value)


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
        rules.check_table([*TABLE, rules.Rule("fc.weight", "params/x", rules.LINEAR)])
    with pytest.raises(ValueError, match="several rules for: params/head/bias"):
        rules.check_table([*TABLE, rules.Rule("other", "params/head/bias", rules.IDENTITY)])
