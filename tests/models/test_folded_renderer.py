"""W and G folded draw what the plain modules draw, with weights like trained ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.models import renderer
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.folded import convolution
from playmate_jax.models.folded import renderer as folded_renderer
from playmate_jax.models.folded.layers import Layer
from playmate_jax.models.folded.renderer import fold, source_side
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig
from tests.random_weights import random_params

CONFIG = RendererConfig(
    appearance=AppearanceConfig(4, 8, 2, volume_channels=3, volume_depth=5, resblocks=0),
    motion=MotionConfig(depths=(1,), dims=(4,), kernel_size=3),
    warping=WarpingConfig(
        keypoints=4, compressed_channels=2, hourglass_channels=4, hourglass_blocks=2,
        hourglass_max_channels=12, mask_kernel=5, out_channels=6, heat_map_variance=0.05,
    ),
    spade=SpadeConfig(middle_channels=8, middle_blocks=1, up_channels=(6, 4), hidden_channels=5),
    image_size=32,
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
    volume = rng.standard_normal((1, 5, 8, 8, 3))
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


@pytest.fixture(
    params=["gpu", "products", pytest.param("cpu", marks=pytest.mark.slow)]  # minutes to compile
)
def backend(request, monkeypatch):
    """A CPU's formulations at a third of the sides where they pay; without Winograd's (which have a
    test of their own), "products", they compile in seconds. And those of accelerators."""
    monkeypatch.setattr(convolution, "FOURIER", 8)
    monkeypatch.setattr(convolution, "WINOGRAD", 8 if request.param == "cpu" else 1000)
    monkeypatch.setattr(convolution, "WINOGRAD_TAPS", 4 if request.param == "cpu" else 1000)
    monkeypatch.setattr(convolution, "WINOGRAD_DEPTH", 8)
    return "gpu" if request.param == "gpu" else "cpu"


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


@pytest.mark.parametrize(
    "backend", ["gpu", pytest.param("cpu", marks=pytest.mark.slow)], indirect=True
)
def test_folded_rounds_like_plain_in_float32(params, inputs, plain, backend):
    feature, image = folded_draw(params, inputs, backend, jnp.float32)
    for found, name in ((feature, "out"), (image, "image")):
        wanted = plain[name]
        assert abs(found - wanted).max() <= 1e-4 * wanted.std(), name


def test_every_formulation_has_its_place_at_full_size():
    """W's and G's layers by name: what their shapes and sides ask for, no kernel made."""
    layer = lambda *window: Layer(np.zeros((*window, 1, 1)), np.zeros(1))  # noqa: E731
    volume, image, mask = layer(3, 3, 3), layer(3, 3), layer(7, 7, 7)
    downs = [convolution.form_of(volume, side, "cpu") for side in (64, 32, 16, 8, 4)]
    assert downs == ["winograd", *["winograd_taps"] * 3, "dot"]
    ups = [convolution.form_of(volume, side, "cpu", 2) for side in (2, 4, 8, 16, 32)]
    assert ups == ["dot"] * 3 + ["winograd_taps"] * 2
    assert convolution.form_of(mask, 64, "cpu") == "fourier"
    assert {convolution.form_of(image, side, "cpu") for side in (64, 128, 256)} == {"winograd"}


def test_small_renderers_are_refused(params):
    from tests.models.test_renderer import SMALL

    with pytest.raises(ValueError, match="small renderer"):
        fold(SMALL, params, "cpu")
