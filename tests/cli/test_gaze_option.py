"""`--gaze`: what is refused."""

import pytest


@pytest.mark.parametrize("gaze", ["1", "2,0", "a,b", "nan,0", "0,nan", "0,0,0"])
def test_what_is_no_gaze_is_refused(no_work, animate, refused, gaze):
    refused(animate(f"--gaze={gaze}"), "X,Y")
