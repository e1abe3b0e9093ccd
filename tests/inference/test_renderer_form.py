"""The folded form draws what the plain one does, and is chosen where it pays."""

import jax
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.inference.renderer_form import WORTH_FOLDING, chosen, per_frame
from playmate_jax.models import renderer
from playmate_jax.models.folded import convolution
from tests.models.test_renderer import PAPER, SMALL
from tests.random_weights import random_params


@pytest.fixture
def drawing():
    """Makes the tiny renderer with stitching, in a form."""
    rng = np.random.default_rng(0)
    more = renderer.retargeting_shapes(PAPER)
    shapes = renderer.shapes(PAPER) | {"stitching": more["stitching"]}
    params = random_params(shapes, rng)
    return lambda form: FaceRenderer(PAPER, params, 2, form)


def test_both_forms_draw_the_same_frames(drawing, monkeypatch):
    # Winograd's formulations have a test of their own and take long to compile
    monkeypatch.setattr(convolution, "WINOGRAD", 1000)
    monkeypatch.setattr(convolution, "WINOGRAD_TAPS", 1000)
    rng = np.random.default_rng(1)
    faces = rng.integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    drawn = []
    for form in ("plain", "folded"):
        made = drawing(form)
        own = made.encode_source(faces[0])
        motion = (own.motion + np.linspace(0, 0.05, 3)[:, None]).astype(np.float32)
        still = np.concatenate(list(made.draw(own, motion)))
        moving = np.concatenate(list(made.draw_each(faces, motion)))
        drawn.append((still, moving))
        assert made.output_size == still.shape[1] and made.decide(3) == form
    for plain, folded in zip(*drawn, strict=True):
        assert folded.shape == plain.shape == (3, 32, 32, 3) and plain.std() > 5
        # rounded to the nearest of 256: 1e-5 apart before that may be one step
        assert np.abs(plain.astype(int) - folded).max() <= 1


def test_short_jobs_and_small_networks_stay_plain(drawing):
    assert drawing("auto").decide(1000) == "plain"  # a tiny network: nothing to be gained
    least = WORTH_FOLDING[jax.default_backend()]
    assert chosen("auto", PAPER, least) == "folded"
    assert chosen("auto", PAPER, 0.9 * least) == "plain"
    assert chosen("plain", PAPER, least) == "plain"
    assert chosen("folded", PAPER, 0) == "folded"
    assert chosen("auto", SMALL, least) == "plain"


def test_eight_frames_of_liveportraits_size_are_worth_folding():
    config = renderer.RendererConfig()
    shapes = renderer.shapes(config)
    assert chosen("auto", config, 8 * per_frame(config, shapes)) == "folded"
    assert chosen("auto", config, 7 * per_frame(config, shapes)) == "plain"


def test_forms_that_do_not_exist_are_refused():
    with pytest.raises(UserError, match="auto, plain, folded as the renderer's form, found 'fast'"):
        chosen("fast", PAPER, 0)
    with pytest.raises(UserError, match="small one"):
        chosen("folded", SMALL, 0)
