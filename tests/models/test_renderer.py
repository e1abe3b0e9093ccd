"""The renderer at a small size, of both kinds: laws of its parts, and which networks are built."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from playmate_jax.errors import UserError
from playmate_jax.models import renderer, sparse_motion
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.conv3d import conv3d_by_depth_taps
from playmate_jax.models.depthwise import depthwise_conv2d
from playmate_jax.models.initial_noise import initial_key
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.resampling import pixel_shuffle, pixel_unshuffle
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.spectral import SpectralConv2d
from playmate_jax.models.stitching import KeypointMLP, KeypointMLPConfig, stitch
from playmate_jax.models.warping import WarpingConfig

PAPER = RendererConfig(
    appearance=AppearanceConfig(8, 16, 2, volume_channels=4, volume_depth=4, resblocks=1),
    motion=MotionConfig(depths=(1, 1), dims=(8, 16), kernel_size=3),
    warping=WarpingConfig(
        compressed_channels=2,
        hourglass_channels=4,
        hourglass_blocks=1,
        hourglass_max_channels=8,
        mask_kernel=3,
        out_channels=16,
    ),
    spade=SpadeConfig(middle_channels=16, middle_blocks=0, up_channels=(8,), hidden_channels=8),
    image_size=32,
)
SMALL = RendererConfig(
    appearance=AppearanceConfig(8, 8, 0, 4, 2, resblocks=0, norm="group", patch=4),
    motion=MotionConfig(
        trunk="plain", depths=(1, 2), dims=(8, 12), patch=2, pool="flatten", flat_channels=4
    ),
    warping=WarpingConfig(
        compressed_channels=2, hourglass_channels=8, hourglass_blocks=1, hourglass_max_channels=8,
        mask_kernel=3, out_channels=12, norm="group", keypoint_code=4, rigid_keypoints=(0, 4, 5, 7),
    ),
    spade=SpadeConfig(
        middle_channels=12, middle_blocks=1, up_channels=(8,), hidden_channels=8,
        spectral_norm=False, picture_skip=True, shared_modulation=True, drawn_keypoints=(6, 12),
    ),
    image_size=32,
)  # fmt: skip
BOTH = pytest.mark.parametrize("config", [PAPER, SMALL], ids=["paper", "small"])


def noise(seed: int, *shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def draw(config: RendererConfig, params, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """An image decoded at made-up keypoints, and one number that depends on all of M's outputs."""
    source, driving = 0.3 * noise(1, 2, 21, 3), 0.3 * noise(2, 2, 21, 3)
    motion = renderer.extract_motion(config, params, image)
    features = renderer.encode(config, params, image)
    drawn = renderer.decode(config, params, features, source, driving)
    return drawn, sum(jnp.sum(jnp.sin(value)) for value in motion.values())


@BOTH
def test_every_kind_of_renderer_draws_an_image(config):
    params = renderer.init(config, jax.random.key(0))
    image = jax.nn.sigmoid(noise(0, 2, 32, 32, 3))
    drawn, _ = jax.jit(lambda p: draw(config, p, image))(params)
    assert drawn.shape == (2, 32, 32, 3)
    assert float(drawn.min()) >= 0.0 and float(drawn.max()) <= 1.0


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("appearance", {"norm": "group"}), ("motion", {"trunk": "plain"}),
        ("warping", {"keypoint_code": 4}), ("warping", {"picture_flow": True}),
        ("spade", {"spectral_norm": False}), ("spade", {"picture_skip": True}),
    ],
)  # fmt: skip
def test_a_configuration_between_the_two_kinds_is_refused(part, change):
    mixed = dataclasses.replace(getattr(PAPER, part), **change)
    name, value = next(iter(change.items()))
    with pytest.raises(UserError, match=rf"LivePortrait's networks, found {part}.{name} {value!r}"):
        dataclasses.replace(PAPER, **{part: mixed})


def test_a_small_renderer_has_small_networks_in_all_parts():
    homes = {type(x).__module__ for x in renderer.networks(SMALL)}
    files = ("appearance", "motion_extractor", "warping", "spade")
    assert homes == {f"playmate_jax.models.small.{file}" for file in files}
    with pytest.raises(UserError, match=r"a small renderer, found motion\.trunk 'convnext'"):
        dataclasses.replace(SMALL, motion=MotionConfig(pool="flatten"))


def test_either_motion_extractor_goes_with_liveportraits_networks():
    config = dataclasses.replace(PAPER, motion=SMALL.motion)
    modules = renderer.networks(config)
    assert type(modules.motion) is type(renderer.networks(SMALL).motion)
    assert type(modules.warping) is type(renderer.networks(PAPER).warping)
    with pytest.raises(UserError, match=r"motion\.trunk 'convnext' with motion\.pool 'flatten'"):
        dataclasses.replace(PAPER, motion=MotionConfig(pool="flatten"))


def test_fresh_weights_follow_the_initialisers_of_their_modules():
    params = renderer.init(PAPER, jax.random.key(0))
    leaves = flatten_dict(params, sep="/")
    for path, start in {
        "spade/params/first/kernel": 1.0,
        "warping/params/mask/kernel": 0.5,
        "spade/params/up_0/norm_0/gamma/kernel": 0.3,
        "appearance/params/second/kernel": 1.0,
    }.items():
        kernel = np.asarray(leaves[path])
        fan_in = kernel.size // kernel.shape[-1]
        # at least 500 numbers: the spread of their standard deviation is 3 %
        np.testing.assert_allclose(kernel.std() * np.sqrt(fan_in), start, rtol=0.12, err_msg=path)
    for name in ("u", "v"):
        vector = leaves[f"spade/spectral/up_0/conv_0/{name}"]
        np.testing.assert_allclose(jnp.linalg.norm(vector), 1.0, rtol=1e-5)


def test_initial_noise_is_normal_and_follows_the_key():
    key = initial_key(jax.random.key(3))
    drawn = np.asarray(jax.random.normal(key, (100_000,)))
    # one standard error of 100 000 numbers: mean 0.003, deviation 0.002, fourth moment 0.03
    assert abs(drawn.mean()) < 0.01 and abs(drawn.std() - 1) < 0.01
    assert abs((drawn**4).mean() - 3) < 0.1
    first, second = (np.asarray(jax.random.normal(k, (100_000,))) for k in jax.random.split(key))
    for other in (first, second, np.roll(drawn, 1)):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.015
    np.testing.assert_array_equal(drawn, jax.random.normal(key, (100_000,)))


@BOTH
def test_every_parameter_is_read(config):
    tree = renderer.shapes(config)
    image = jnp.zeros((2, 32, 32, 3))
    program = jax.make_jaxpr(lambda params: draw(config, params, image))(tree).jaxpr
    read = {id(value) for equation in program.eqns for value in equation.invars}
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    assert [path for path, leaf in zip(paths, program.invars) if id(leaf) not in read] == []


@pytest.mark.slow  # a minute of compilation
def test_gradients_of_small_renderers_are_finite_and_not_zero():
    params = renderer.init(SMALL, jax.random.key(0))
    image = jax.nn.sigmoid(noise(0, 2, 32, 32, 3))

    def loss(params):
        drawn, read = draw(SMALL, params, image)
        return jnp.mean(jnp.square(drawn - 0.3)) + read

    for path, gradient in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params)):
        name = jax.tree_util.keystr(path)
        assert np.isfinite(gradient).all() and np.any(gradient != 0), name


def test_equal_keypoints_leave_the_volume_in_place():
    config = PAPER
    params = renderer.init(config, jax.random.key(0))
    points = 0.3 * noise(1, 1, 21, 3)
    volume = jnp.abs(noise(2, 1, 4, 8, 8, 4))
    apply = jax.jit(renderer.WarpingNetwork(config.warping).apply)
    outputs = apply(params["warping"], volume, points, points)
    identity = sparse_motion.identity_grid(*volume.shape[1:4])
    np.testing.assert_allclose(outputs["deformation"][0], identity, atol=1e-6)
    np.testing.assert_allclose(outputs["mask"].sum(-1), 1.0, atol=1e-5)


def test_separable_sampling_is_sampling_of_the_shifted_grid():
    from playmate_jax.geometry.grid_sample import grid_sample_3d

    volume, source, driving = noise(0, 2, 3, 4, 5, 2), 0.3 * noise(1, 2, 5, 3), noise(2, 2, 5, 3)
    places = sparse_motion.candidate_coordinates(source, driving, (3, 4, 5))
    ours = sparse_motion.moved_volumes(volume, places)
    shifts = sparse_motion.candidate_shifts(source, driving)
    grid = sparse_motion.identity_grid(3, 4, 5)
    for m in range(6):
        moved = grid[None] + shifts[:, None, None, None, m]
        expected = jax.jit(grid_sample_3d)(volume, moved)
        np.testing.assert_allclose(ours[..., m, :], expected, atol=1e-5)


def test_heat_maps_are_gaussians_of_the_distance():
    points = 0.5 * noise(0, 2, 3, 3)
    ours = sparse_motion.heat_maps(points, (3, 4, 5), 0.1)
    grid = sparse_motion.identity_grid(3, 4, 5)
    squared = jnp.sum((grid[None, ..., None, :] - points[:, None, None, None]) ** 2, axis=-1)
    np.testing.assert_allclose(ours, jnp.exp(-squared / 0.2), atol=1e-6)


def test_depth_taps_are_a_3d_convolution():
    x, kernel = noise(0, 2, 5, 6, 7, 3), noise(1, 3, 3, 3, 3, 4)
    expected = jax.lax.conv_general_dilated(
        x, kernel, (1, 1, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
    )
    np.testing.assert_allclose(conv3d_by_depth_taps(x, kernel), expected, atol=1e-4)


def test_depthwise_convolution_and_its_gradients_are_xlas():
    x, kernel, cotangent = noise(0, 2, 6, 7, 4), noise(1, 5, 5, 4), noise(2, 2, 6, 7, 4)

    def grouped(x, kernel):
        return jax.lax.conv_general_dilated(
            x,
            kernel[:, :, None],
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=4,
        )

    ours, our_pull_back = jax.vjp(depthwise_conv2d, x, kernel)
    expected, pull_back = jax.vjp(grouped, x, kernel)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
    for a, b in zip(our_pull_back(cotangent), pull_back(cotangent)):
        np.testing.assert_allclose(a, b, atol=1e-3)  # sums of 84 products of order one


def test_training_calls_find_the_largest_singular_value():
    module = SpectralConv2d(5)
    x = noise(0, 1, 4, 4, 3)
    variables = jax.jit(module.init)(jax.random.key(0), x)
    step = jax.jit(lambda v: module.apply(v, x, True, mutable=["spectral"])[1])
    for _ in range(60):
        variables = {**variables, **step(variables)}
    kernel = np.asarray(variables["params"]["kernel"])
    sigma = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
    ours = np.asarray(module.apply(variables, x))
    expected = nn.Conv(5, (3, 3)).apply(
        {"params": {"kernel": kernel / sigma, "bias": np.zeros(5, np.float32)}}, x
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4)


def test_pixel_shuffle_is_pytorchs_and_invertible():
    x = jnp.arange(16.0).reshape(1, 1, 2, 8)
    # torch: out[c, 2 h + i, 2 w + j] = in[4 c + 2 i + j, h, w]; here h = 0, w = 1, c = 1.
    assert float(pixel_shuffle(x, 2)[0, 1, 2, 1]) == float(x[0, 0, 1, 4 + 2])
    np.testing.assert_array_equal(pixel_unshuffle(pixel_shuffle(x, 2), 2), x)


def test_fresh_stitching_moves_nothing():
    config = KeypointMLPConfig(126, (8,), 65)
    variables = KeypointMLP(config).init(jax.random.key(0), jnp.zeros((1, 126)))
    source, driving = noise(0, 2, 21, 3), noise(1, 2, 21, 3)
    np.testing.assert_array_equal(stitch(config, variables, source, driving), driving)


def test_stitching_shifts_in_the_plane_only():
    config = KeypointMLPConfig(126, (), 65)
    variables = {"params": {"layer_0": {"kernel": jnp.zeros((126, 65)), "bias": jnp.arange(65.0)}}}
    moved = stitch(config, variables, jnp.zeros((1, 21, 3)), jnp.zeros((1, 21, 3)))
    expected = np.arange(63.0).reshape(21, 3) + [63.0, 64.0, 0.0]
    np.testing.assert_allclose(moved[0], expected)
