"""Configuration files and overrides."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.training import load_config, with_overrides
from playmate_jax.training.experiment import run_record, wall_minutes
from playmate_jax.training.optimizer import OptimizerConfig, optimizer


@dataclasses.dataclass(frozen=True)
class Outer:
    steps: int = 10
    sizes: tuple[int, ...] = (1, 2)
    optimizer: OptimizerConfig = OptimizerConfig()


def test_nested_fields_are_overridden_and_read_as_their_type():
    new = with_overrides(Outer(), {"steps": 20, "sizes": "3,4", "optimizer.learning_rate": "0.5"})
    assert new.steps == 20 and new.sizes == (3, 4) and new.optimizer.learning_rate == 0.5
    assert new.optimizer.b2 == OptimizerConfig().b2


def test_unknown_field_suggests_the_nearest():
    with pytest.raises(UserError, match="did you mean 'learning_rate'"):
        with_overrides(Outer(), {"optimizer.learning_rat": 1})


def test_wrong_type_is_told():
    with pytest.raises(UserError, match="expected steps as int, found 'many'"):
        with_overrides(Outer(), {"steps": "many"})


def test_missing_file_and_missing_config_are_told(tmp_path):
    with pytest.raises(UserError, match="found nothing"):
        load_config(tmp_path / "none.py")
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(UserError, match=r"define config\(\)"):
        load_config(tmp_path / "empty.py")


def test_rates_scale_the_steps_of_the_layers_they_name():
    params = {"head_exp": {"kernel": jnp.ones(3)}, "trunk": {"kernel": jnp.ones(3)}}
    config = OptimizerConfig(rates=((r"(^|/)head_exp/", 0.02),), warmup_share=0.0)
    tx = optimizer(config, 10)
    updates, _ = tx.update(params, tx.init(params), params)
    ratio = updates["head_exp"]["kernel"] / updates["trunk"]["kernel"]
    np.testing.assert_allclose(ratio, 0.02, rtol=1e-6)


def test_the_record_of_a_run_tells_how_to_make_it_again(tmp_path):
    rows = [
        {"step": 60, "loss": 1.0, "steps_per_s": 1.0},
        {"step": 60, "test/psnr": 20.0},
        {"step": 180, "loss": 0.5, "steps_per_s": 2.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert wall_minutes(tmp_path) == 2.0  # 60 steps at 1/s and 120 at 2/s
    record = run_record("configs/x.py", tmp_path, 3, {"steps": 180})
    assert record["seed"] == 3
    assert record["command"] == f"playmate train configs/x.py --workdir {tmp_path} --set steps=180"
