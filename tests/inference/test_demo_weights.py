"""The weights and the inputs that ship with the package."""

import dataclasses
from pathlib import Path

import cv2
import jax
import numpy as np
import pytest

from playmate_jax.cli.animate import OTHERS, PORTRAIT, SPEECH
from playmate_jax.errors import UserError
from playmate_jax.faces import TfliteLandmarker
from playmate_jax.hub import bundles
from playmate_jax.inference import Animator
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.media import read_audio, read_image
from playmate_jax.models.renderer import init
from playmate_jax.motion.layout import EXPRESSION
from playmate_jax.synthetic.expression import mouth_openness, units_from_expression
from tests.models.test_renderer import SMALL

SHARE_OF_SILENCE_CLOSED = 0.98  # what the project promises of its lips
CLOSED = 0.12  # of the full opening; the same bound as in the evaluation of the lips


@pytest.fixture(scope="module")
def landmarker():
    try:
        return TfliteLandmarker()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def demo(landmarker):
    if "demo" not in bundles.shipped_names():
        pytest.skip("no demo weights are in this checkout")
    animator = Animator.from_weights("demo")
    animator.landmarker = landmarker
    return animator


@pytest.fixture(scope="module")
def spoken(demo):
    return demo.animate(PORTRAIT, SPEECH)


def _openness(motion):
    return mouth_openness(units_from_expression(motion[:, EXPRESSION]))


def test_the_bundled_inputs_are_small_and_made_by_our_own_tools():
    from playmate_jax.synthetic.demo_inputs import HEIGHT, PORTRAITS, WIDTH

    files = {path.name: path for path in (PORTRAIT, *OTHERS.values())}
    assert sum(path.stat().st_size for path in [*files.values(), SPEECH]) < 600_000
    assert len(read_audio(SPEECH)) == 5 * 16_000
    assert files.keys() == PORTRAITS.keys()
    for name, draw in PORTRAITS.items():
        drawn = draw()
        assert drawn.shape == (HEIGHT, WIDTH, 3)
        # the renderer may be refined later without the images being drawn again
        assert np.abs(read_image(files[name]).astype(int) - drawn).mean() < 3


@pytest.mark.parametrize("path", [PORTRAIT, *OTHERS.values()], ids=lambda path: path.stem)
def test_one_face_is_found_in_the_bundled_portraits(landmarker, path):
    assert len(landmarker.detect(read_image(path))) == 1


def test_the_shipped_weights_are_at_most_15_megabytes(demo):
    files = (Path(bundles.SHIPPED) / "demo").rglob("*")
    assert sum(path.stat().st_size for path in files if path.is_file()) <= 15e6


def test_cards_tell_what_the_weights_are(demo):
    for card in demo.cards.values():
        assert card["name"] == "demo" and card["domain"] == "drawn"


def test_speech_moves_the_lips(spoken):
    openness = _openness(spoken.motion)
    assert openness.max() > 0.3 and openness.std() > 0.05


def test_in_silence_the_mouth_is_closed(demo):
    animation = demo.animate(PORTRAIT, np.zeros(3 * 16_000, np.float32))
    assert (_openness(animation.motion) < CLOSED).mean() >= SHARE_OF_SILENCE_CLOSED


def test_drawn_frames_are_a_face_that_moves(spoken):
    """Something changes around the mouth, nothing outside the crop."""
    left, top, right, bottom = spoken.facts["face_box"]
    image = read_image(PORTRAIT)
    spoken.motion = spoken.motion[::12]
    frames = np.stack(list(spoken)).astype(int)
    outside = np.ones(image.shape[:2], bool)
    outside[max(top, 0) : bottom, max(left, 0) : right] = False
    assert np.abs(frames - image)[:, outside].max() == 0
    x, y = (left + right) // 2, top + int(0.62 * (bottom - top))
    assert frames[:, y - 20 : y + 20, x - 25 : x + 25].std(0).mean() > 3


def test_an_animated_face_keeps_the_portraits_own_detail(demo):
    animation = demo.animate(PORTRAIT, SPEECH, paste=False)
    assert animation.size == (512, 512)
    renderer, own = demo.renderer, animation.source_face
    features = {name: value for name, value in own.features.items() if name != "detail"}
    plain = dataclasses.replace(own, features=features)  # what G draws alone
    energy = []
    for source in (own, plain):
        (faces,) = renderer.draw(source, own.motion[None])
        image = cv2.resize(faces[0], (512, 512), interpolation=cv2.INTER_CUBIC).astype(float)
        energy.append(np.square(np.diff(image, axis=1)).mean())
    assert energy[0] > 1.5 * energy[1]


@pytest.mark.parametrize(("image_size", "wanted"), [(96, 480), (32, 512)])
def test_detail_is_carried_at_a_multiple_of_what_the_networks_take(image_size, wanted):
    config = dataclasses.replace(SMALL, image_size=image_size)
    made = FaceRenderer(config, init(config, jax.random.key(0)), batch=2)
    assert made.source_size == made.output_size == wanted
