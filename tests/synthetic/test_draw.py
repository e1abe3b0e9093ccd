"""Synthetic faces: deterministic, different, and moving where and how each unit says."""

import functools

import cv2
import numpy as np
import pytest

from playmate_jax.synthetic import draw as drawing
from playmate_jax.synthetic.draw import draw, draw_with_truth
from playmate_jax.synthetic.expression import KEYPOINT, LOW, UNIT, UNITS, sample_expression
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.keypoints import keypoints, pose_keypoints
from playmate_jax.synthetic.pool import POSE_MEAN, sample_pose

SEED = 11
STILL = POSE_MEAN[None].astype(np.float32)


def _units(**values):
    units = np.zeros((1, len(UNITS)), np.float32)
    for name, value in values.items():
        units[0, UNIT[name]] = value
    return units


@functools.cache
def _bare_faces(count):
    """People without glasses, fringe and beard, whose features nothing covers."""
    people = (sample_identity(SEED, k) for k in range(200))
    bare = lambda p: not (p.glasses or p.fringe or p.beard or p.goatee or p.moustache)  # noqa: E731
    return [person for person in people if bare(person.shape)][:count]


def _image(person, size=128, **values):
    return draw(person, _units(**values), STILL, size)[0].astype(np.int32)


def _pixel(point, size=128):
    return ((np.asarray(point)[:2] + 1) / 2 * size).astype(int)  # col, row


def _box(person, names, margin, size=128):
    """Mask of the box around keypoints at rest, `margin` in head units."""
    x = pose_keypoints(keypoints(person)[None], _units(), STILL)[0]
    points = x[[KEYPOINT[n] for n in names], :2]
    (left, top), (right, bottom) = points.min(0) - 0.72 * margin, points.max(0) + 0.72 * margin
    g = (np.arange(size) + 0.5) / size * 2 - 1
    return np.outer((g > top) & (g < bottom), (g > left) & (g < right))


def test_same_arguments_draw_the_same_image():
    rng = np.random.default_rng(0)
    units, pose = sample_expression(rng, 2), sample_pose(rng, 2)
    first = draw(sample_identity(SEED, 5), units, pose)
    drawing._model.cache_clear(), drawing._paints.cache_clear(), sample_identity.cache_clear()
    np.testing.assert_array_equal(first, draw(sample_identity(SEED, 5), units, pose))
    np.testing.assert_array_equal(first[1:], draw(sample_identity(SEED, 5), units[1:], pose[1:]))
    assert (first != draw(sample_identity(SEED + 1, 5), units, pose)).mean() > 0.5


def test_people_differ_from_each_other():
    faces = np.stack([_image(sample_identity(SEED, k), 64) for k in range(12)]).astype(float)
    apart = np.abs(faces[:, None] - faces[None]).mean((2, 3, 4)) + 99 * np.eye(12)
    assert apart.min() > 12  # grey levels over the whole image; one person's frames: about 5


def test_a_larger_image_shows_the_same():
    person = _bare_faces(1)[0]
    small, large = _image(person, 128), _image(person, 256)
    shrunk = large.reshape(128, 2, 128, 2, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 2.5  # edges are drawn one sample wide: aliasing only


MOUTH = ("mouth_l", "mouth_r", "lip_up_out", "lip_lo_out", "chin")
WHERE = (
    {n: MOUTH for n in ("jaw", "wide", "round", "close", "fv", "smile", "asym", "lip_up", "lip_lo")}
    | {"smile": (*MOUTH, "iris_l", "iris_r")}
    | {"brow_l": ("brow_l", "forehead"), "brow_r": ("brow_r", "forehead")}
    | {"frown": ("brow_l", "brow_r", "bridge"), "brow_tilt": ("brow_l", "brow_r", "forehead")}
    | {"lid_l": ("iris_l",), "lid_r": ("iris_r",)}
    | {"gaze_x": ("iris_l", "iris_r"), "gaze_y": ("iris_l", "iris_r")}
    | {"cheek": ("iris_l", "iris_r", "mouth_l", "mouth_r")}
)


@pytest.mark.parametrize("name", UNITS)
def test_every_unit_moves_its_own_part_of_the_image(name):
    for person in _bare_faces(3):
        rest = _image(person)
        where = _box(person, WHERE[name], 0.27)
        for value in {1.0, float(LOW[UNIT[name]])} - {0.0}:
            change = np.abs(_image(person, **{name: value}) - rest).sum(-1)
            assert (change > 45).sum() >= 12, (name, value)  # a dozen pixels, 15 levels
            assert change[where].sum() > 0.85 * change.sum(), (name, value)


def test_asym_lifts_one_corner():
    person = _bare_faces(1)[0]
    x = [pose_keypoints(keypoints(person)[None], _units(asym=v), STILL)[0] for v in (0, 1)]
    assert x[1][KEYPOINT["mouth_r"], 1] < x[0][KEYPOINT["mouth_r"], 1] - 0.02
    assert x[1][KEYPOINT["mouth_l"], 1] > x[0][KEYPOINT["mouth_l"], 1] + 0.02


def test_lids_close_monotonically():
    for person in _bare_faces(3):
        shut = _image(person, lid_l=1, lid_r=1)
        eyes = _box(person, ("iris_l", "iris_r"), 0.2)
        lids = np.linspace(-0.3, 1, 9)
        open_ = [np.abs(_image(person, lid_l=v, lid_r=v) - shut)[eyes].sum() for v in lids]
        assert (np.diff(open_) < 0).all()


def test_the_jaw_opens_monotonically_and_close_shuts_it():
    for person in _bare_faces(3):
        lips = _box(person, ("mouth_l", "mouth_r", "lip_lo_in"), 0.2)
        dark = [(_image(person, jaw=v).sum(-1)[lips] < 150).sum() for v in np.linspace(0.2, 1, 5)]
        assert (np.diff(dark) > 0).all()
        assert dark[-1] > 40  # pixels of the mouth's inside
        closed = (_image(person, jaw=0.6, close=1).sum(-1)[lips] < 150).sum()
        assert closed <= (_image(person).sum(-1)[lips] < 150).sum() + 3


def test_iris_keypoints_lie_on_irises_wherever_they_look():
    for person in _bare_faces(6):
        for gaze in ((0, 0), (0.7, 0), (-0.7, 0.5), (0.4, -0.6)):
            units = _units(gaze_x=gaze[0], gaze_y=gaze[1], lid_l=-0.2, lid_r=-0.2)
            image = draw(person, units, STILL, 128)[0].sum(-1) / 3
            x = pose_keypoints(keypoints(person)[None], units, STILL)[0]
            for name in ("iris_l", "iris_r"):
                col, row = _pixel(x[KEYPOINT[name]])
                iris = image[row - 1 : row + 2, col - 1 : col + 2].min()
                eye = image[row - 2 : row + 3, col - 8 : col + 9].max()
                assert iris < 70 and iris < 0.5 * eye, (person.index, gaze, name)


def test_lower_lip_keypoints_enclose_the_lower_lip():
    for person in _bare_faces(6):
        units = _units(jaw=0.5)
        image = draw(person, units, STILL, 256)[0].astype(float)
        x = pose_keypoints(keypoints(person)[None], units, STILL)[0]
        lip = _pixel(0.5 * (x[KEYPOINT["lip_lo_in"]] + x[KEYPOINT["lip_lo_out"]]), 256)
        chin = _pixel(0.25 * x[KEYPOINT["lip_lo_out"]] + 0.75 * x[KEYPOINT["chin"]], 256)
        red = [image[r, c, 0] / image[r, c, 1] for c, r in (lip, chin)]
        assert red[0] > 1.08 * red[1]


def test_keypoints_lie_on_the_surface_that_the_image_shows():
    for person in _bare_faces(4):
        truth = draw_with_truth(person, _units(), STILL)
        for name in ("nose_tip", "bridge", "forehead", "mouth_l", "mouth_r", "iris_l", "jaw_r"):
            col, row = _pixel(truth["x"][0, KEYPOINT[name]])
            point = truth["position"][0, row, col].astype(float)
            # half a pixel is 0.011 head units, the sheet's cells are 0.02-0.03 wide
            assert np.linalg.norm(point - truth["x_c"][KEYPOINT[name]]) < 0.06, name


def test_truth_holds_equation_1_and_a_face_of_reasonable_size():
    rng = np.random.default_rng(2)
    units, pose = sample_expression(rng, 3), sample_pose(rng, 3)
    truth = draw_with_truth(sample_identity(SEED, 3), units, pose, 128, 64)
    np.testing.assert_array_equal(truth["image"], draw(sample_identity(SEED, 3), units, pose))
    again = truth["s"][..., None] * (truth["x_c"] @ truth["R"] + truth["delta"])
    again += truth["t"][:, None]
    np.testing.assert_allclose(truth["x"], again, atol=1e-5)  # float32, values below 1
    assert truth["position"].shape == (3, 64, 64, 3) and truth["mask"].shape == (3, 64, 64)
    share = (truth["face"] > 127).mean((1, 2))
    assert ((share > 0.12) & (share < 0.5)).all()
    small = cv2.resize(truth["face"][0], (64, 64), interpolation=cv2.INTER_AREA) > 127
    assert (small == (truth["mask"][0] == 4)).mean() > 0.97
