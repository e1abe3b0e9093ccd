"""Images keep their size; a face can be pointed at where no detector finds one."""

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.media import open_video, write_image
from tests.cli.conftest import FixedFaces


@pytest.fixture
def large(portrait_pixels):
    """A portrait at the right of a wide image of 2400 pixels."""
    image = np.full((1201, 2400, 3), 90, np.uint8)
    image[500:980, 1700:2180] = portrait_pixels.repeat(5, 0).repeat(5, 1)
    return image


BOX = (1844, 644, 192)  # two fifths of the portrait, in its middle


def test_a_large_image_keeps_its_size_and_all_outside_the_face(
    animator, large, speech_samples, tmp_path
):
    animation = animator.animate(large, speech_samples[:1920], face_box=BOX)
    assert animation.size == (2400, 1201)
    left, top, right, bottom = animation.facts["face_box"]
    for frame in animation:
        changed = (frame != large).any(-1)
        assert changed.any()
        changed[top:bottom, left:right] = False
        assert not changed.any()
    video = open_video(animation.write(tmp_path / "o.mp4"))
    assert video.size == (2400, 1202)  # H.264 has even sides: the last row is repeated


def test_frames_that_were_handed_out_are_not_painted_over(animator, large, speech_samples):
    frames = list(animator.animate(large, speech_samples[:1920], face_box=BOX))
    assert len({frame.tobytes() for frame in frames}) == len(frames) == 3


def test_a_face_is_cut_from_all_pixels_of_a_large_image(animator, large, speech_samples):
    """Found on a copy of half the size, which has half of the detail."""
    animator.landmarker = FixedFaces((1940 / 2400, 740 / 1201, 192 / 1201))
    fine = animator.animate(large, speech_samples[:640])
    coarse = animator.animate(large, speech_samples[:640], max_side=1200)
    assert fine.size == (2400, 1201) and coarse.size == (1200, 600)
    boxes = [np.array(a.facts["face_box"]) for a in (fine, coarse)]
    np.testing.assert_allclose(boxes[0] / 2, boxes[1], atol=2)


def test_a_box_is_where_the_face_is(animator, portrait_pixels, speech_samples):
    """The box of the detected face, from brows to chin, gives nearly its crop; nothing is found."""
    found = animator.animate(portrait_pixels, speech_samples[:640])
    x, y, side = 28, 29, 40
    animator.landmarker = None
    boxed = animator.animate(portrait_pixels, speech_samples[:640], face_box=(x, y, side))
    np.testing.assert_allclose(boxed.facts["face_box"], found.facts["face_box"], atol=8)
    assert boxed.facts["faces_found"] == 0


def test_a_box_speaks_of_the_image_before_it_is_reduced(animator, large, speech_samples):
    whole = animator.animate(large, speech_samples[:640], face_box=BOX)
    half = animator.animate(large, speech_samples[:640], face_box=BOX, max_side=1200)
    halves = np.array(whole.facts["face_box"]) / 2
    np.testing.assert_allclose(half.facts["face_box"], halves, atol=2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--face-box", "1,2"], "X,Y,SIZE"),
        (["--face-box", "1,2,x"], "from 1"),
        (["--face-box", "90,0,40"], "within the image of 96x96 pixels"),
        (["--face-box", "0,0,8"], "at least 16 pixels"),
        (["--face-box", "0,0,40", "--face", "2"], "--face-box or --face 2, found both"),
        (["--face-box", "0,0,40", "--no-crop"], "--face-box or --no-crop, found both"),
        (["--max-side", "0"], "from 1"),
    ],
)
def test_a_box_that_means_nothing_is_one_sentence(tiny, animate, refused, options, told):
    refused(animate(*options), told)


@pytest.mark.parametrize("option", [{"face_box": (0, 0, 40)}, {"max_side": 64}])
def test_options_of_images_are_refused_with_a_source_video(
    animator, source_video, speech_samples, option
):
    with pytest.raises(UserError, match="found a source video"):
        animator.animate(source_video, speech_samples, **option)


def test_an_image_larger_than_any_video_is_refused_before_work(animator, tmp_path, speech_samples):
    write_image(tmp_path / "long.png", np.zeros((40, 16_500, 3), np.uint8))
    with pytest.raises(UserError, match="--max-side"):
        animator.animate(tmp_path / "long.png", speech_samples, face_box=(0, 0, 40))
