"""Every configuration of the paper's size: shapes fit together, and each array has its place."""

from pathlib import Path

import jax
import numpy as np
import pytest

from playmate_jax.benchmark.train_sides import TrainSetup, batch_of, our_stage
from playmate_jax.parallel.mesh import COPIED, DIVIDED, device_mesh, shardings
from playmate_jax.parallel.share import ALONE
from playmate_jax.training.update import keys

CONFIGS = Path(__file__).parents[2] / "configs"
# Generator 49 M parameters and controller 11 M, by the sizes of DESIGN §3 and of Fig. 3.
MILLIONS = {"paper_stage1": (45, 55), "paper_stage2": (8, 15)}


def test_no_full_size_configuration_is_left_out():
    assert {path.stem for path in CONFIGS.glob("paper_*.py")} == MILLIONS.keys()


@pytest.mark.parametrize("name", MILLIONS)
def test_a_full_size_step_fits_together_and_every_array_has_a_rule(name):
    stage = our_stage(TrainSetup(stage=int(name[-1])))
    state = jax.eval_shape(stage.init, keys(0)[0])
    batch = batch_of(stage)
    after, metrics = jax.eval_shape(
        lambda state, batch, key: stage.step(state, batch, key, ALONE), state, batch, keys(0)[1]
    )
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(
        lambda x: (x.shape, x.dtype), state
    )
    assert {"loss", "diffusion", "gradient_norm", "update_norm", "parameter_norm"} <= set(metrics)
    trained = getattr(state, "trained", state)
    millions = sum(np.prod(x.shape) for x in jax.tree.leaves(trained.packed)) / 1e6
    low, high = MILLIONS[name]
    assert low < millions < high
    assert {COPIED, DIVIDED} == {kind for _, kind in stage.rules}
    shardings(state, device_mesh(), stage.rules)  # raises where no rule covers a name
