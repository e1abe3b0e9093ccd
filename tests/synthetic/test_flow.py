"""The flow between two frames of one person is what the images show."""

import cv2
import numpy as np

from playmate_jax.synthetic.deform import displace
from playmate_jax.synthetic.draw import draw_with_truth
from playmate_jax.synthetic.expression import KEYPOINT, UNIT, UNITS
from playmate_jax.synthetic.flow import depth_map, rigid_flow, surface_flow, visible
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.keypoints import keypoints, rotation

SEED = 11
REST = np.zeros((2, len(UNITS)), np.float32)


def _warp(image, flow):
    size = image.shape[0]
    at = ((flow[..., :2] + 1) / 2 * size - 0.5).astype(np.float32)
    return cv2.remap(image, at[..., 0], at[..., 1], cv2.INTER_LINEAR).astype(float)


def _pair(person, source, driving, units=REST):
    truth = draw_with_truth(person, units, np.array([source, driving], np.float32))
    position = truth["position"].astype(np.float32)
    own = rigid_flow(displace(position[0], units[0], person.shape), np.asarray(source))
    seen = visible(
        surface_flow(person, position[1], units[0], np.asarray(source)),
        depth_map(own, truth["mask"][0]),
    )
    return truth, position, seen & (truth["mask"][1] == 4)


def _details(image):
    """Features without shading: the light stays with the camera while the head turns."""
    return image - cv2.GaussianBlur(image.astype(float), None, 3)


def test_rigid_flow_warps_the_source_onto_a_turned_head():
    for index in (0, 1, 4, 6):
        source, driving = (2, -8, 3, 0.72, 0.02, 0.01), (-4, 9, -4, 0.73, -0.03, 0.02)
        truth, position, seen = _pair(sample_identity(SEED, index), source, driving)
        warped = _warp(truth["image"][0], rigid_flow(position[1], np.array(source)))
        warped = np.where(seen[..., None], warped, truth["image"][1])  # no edges in the details
        inside = cv2.erode(seen.astype(np.uint8), np.ones((5, 5))) > 0
        wanted = _details(truth["image"][1])
        error = np.abs(_details(warped) - wanted)[inside].mean()
        copied = np.abs(_details(truth["image"][0]) - wanted)[inside].mean()
        assert error < 0.5 * copied and error < 6  # what remains is one resampling


def test_most_but_not_all_of_a_turned_face_was_visible_before():
    source, driving = (0, -20, 0, 0.72, 0, 0), (0, 20, 0, 0.72, 0, 0)
    truth, _, seen = _pair(sample_identity(SEED, 0), source, driving)
    share = seen.sum() / (truth["mask"][1] == 4).sum()
    assert 0.4 < share < 0.9
    _, _, same = _pair(sample_identity(SEED, 0), driving, driving)
    assert same.sum() > 0.99 * (truth["mask"][1] == 4).sum()


def test_surface_flow_follows_the_chin_and_rigid_flow_does_not():
    person, pose = sample_identity(SEED, 2), np.array([0, 0, 0, 0.72, 0, 0.0])
    chin = keypoints(person)[KEYPOINT["chin"]]
    units = np.zeros(len(UNITS), np.float32)
    units[UNIT["jaw"]] = 1
    moved = surface_flow(person, chin, units, pose) - rigid_flow(chin, pose)
    np.testing.assert_allclose(moved[1], 0.72 * 0.16, rtol=0.05)  # as the chin's keypoint moves


def test_rotation_is_orthonormal_and_turns_the_nose_as_named():
    turn = rotation(*np.random.default_rng(0).normal(0, 10, (3, 5)))
    eye = np.tile(np.eye(3), (5, 1, 1))
    np.testing.assert_allclose(turn @ np.swapaxes(turn, -1, -2), eye, atol=1e-12)
    nose = np.array([0, 0, -1.0])
    rolled = np.array([0, -1.0, 0]) @ rotation(0, 0, 10)
    assert (nose @ rotation(10, 0, 0))[1] > 0.1  # pitch > 0 looks down
    assert (nose @ rotation(0, 10, 0))[0] < -0.1  # yaw > 0 looks to the image's left
    assert rolled[0] > 0.1  # roll > 0 leans to the image's right
