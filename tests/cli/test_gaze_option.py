"""`--gaze`: what it does to the motion, and what is refused."""

import numpy as np
import pytest

from playmate_jax.inference.gaze import gaze_shift
from playmate_jax.inference.motion_files import read_motion
from playmate_jax.motion.layout import EXPRESSION


def test_gaze_is_added_to_the_motion_and_eased_in(tiny, inputs, animate):
    for name, options in (("plain", ()), ("away", ("--gaze=-0.5,0.25",))):
        assert (
            animate(*options, "--save-motion", str(inputs / f"{name}.npz"), out=f"{name}.mp4") == 0
        )
    plain, away = (
        read_motion(inputs / f"{name}.npz").motion for name in ("plain", "away")
    )  # fmt: skip
    added = (away - plain)[:, EXPRESSION]
    goal = gaze_shift("drawn", (-0.5, 0.25))
    share = added @ goal / (goal @ goal)
    np.testing.assert_allclose(added, share[:, None] * goal, atol=1e-4)
    assert abs(share[0]) < 1e-3 and (np.diff(share) > -1e-4).all() and share[-1] > 0.3


@pytest.mark.parametrize("gaze", ["1", "2,0", "a,b", "nan,0", "0,nan", "0,0,0"])
def test_what_is_no_gaze_is_refused(no_work, animate, refused, gaze):
    refused(animate(f"--gaze={gaze}"), "X,Y")
