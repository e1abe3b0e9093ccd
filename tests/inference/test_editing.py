"""A portrait edited by hand: what amounts do to the motion vector, and to what is seen."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.faces.openness import openness
from playmate_jax.faces.search import find_faces
from playmate_jax.inference import Animator
from playmate_jax.inference.editing import AMOUNTS, FACE, Editor, checked_amounts
from playmate_jax.inference.face_renderer import SourceFace
from playmate_jax.inference.scene import Scene
from playmate_jax.motion.layout import EXPRESSION, KEYPOINTS, PITCH, ROLL, SCALE, TRANSLATION, YAW
from playmate_jax.serve.stream_child import BUNDLED_PORTRAIT
from playmate_jax.synthetic.expression import UNIT, units_from_expression
from tests.inference.test_demo_weights import landmarker  # noqa: F401

OWN = np.random.default_rng(0).normal(0, 0.1, 70).astype(np.float32)
OPEN = np.array([0.3, 0.4, 0.1], np.float32)
FACE_OF = SourceFace({}, jnp.zeros((1, KEYPOINTS, 3)), jnp.zeros((1, KEYPOINTS, 3)), OWN)


@pytest.fixture(scope="module")
def demo(landmarker):  # noqa: F811
    animator = Animator.from_weights("demo", batch=1)
    animator.landmarker = landmarker
    return animator


class Drawn(list):
    """A stub that draws nothing and remembers what it was asked for."""

    def __call__(self, motion, openness=None):
        self.append((motion, openness))
        yield np.zeros((4, 4, 3), np.uint8)


def editor(space="drawn", retargets=False):
    drawn = Drawn()
    return Editor(Scene(FACE_OF, OWN, drawn, (4, 4), OPEN), space, retargets, []), drawn


def test_no_amounts_change_nothing():
    for space in ("drawn", "liveportrait", ""):
        found, drawn = editor(space, retargets=True)
        found.draw({})
        found.draw(dict.fromkeys(AMOUNTS, 0))
        for motion, asked in drawn:
            np.testing.assert_array_equal(motion, OWN[None])
            assert asked is None


def test_the_head_moves_from_its_own_pose():
    moved = editor("")[0].motion({"pitch": 3, "yaw": -5, "roll": 7, "x": 0.1, "size": 0.2})
    np.testing.assert_allclose(
        moved[[PITCH, YAW, ROLL]] - OWN[[PITCH, YAW, ROLL]], [3, -5, 7], 1e-5
    )
    np.testing.assert_allclose(moved[TRANSLATION] - OWN[TRANSLATION], [0.1, 0, 0], atol=1e-7)
    np.testing.assert_allclose(moved[SCALE], 1.2 * OWN[SCALE], 1e-6)
    np.testing.assert_array_equal(moved[EXPRESSION], OWN[EXPRESSION])


@pytest.mark.parametrize(
    ("amounts", "units"),
    [
        ({"smile": -0.5}, {"smile": -0.5}),
        ({"eyes": -1}, {"lid_l": 1, "lid_r": 1}),
        ({"eyes": 1}, {"lid_l": -0.3, "lid_r": -0.3}),  # as far as lids go
        ({"lips": 0.7, "gaze_x": 1}, {"jaw": 0.7, "gaze_x": 1}),
    ],
)
def test_amounts_are_units_of_the_synthetic_face_space(amounts, units):
    delta = editor()[0].motion(amounts)[EXPRESSION] - OWN[EXPRESSION]
    expected = np.zeros(len(UNIT), np.float32)
    expected[[UNIT[name] for name in units]] = list(units.values())
    np.testing.assert_allclose(units_from_expression(delta), expected, atol=1e-5)


def test_expressions_of_liveportrait_move_its_keypoints():
    found, _ = editor("liveportrait")

    def delta(**amounts):
        moved = found.motion(amounts)[EXPRESSION] - OWN[EXPRESSION]
        return moved.reshape(KEYPOINTS, 3)

    # a full smile and a full look to the right of its sliders: 1.3 x -0.02, 30 x 0.0007
    np.testing.assert_allclose(delta(smile=1)[14, 1], -0.026, 1e-4)
    np.testing.assert_allclose(delta(gaze_x=1)[11, 0], 0.021, 1e-4)
    np.testing.assert_allclose(delta(gaze_x=-1)[11, 0], -0.03, 1e-4)
    np.testing.assert_allclose(delta(gaze_y=-0.5), -delta(gaze_y=0.5), atol=1e-7)
    np.testing.assert_allclose(delta(brows=0.5), delta(brows=1) / 2, atol=1e-7)


def test_eyes_and_lips_are_opened_by_the_retargeters():
    found, drawn = editor("liveportrait", retargets=True)
    found.draw({"eyes": -1})
    found.draw({"eyes": 0.5, "lips": 1})
    (first, shut), (_, wide) = drawn
    np.testing.assert_array_equal(first, OWN[None])
    assert shut.wanted[0, 0] == 0 and math.isnan(shut.wanted[0, 1])
    np.testing.assert_allclose(wide.wanted, [[0.35 + 0.5 * 0.35, 0.1 + 0.6]], 1e-5)


@pytest.mark.parametrize(
    ("amounts", "says"),
    [
        ({"smlie": 1}, "did you mean 'smile'"),
        ({"yaw": 90}, "expected yaw from -25 to 25, found 90"),
        ({"wink": -0.1}, "expected wink from 0 to 1"),
        ({"eyes": math.nan}, "found nan"),
        ({"eyes": "1"}, "found '1'"),
        ({"eyes": None}, "found None"),
    ],
)
def test_amounts_are_checked(amounts, says):
    with pytest.raises(UserError) as error:
        checked_amounts(amounts)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_other_face_spaces_have_no_named_expressions():
    for name in FACE:
        with pytest.raises(UserError, match=f"for '{name}', found some without"):
            editor("")[0].draw({name: 0.5})


def test_the_demo_closes_eyes_and_opens_lips(demo):
    found = demo.editor(BUNDLED_PORTRAIT)

    def seen(**amounts):
        image = found.draw(amounts)
        return openness(find_faces(image.copy(), demo.landmarker)[0].landmarks)

    rest = seen()
    assert seen(eyes=-1)[:2].mean() < 0.6 * rest[:2].mean()
    assert seen(lips=1)[2] > rest[2] + 0.2


def test_a_video_is_not_edited(demo, shared):
    videos = sorted((shared / "data").rglob("*.mp4"))
    if not videos:
        pytest.skip("no recordings are there")
    with pytest.raises(UserError, match="expected an image to edit, found a video"):
        demo.editor(videos[0])
