"""The demo renderer's faces of 512 x 512: sharper than its networks draw, from one program."""

import cv2
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.hub import bundles
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.models.resampling import mean_pool
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.pool import sample_frames


@pytest.fixture(scope="module")
def renderer():
    if "demo" not in bundles.shipped_names():
        pytest.skip("no demo weights are in this checkout")
    folder = bundles.find_parts("demo")["renderer"]
    config, params, _ = load_weights(folder)
    return FaceRenderer.from_weights(config, params, str(folder), batch=2)


@pytest.fixture(scope="module")
def person():
    """Two frames of a person, of 512 x 512."""
    units, pose = sample_frames(31, 5, 2)
    return draw(sample_identity(31, 5), units, pose, 512)


def gradient_energy(images):
    values = images.astype(np.float32) / 255
    return sum(np.square(np.diff(values, axis=axis)).mean() for axis in (-2, -3))


def small(face):
    return np.rint(mean_pool(jnp.asarray(face, jnp.float32), 4)).astype(np.uint8)


def test_a_drawn_person_is_sharper_than_g_alone(renderer, person):
    motion = renderer.motion_of(np.stack([small(face) for face in person]))
    sharp, plain = (
        np.concatenate(list(renderer.draw(renderer.encode_source(face), motion)))
        for face in (person[0], small(person[0]))
    )
    assert sharp.shape == (2, 512, 512, 3) and plain.shape == (2, 128, 128, 3)
    for n in range(2):
        enlarged = cv2.resize(plain[n], (512, 512), interpolation=cv2.INTER_CUBIC)
        assert gradient_energy(sharp[n]) > 1.5 * gradient_energy(enlarged)
    # its own pose: what it shows is the source's, but for eyes and lips
    assert gradient_energy(sharp[0]) > 0.6 * gradient_energy(person[0])


def test_a_batch_is_its_frames_from_one_program(renderer, person):
    source = renderer.encode_source(person[0])
    motion = np.repeat(source.motion[None], 2, 0)
    motion[1, 0] += 0.02
    together = np.concatenate(list(renderer.draw(source, motion)))
    compiled = renderer._draw._cache_size()
    for n in range(2):
        (alone,) = renderer.draw(source, motion[n : n + 1])
        assert np.abs(alone[0].astype(int) - together[n]).max() <= 1
    assert renderer._draw._cache_size() == compiled
