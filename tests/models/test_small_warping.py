"""W with head motion: what it does before it has learnt anything."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.geometry.grid_sample import cell_centres
from playmate_jax.geometry.head_pose import rotation
from playmate_jax.models.initial_noise import initial_key
from playmate_jax.models.small import head_motion
from playmate_jax.models.small.warping import HeadWarpingNetwork
from playmate_jax.models.warping import WarpingConfig

RIGID = (0, 1, 2, 3, 4)
EXPRESSIVE = 5
CONFIG = WarpingConfig(
    keypoints=6,
    compressed_channels=2,
    hourglass_channels=4,
    hourglass_blocks=1,
    hourglass_max_channels=4,
    mask_kernel=1,
    out_channels=5,
    norm="group",
    keypoint_code=3,
    rigid_keypoints=RIGID,
)
SIDE, DEPTH = 16, 2
VOLUME = jnp.asarray(np.random.default_rng(0).normal(size=(1, DEPTH, SIDE, SIDE, 3)), jnp.float32)
# A small head in the middle; the image's rim is far from every keypoint.
DRIVING = np.array(
    [[-0.2, -0.2, 0.1], [0.2, -0.2, 0.0], [0.0, 0.0, -0.2], [-0.2, 0.2, 0.1], [0.25, 0.2, 0.05],
     [0.0, 0.25, -0.1]], np.float32,
)[None]  # fmt: skip
NETWORK = HeadWarpingNetwork(CONFIG)


@pytest.fixture(scope="module")
def variables():
    """As W starts."""
    return jax.jit(NETWORK.init)(initial_key(jax.random.key(1)), VOLUME, DRIVING, DRIVING)


@pytest.fixture(scope="module")
def warp(variables):
    apply = jax.jit(NETWORK.apply)
    return lambda variables, source: apply(variables, VOLUME, jnp.asarray(source), DRIVING)


@pytest.fixture(scope="module")
def unlearnt(variables):
    """The same with its corrections at zero: what the keypoints say alone."""
    params = variables["params"]
    head = jax.tree.map(jnp.zeros_like, params["motion_head"])
    return dict(variables, params=dict(params, motion_head=head))


def cells():
    x, y, z = (np.asarray(cell_centres(n)) for n in (SIDE, SIDE, DEPTH))
    z, y, x = np.meshgrid(z, y, x, indexing="ij")
    return np.stack([x, y, z], -1)


def test_outputs_are_those_of_w_and_the_surface(variables, warp):
    plane = (1, SIDE, SIDE)
    assert {name: value.shape for name, value in warp(variables, DRIVING).items()} == {
        "out": (*plane, 5),
        "deformation": (1, DEPTH, SIDE, SIDE, 3),
        "occlusion_map": (*plane, 1),
        "mask": (*plane, 8),  # still, head, one for each keypoint
        "keypoint_code": (1, 3),
        "picture_flow": (*plane, 2),
        "visibility": (*plane, 1),
        "surface_depth": (*plane, 1),
    }


def test_equal_keypoints_move_nothing(variables, unlearnt, warp):
    out = warp(variables, DRIVING)
    np.testing.assert_allclose(out["deformation"][0], cells(), atol=1e-6)
    # The fresh head adds 0.1 x 0.1 (its gain) of features of about one; a cell is 0.125.
    assert 0 < np.abs(out["picture_flow"]).max() < 0.5 * 2 / SIDE
    np.testing.assert_allclose(warp(unlearnt, DRIVING)["picture_flow"], 0.0, atol=1e-6)


def test_a_turned_head_is_turned_before_any_learning(unlearnt, warp):
    turn = np.asarray(rotation(*jnp.array([4.0, 12.0, 6.0])))
    out = warp(unlearnt, DRIVING @ turn + np.array([0.1, 0.05, 0.0], np.float32))
    moving = 1 - np.asarray(out["mask"])[0, ..., :1]
    at = np.concatenate([cells()[0, ..., :2], np.asarray(out["surface_depth"])[0]], -1)
    exact = (at @ turn + [0.1, 0.05, 0.0] - at)[..., :2]
    face = (moving > 0.85)[..., 0]
    assert face.sum() > 20  # the keypoints' square: 0.45 x 0.4 of cells of 0.125
    # The ridge's 1e-3 beside the least moment of weighted points, about 0.05: 2 %.
    error = np.abs(np.asarray(out["picture_flow"])[0] - moving * exact)
    assert error[face].max() < 0.02 * np.abs(exact[face]).max()
    rim = np.asarray(out["picture_flow"])[0, [0, -1]]
    assert np.abs(rim).max() < 0.02 * np.abs(exact).max()


def test_an_expression_moves_its_own_surroundings_alone(unlearnt, warp):
    smile = DRIVING.copy()
    smile[0, EXPRESSIVE, 1] -= 0.1
    flow = np.asarray(warp(unlearnt, smile)["picture_flow"])[0, ..., 1]
    column, row = ((DRIVING[0, EXPRESSIVE, :2] + 1) / 2 * SIDE).astype(int)
    assert flow[row, column] < -0.03  # the mask's share there is about a half
    at = cells()[0, ..., :2]
    far = np.linalg.norm(at - DRIVING[0, EXPRESSIVE, :2], axis=-1) > 0.4
    assert np.abs(flow[far]).max() < 0.01


def test_the_displacement_of_a_cell_is_the_heads_and_its_keypoints(unlearnt, warp):
    source = DRIVING + np.array([0.1, 0.0, 0.0], np.float32)
    source[0, EXPRESSIVE, 2] += 0.05
    out = {name: np.asarray(value) for name, value in warp(unlearnt, source).items()}
    weights = jnp.where(jnp.isin(jnp.arange(6), jnp.array(RIGID)), 1.0, 0.05)
    affine = head_motion.affine_motion(jnp.asarray(DRIVING), jnp.asarray(source), weights)
    residual = source - DRIVING - head_motion.displacement(affine, jnp.asarray(DRIVING))
    head = np.asarray(head_motion.displacement(affine, jnp.asarray(cells()[None])))
    mask = out["mask"][:, None]
    wanted = (
        cells() + (1 - mask[..., :1]) * head + mask[..., 2:] @ np.asarray(residual)[:, None, None]
    )
    np.testing.assert_allclose(out["deformation"], wanted, atol=1e-5)
