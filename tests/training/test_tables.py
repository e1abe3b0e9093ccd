"""Tables of parameters and FLOPs."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import init_generator
from playmate_jax.training.tables import parameter_table

PARAMS = {
    "head": {"bias": jnp.zeros(3), "kernel": jnp.zeros((4, 3))},
    "layers": {f"layer_{n}": {"kernel": jnp.zeros((8, 8), jnp.bfloat16)} for n in range(4)},
    "scale": jnp.zeros(()),
}


def test_every_array_has_a_line_with_its_numbers():
    lines = parameter_table(PARAMS).splitlines()
    assert lines[0].split() == ["name", "shape", "count", "dtype", "sharding"]
    assert len(lines) == 1 + 7 + 1
    (kernel,) = [line for line in lines if line.startswith("head/kernel")]
    assert kernel.split() == ["head/kernel", "4x3", "12", "float32"]
    assert lines[-1].split() == ["total", str(3 + 12 + 4 * 64 + 1), "0.0", "MiB"]


def test_shardings_are_shown_by_the_axes_that_split():
    mesh = Mesh(np.asarray(jax.devices()[:1]).reshape(1, 1), ("data", "fsdp"))
    kernel = NamedSharding(mesh, PartitionSpec(None, ("data", "fsdp")))
    places = jax.tree.map(
        lambda x: kernel if x.ndim == 2 else NamedSharding(mesh, PartitionSpec()), PARAMS
    )
    rows = {line.split()[0]: line for line in parameter_table(PARAMS, places).splitlines()}
    assert rows["head/kernel"].endswith("(-, data+fsdp)") and rows["scale"].endswith("copied")


def test_a_long_table_is_folded_and_loses_no_number():
    lines = parameter_table(PARAMS, longest=5).splitlines()
    (layers,) = [line for line in lines if line.startswith("layers/*")]
    assert layers.split() == ["layers/*", "4", "arrays", "256", "bfloat16"]
    assert lines[-1].split() == ["total", "272", "0.0", "MiB"]


def test_shapes_alone_are_enough():
    config = MotionDenoiserConfig()
    shapes = jax.eval_shape(lambda key: init_generator(config, key), jax.random.key(0))
    lines = parameter_table(shapes).splitlines()
    count = sum(x.size for x in jax.tree.leaves(shapes))
    assert f"{count:,}" in lines[-1] and len(lines) <= 62
