"""Gaze: what it adds to the motion, how fast it moves in a stream, and what is taken back."""

from unittest.mock import Mock

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference.gaze import GAZE_A_FRAME, GazeRamp, checked_gaze, gaze_shift
from playmate_jax.inference.portrait_stream import PortraitStream
from playmate_jax.inference.scene import Scene
from playmate_jax.motion.layout import EXPRESSION
from playmate_jax.synthetic.expression import UNIT, units_from_expression
from tests.plain_streams import SIZE, _draw, _Motion

SCENE = Mock(spec=Scene, size=SIZE, notices=(), draw=_draw)


def units_of(motion):
    """(t, 2): the synthetic faces' own numbers of gaze."""
    units = units_from_expression(np.asarray(motion)[..., EXPRESSION])
    return np.asarray(units)[..., [UNIT["gaze_x"], UNIT["gaze_y"]]]


def stream(gaze=None, hop=4):
    motion = _Motion(hop, 2)
    motion.next = lambda *_: np.zeros((hop, 70), np.float32)
    return PortraitStream(SCENE, motion, gaze=GazeRamp("drawn", gaze))


def test_in_the_demos_space_it_is_its_two_units_and_nothing_else():
    units = np.asarray(units_from_expression(gaze_shift("drawn", (0.5, -0.25))))
    expected = np.zeros_like(units)
    expected[UNIT["gaze_x"]], expected[UNIT["gaze_y"]] = 0.5, -0.25
    np.testing.assert_allclose(units, expected, atol=1e-5)


def test_in_liveportraits_space_it_is_its_pages_displacement():
    shift = gaze_shift("liveportrait", (1.0, 1.0)).reshape(21, 3)
    expected = {11: (0.021, 0.02), 15: (0.03, 0.02), 13: (0.0, 0.006), 16: (0.0, 0.006)}
    for keypoint in range(21):
        np.testing.assert_allclose(shift[keypoint, :2], expected.get(keypoint, (0, 0)), atol=1e-7)
    assert not gaze_shift("liveportrait", (0.0, 0.0)).any()


@pytest.mark.parametrize("gaze", [(2, 0), (0, float("nan")), "left", (1,), None, 1.0, (0, "x")])
def test_what_is_no_gaze_is_refused(gaze):
    with pytest.raises(UserError, match="expected a gaze"):
        checked_gaze(gaze)


def test_weights_without_named_expressions_are_told():
    with pytest.raises(UserError, match="expected weights with named expressions"):
        GazeRamp("", (0.5, 0))
    with pytest.raises(UserError, match="expected weights with named expressions"):
        PortraitStream(SCENE, _Motion(4, 2)).change(gaze=(0.5, 0))


def test_in_a_stream_it_moves_by_so_much_a_frame_and_stays():
    live = stream()
    live.make(idle=True)
    live.change(gaze=(0.6, -1.0))
    for _ in range(3):
        live.make(idle=True)
    found = units_of([live.take().motion for _ in range(16)])
    steps = np.abs(np.diff(found, axis=0)).max()
    assert not found[:4].any() and steps <= GAZE_A_FRAME + 1e-5
    np.testing.assert_allclose(found[8:], np.tile([0.6, -1.0], (8, 1)), atol=1e-5)
    live.change(gaze=(0, 0))
    for _ in range(2):
        live.make(idle=True)
    found = units_of([live.take().motion for _ in range(8)])
    assert found[0, 1] < 0 and not found[-1].round(5).any()


def test_an_interruption_takes_back_the_gaze_of_frames_that_were_not_shown():
    live = stream((1.0, 0.0))
    live.make(idle=True)
    shown = units_of([live.take().motion for _ in range(2)])
    live.interrupt()  # the other two were not shown
    live.make(idle=True)
    after = units_of([live.take().motion for _ in range(4)])
    np.testing.assert_allclose(shown[:, 0], [0.25, 0.5], atol=1e-5)
    np.testing.assert_allclose(after[:, 0], [0.75, 1.0, 1.0, 1.0], atol=1e-5)
