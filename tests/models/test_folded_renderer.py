"""W and G folded draw what the plain modules draw, with weights like trained ones."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.models import renderer
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.folded import convolution
from playmate_jax.models.folded import renderer as folded_renderer
from playmate_jax.models.folded.renderer import fold, source_side
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig, WarpingNetwork
from tests.random_weights import random_params

pytestmark = pytest.mark.usefixtures("little_optimised")
CONFIG = RendererConfig(
    appearance=AppearanceConfig(4, 8, 2, volume_channels=3, volume_depth=5, resblocks=0),
    motion=MotionConfig(depths=(1,), dims=(4,), kernel_size=3),
    warping=WarpingConfig(
        keypoints=4, compressed_channels=2, hourglass_channels=4, hourglass_blocks=2,
        hourglass_max_channels=12, mask_kernel=5, out_channels=6, heat_map_variance=0.05,
    ),
    spade=SpadeConfig(middle_channels=8, middle_blocks=1, up_channels=(6, 4), hidden_channels=5),
    image_size=64,
)  # fmt: skip
FRAMES = 2


@pytest.fixture(scope="module")
def params():
    """float64; norms and running statistics far from rest, and spectral vectors that fit."""
    rng = np.random.default_rng(0)
    filled = flatten_dict(random_params(renderer.shapes(CONFIG), rng))
    for path, value in filled.items():
        noise = rng.standard_normal(value.shape)
        moved = {
            "var": np.exp(0.5 * noise),
            **dict.fromkeys(("scale", "bias", "mean"), value + 0.3 * noise),
        }
        filled[path] = np.asarray(moved.get(path[-1], value), np.float64)
    return unflatten_dict(filled)


@pytest.fixture(scope="module")
def inputs():
    """A volume, and keypoints of the source and of every frame."""
    rng = np.random.default_rng(1)
    volume = rng.standard_normal((1, 5, 16, 16, 3))
    source = 0.4 * rng.standard_normal((1, 4, 3))
    return volume, source, source + 0.2 * rng.standard_normal((FRAMES, 4, 3))


def plainly_drawn(params, volume, kp_source, kp_driving):
    repeat = lambda x: jnp.broadcast_to(x, (FRAMES, *x.shape[1:]))  # noqa: E731
    drawn = jax.jit(renderer.decode_with_warp, static_argnums=0)(
        CONFIG, params, {"volume": repeat(volume)}, repeat(kp_source), kp_driving
    )
    return {name: np.asarray(drawn[name]) for name in ("out", "image")}


@pytest.fixture(scope="module")
def plain(params, inputs):
    """Feature map and image of the plain modules, float64."""
    with jax.enable_x64(True):
        found = plainly_drawn(params, *map(jnp.asarray, inputs))
    assert found["image"].dtype == np.float64 and found["image"].std() > 0.1
    return found


@pytest.fixture(params=["cpu", "gpu"])
def backend(request, monkeypatch):
    """Both sets of formulations; the small mask takes Fourier tiles too."""
    monkeypatch.setattr(convolution, "FOURIER", 16)
    return request.param


def folded_draw(params, inputs, backend, dtype):
    params, inputs = jax.tree.map(lambda x: jnp.asarray(x, dtype), (params, inputs))
    volume, kp_source, kp_driving = inputs
    weights = fold(CONFIG, params, backend)
    source = source_side(CONFIG, weights, {"volume": volume}, kp_source)
    rows = jax.tree.map(lambda x: jnp.repeat(x, FRAMES, 0), source)
    feature = folded_renderer.warped(CONFIG.warping, weights["warping"], rows, kp_driving)
    image = folded_renderer.frames(CONFIG, weights, source, kp_driving)
    assert image.dtype == feature.dtype == dtype
    return np.asarray(feature), np.asarray(image)


def test_folded_is_plain_in_float64(params, inputs, plain, backend):
    with jax.enable_x64(True):
        feature, image = folded_draw(params, inputs, backend, jnp.float64)
    np.testing.assert_allclose(feature, plain["out"], atol=1e-9 * plain["out"].std())
    np.testing.assert_allclose(image, plain["image"], atol=1e-9)


def test_folded_rounds_like_plain_in_float32(params, inputs, plain, backend):
    feature, image = folded_draw(params, inputs, backend, jnp.float32)
    for found, name in ((feature, "out"), (image, "image")):
        wanted = plain[name]
        assert abs(found - wanted).max() <= 1e-4 * wanted.std(), name


def test_all_formulations_are_used_on_a_cpu(params, monkeypatch):
    monkeypatch.setattr(convolution, "FOURIER", 16)
    used = {}
    for backend in ("cpu", "gpu"):
        leaves = jax.tree.leaves(
            fold(CONFIG, params, backend),
            is_leaf=lambda x: isinstance(x, convolution.Convolution),
        )
        used[backend] = {x.form for x in leaves if isinstance(x, convolution.Convolution)}
    assert used["cpu"] == {"direct", "winograd", "winograd_taps", "fourier", "dot"}
    assert used["gpu"] == {"direct"}


def test_source_side_has_a_row_for_every_source(params, inputs):
    volume, kp_source, _ = (jnp.asarray(x, jnp.float32) for x in inputs)
    weights = fold(CONFIG, jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), params), "cpu")
    one = source_side(CONFIG, weights, {"volume": volume}, kp_source)
    two = source_side(
        CONFIG, weights, {"volume": jnp.repeat(volume, 2, 0)}, jnp.repeat(kp_source, 2, 0)
    )
    for name, value in one.items():
        np.testing.assert_array_equal(two[name][1:], value, err_msg=name)
    mask = WarpingNetwork(CONFIG.warping)  # the plain definition has no such part to compare with
    assert mask.config.compressed_channels == one["compressed"].shape[-1]


def test_small_renderers_are_refused(params):
    from tests.models.test_renderer import SMALL

    with pytest.raises(ValueError, match="small renderer"):
        fold(SMALL, params, "cpu")
    assert dataclasses.replace(CONFIG).small is False
