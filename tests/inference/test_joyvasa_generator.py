"""JoyVASA's generator on random weights of a tiny size; parity is in converters/test_joyvasa.py."""

import dataclasses
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.configuration import to_values
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import save_weights
from playmate_jax.inference import Animator, joyvasa_generator
from playmate_jax.inference.generators import load_generator
from playmate_jax.inference.joyvasa_generator import STATISTICS, moved_portrait, smoothed_pose
from playmate_jax.inference.motion_generator import Request
from playmate_jax.models import joyvasa, wav2vec2
from playmate_jax.models.joyvasa import DenoiserConfig, JoyvasaConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import EXPRESSION, LIP_KEYPOINTS, POSE, unpack
from playmate_jax.motion.windows import WindowConfig
from tests.random_weights import random_params

CONFIG = JoyvasaConfig(
    DenoiserConfig(
        width=16, layers=1, heads=2, mlp_ratio=1, window=WindowConfig(20, 5), indicator=True,
        n_diffusion_steps=8,
    ),
    Wav2Vec2Config(
        channels=(4,) * 7, width=8, layers=1, heads=2, feed_forward=8, position_kernel=4,
        position_groups=2,
    ),
    smoothing=0.5,
)  # fmt: skip
OWN = np.random.default_rng(3).normal(0, 0.1, 70).astype(np.float32)
OWN[63] = 1.1  # scale
REQUEST = Request(np.zeros(63, np.float32), OWN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_weights):
    """Weights of a tiny renderer and of this generator."""
    root, rng = tmp_path_factory.mktemp("joyvasa"), np.random.default_rng(0)
    shutil.copytree(tiny_weights / "renderer", root / "renderer")
    encoder = random_params(wav2vec2.shapes(CONFIG.encoder), rng)
    positions = encoder["params"]["positions"]
    for name, array in positions.items():
        positions[name] = rng.normal(size=array.shape).astype(np.float32)
    motion = random_params(joyvasa.shapes(CONFIG.denoiser, CONFIG.encoder.width), rng)
    for name in ("start_speech", "start_motion", "no_speech"):
        motion["params"][name] = rng.normal(size=motion["params"][name].shape).astype(np.float32)
    statistics = {name: np.zeros(n, np.float32) for name, n in STATISTICS.items()}
    statistics["expression_std"] += 0.01
    statistics["pose_low"] += np.array([0.9, 0, 0, 0, -9, -9, -9], np.float32)
    statistics["pose_high"] += np.array([1.1, 0.1, 0.1, 0, 9, 9, 9], np.float32)
    params = {"encoder": encoder, "motion": motion, "statistics": statistics}
    card = {"name": "random joyvasa", "domain": "drawn"}
    save_weights(root / "generator", {"kind": "joyvasa", **to_values(CONFIG)}, params, card)
    return root


@pytest.fixture(scope="module")
def generator(folder):
    return load_generator(folder / "generator")[0]


def speech(samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def made(generator, audio, **changes):
    return generator(audio, dataclasses.replace(REQUEST, **changes), lambda done, total: None)


@pytest.mark.parametrize("samples", [1, 640, 11_520, 11_521, 30_000])
def test_frames_are_as_many_as_the_speech_is_long(generator, samples):
    motion = made(generator, speech(samples))
    assert motion.shape == (-(-samples // 640), 70) and motion.dtype == np.float32
    assert np.isfinite(motion).all()


def test_the_same_seed_gives_the_same_motion(generator):
    audio = speech(30_000)
    one, two, other = (made(generator, audio, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-3


def test_all_windows_and_all_scales_share_one_program(generator):
    made(generator, speech(9_000))
    before = joyvasa_generator._sample_window._cache_size()
    made(generator, speech(60_000), audio_scale=1.0, seed=5)
    assert joyvasa_generator._sample_window._cache_size() == before


def test_without_guidance_speech_is_not_heard(generator):
    """Scale 0 is the branch without speech; 2.8 is what a request leaves open."""
    one, other = speech(9_000), speech(9_000, seed=1)
    same = [made(generator, audio, audio_scale=0.0) for audio in (one, other)]
    np.testing.assert_array_equal(*same)
    assert np.abs(made(generator, one) - made(generator, other)).max() > 1e-4
    np.testing.assert_array_equal(made(generator, one), made(generator, one, audio_scale=2.8))


@pytest.mark.parametrize("sampler", ["ddim", "dpm++"])
def test_other_samplers_give_other_motion(generator, sampler):
    audio = speech(9_000)
    motion = made(generator, audio, sampler=sampler, steps=4)
    assert np.isfinite(motion).all()
    assert np.abs(motion - made(generator, audio)).max() > 1e-4


def test_what_it_cannot_do_is_told(generator):
    with pytest.raises(UserError, match="no emotion for JoyVASA"):
        made(generator, speech(640), emotion=np.zeros((1, 8), np.float32))
    with pytest.raises(UserError, match="ddpm, ddim, dpm.*found 'euler'"):
        made(generator, speech(640), sampler="euler")


def test_a_head_at_rest_leaves_the_portrait_but_for_its_lips():
    head = np.repeat(np.random.default_rng(1).normal(size=(1, 70)).astype(np.float32), 6, 0)
    head[:, 63] = 1.3
    motion = moved_portrait(head, OWN)
    np.testing.assert_allclose(motion[:, POSE], np.tile(OWN[POSE], (6, 1)), atol=1e-5)
    parts, lips = unpack(motion)["expression"], list(LIP_KEYPOINTS)
    np.testing.assert_array_equal(parts[:, lips], unpack(head)["expression"][:, lips])
    others = np.delete(parts, lips, 1)
    own = np.delete(unpack(OWN[None])["expression"], lips, 1)
    np.testing.assert_allclose(others, np.tile(own, (6, 1, 1)), atol=1e-6)


def test_changes_of_expression_are_added_and_head_motion_has_a_gain():
    head = np.random.default_rng(1).normal(0, 0.1, (6, 70)).astype(np.float32)
    head[:, 63] = np.linspace(1, 1.2, 6)
    still = moved_portrait(head, OWN, head_motion=0.0)
    np.testing.assert_allclose(still[:, POSE], np.tile(OWN[POSE], (6, 1)), atol=1e-6)
    moved = moved_portrait(head, OWN)
    np.testing.assert_allclose(moved[-1, 63], 1.1 * 1.2, rtol=1e-5)  # the ratio of scales
    shift = moved[-1, 64:67] - OWN[64:67]
    np.testing.assert_allclose(shift, head[-1, 64:67] - head[0, 64:67], atol=1e-6)
    brow = slice(0, 3)  # keypoint 0 is no lip
    np.testing.assert_allclose(moved[4, brow] - OWN[brow], head[4, brow] - head[0, brow], atol=1e-6)


def test_smoothing_is_a_running_mean_of_the_pose():
    motion = np.zeros((4, 70), np.float32)
    motion[1:] = 1
    smoothed = smoothed_pose(motion, 0.5)
    np.testing.assert_allclose(smoothed[:, 69], [0, 0.5, 0.75, 0.875])  # by hand
    np.testing.assert_array_equal(smoothed[:, EXPRESSION], motion[:, EXPRESSION])
    np.testing.assert_array_equal(smoothed_pose(motion, None), motion)
    assert motion[1, 69] == 1  # the motion itself is left alone


def test_an_animator_speaks_with_it(folder):
    """Nothing of the pipeline knows which generator it has."""
    animator = Animator.from_weights(folder, batch=4)
    portrait = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    animation = animator.animate(portrait, speech(3_000), crop=False)
    frames = list(animation)
    assert len(frames) == 5 and animation.facts["weights"]["generator"] == "random joyvasa"
    assert animation.facts["sampler"] == "ddpm"  # the generator's own
    with pytest.raises(UserError, match="no emotion"):
        animator.animate(portrait, speech(3_000), crop=False, emotion="happy")


def test_weights_of_another_size_are_refused(folder, tmp_path):
    shutil.copytree(folder / "generator", tmp_path / "g")
    config = tmp_path / "g" / "config.json"
    config.write_text(config.read_text().replace('"mlp_ratio": 1', '"mlp_ratio": 2'))
    with pytest.raises(UserError, match="~ motion/params/denoiser/layer_0/narrow/kernel"):
        load_generator(tmp_path / "g")


def test_a_table_row_or_a_table_of_positions(generator):
    """Both behaviours exist, and differ."""
    denoiser = generator.config.denoiser
    corrected = dataclasses.replace(denoiser, position_row=False)
    inputs = [
        jax.random.normal(jax.random.key(i), shape)
        for i, shape in enumerate([(1, 20, 70), (1, 20, 16), (1, 5, 70), (1, 5, 16)])
    ]
    one, other = (
        jax.jit(joyvasa.Joyvasa(config).apply)(generator._variables, *inputs, jnp.array([3]))
        for config in (denoiser, corrected)
    )
    assert np.abs(one - other).max() > 0.01
