"""Every reference computes what the Flax network does, layer by layer, and so do the recordings."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from playmate_jax.converters import verify  # noqa: E402
from playmate_jax.converters.registry import FAMILIES, by_name  # noqa: E402
from playmate_jax.converters.rules import to_flax  # noqa: E402

RUNS = [(f, run) for f in FAMILIES if f.name != "hubert" for run in f.runs(f.tiny)]


def both(family):
    table, shapes = family.table(family.tiny), family.shapes(family.tiny)
    state = verify.synthetic_state(table, shapes)
    return table, shapes, state, to_flax(table, state, shapes)[0]


@pytest.mark.parametrize(("family", "run"), RUNS, ids=[f"{f.name} {r.part}" for f, r in RUNS])
def test_every_layer_of_every_reference_is_the_flax_networks(family, run):
    table, shapes, state, leaves = both(family)
    layers = list(verify.compare(run, table, state, leaves))
    assert [layer for layer in layers if not layer.passed] == []
    assert layers[-1].name == "output"
    # nothing that has parameters is left out: a layer for every kernel
    kernels = [path for path in leaves if path.endswith("kernel") and path.startswith(run.part)]
    assert len(layers) > len(kernels)
    assert [x for x in verify.repeat(run, table, shapes, family.name) if not x.passed] == []


def test_the_first_layer_with_other_weights_is_the_first_that_diverges():
    family = by_name("vgg19")
    table, _, state, leaves = both(family)
    leaves["params/conv_2_1/kernel"] = leaves["params/conv_2_1/kernel"] * np.float32(1.01)
    layers = list(verify.compare(family.runs(family.tiny)[0], table, state, leaves))
    wrong = [layer.name for layer in layers if not layer.passed]
    assert wrong[0] == "features.5" and "features.2" not in wrong
    assert all(1e-4 < layer.error < 0.1 for layer in layers if layer.name == "features.5")


def test_values_that_are_no_numbers_diverge():
    family = by_name("vgg19")
    table, _, state, leaves = both(family)
    leaves["params/conv_1_1/bias"] = np.full_like(leaves["params/conv_1_1/bias"], np.nan)
    layers = list(verify.compare(family.runs(family.tiny)[0], table, state, leaves))
    assert layers[0].error == np.inf and not layers[0].passed
