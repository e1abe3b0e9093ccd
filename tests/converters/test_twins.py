"""Our PyTorch twins: the names of the exports, and the outputs of the Flax networks."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

torch = pytest.importorskip("torch")

from playmate_jax.converters import liveportrait, rules, stand_in  # noqa: E402
from playmate_jax.converters.twins.generator import GeneratorTwin  # noqa: E402
from playmate_jax.converters.twins.renderer import SpadeTwin, WarpingTwin  # noqa: E402
from playmate_jax.models import motion_model  # noqa: E402
from playmate_jax.models.configuration import from_values  # noqa: E402
from playmate_jax.models.generator import GeneratorConfig, MotionGenerator  # noqa: E402
from playmate_jax.models.renderer import RendererConfig  # noqa: E402
from playmate_jax.models.spade import SpadeDecoder  # noqa: E402
from playmate_jax.models.warping import WarpingNetwork  # noqa: E402
from playmate_jax.motion.windows import WindowConfig  # noqa: E402

RECORDINGS = Path(__file__).parent / "recordings"
SMALL = from_values(
    RendererConfig, json.loads((RECORDINGS / "configs.json").read_text())["liveportrait"]
)
# Relative to the output's std; float32 sums in another order, through about forty layers.
TOLERANCE = 1e-4


def loaded(twin, field: str):
    """The twin and the Flax variables under the same stand-in weights; names must fit exactly."""
    manifest = json.loads((RECORDINGS / "manifests" / f"liveportrait_{field}.json").read_text())
    state = stand_in.state_dict(manifest, 5)
    twin.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()}, strict=True)
    table = liveportrait.tables(SMALL)[field]
    leaves, _ = rules.to_flax(table, state, liveportrait.leaf_shapes(SMALL)[field])
    return twin.eval(), unflatten_dict(leaves, sep="/")


def assert_close(ours, theirs):
    theirs = theirs.numpy()
    assert ours.shape == theirs.shape
    assert np.abs(np.asarray(ours) - theirs).max() < TOLERANCE * theirs.std()


def test_warping_twin():
    f = SMALL.appearance
    module, variables = loaded(
        WarpingTwin(SMALL.warping, f.volume_channels, f.volume_depth), "warping"
    )
    volume = stand_in.network_input("v", (2, f.volume_channels, f.volume_depth, 16, 16), 0)
    source, driving = (stand_in.network_input(n, (2, 21, 3), 0, "keypoints") for n in "sd")
    with torch.no_grad():
        theirs = module(*(torch.from_numpy(x) for x in (volume, source, driving)))
    apply = jax.jit(WarpingNetwork(SMALL.warping).apply)
    ours = apply(
        variables, *(jnp.asarray(x) for x in (np.moveaxis(volume, 1, -1), source, driving))
    )
    assert_close(ours["deformation"], theirs["deformation"])
    for name in ("mask", "occlusion_map", "out"):
        assert_close(np.moveaxis(np.asarray(ours[name]), -1, 1), theirs[name])


def test_spade_twin():
    module, variables = loaded(SpadeTwin(SMALL.spade, SMALL.warping.out_channels), "spade")
    feature = stand_in.network_input("f", (2, SMALL.warping.out_channels, 16, 16), 0)
    with torch.no_grad():
        theirs = module(torch.from_numpy(feature))
    apply = jax.jit(SpadeDecoder(SMALL.spade).apply)
    ours = apply(variables, jnp.asarray(np.moveaxis(feature, 1, -1)))
    assert_close(np.moveaxis(np.asarray(ours), -1, 1), theirs)


def twin_state(params) -> dict:
    """The generator's tree under the twin's names: stacked layers apart, matrices transposed."""
    state = {}
    for path, value in flatten_dict(params, sep=".").items():
        stacked = path.startswith("conformer.layers.")
        pieces = enumerate(np.asarray(value)) if stacked else [("", np.asarray(value))]
        for i, piece in pieces:
            name = path.replace("layers.", f"layers.{i}.") if stacked else path
            name = name.replace(".kernel", ".weight").replace(".scale", ".weight")
            if path.endswith("depthwise.kernel"):
                moved = piece.T[:, None]
            else:
                moved = piece.T if path.endswith(".kernel") else piece
            state[name] = torch.from_numpy(np.array(moved))
    return state


def test_generator_twin():
    config = GeneratorConfig(
        speech_size=6, width=16, condition_width=8, layers=2, heads=2, feed_forward=24,
        kernel_size=5, window=WindowConfig(12, 4),
    )  # fmt: skip
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: motion_model.init_generator(config, key), jax.random.key(0))
    params = jax.tree.map(
        lambda leaf: jnp.asarray(0.3 * random.standard_normal(leaf.shape), jnp.float32), shapes
    )
    twin = GeneratorTwin(config).eval()
    twin.load_state_dict(twin_state(params), strict=True)
    shapes = [(3, 12, 70), (3, 4, 70), (3, 16, 6), (3, 63)]
    inputs = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    inputs += [np.array([0, 17, 999], np.int32)]
    inputs += [np.array([True, True, False]), np.array([True, False, True])]
    with torch.no_grad():
        theirs = twin(*(torch.from_numpy(x) for x in inputs))
    apply = jax.jit(MotionGenerator(config).apply)
    assert_close(apply({"params": params}, *(jnp.asarray(x) for x in inputs)), theirs)
