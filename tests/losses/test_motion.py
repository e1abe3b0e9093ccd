"""Conditions while training, and the loss as sums and counts that do not depend on the division of
its batch."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.diffusion.schedule import linear_schedule
from playmate_jax.losses import motion
from playmate_jax.losses.motion import LossConfig, motion_loss
from playmate_jax.losses.motion_draws import draws as plain_draws
from playmate_jax.losses.readouts import Readout
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig, init_generator
from playmate_jax.models.motion_model import output as plain_output
from playmate_jax.motion.layout import EXPRESSION, POSE
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.parallel.share import ALONE, Mean, Share

B = 2000
BARS = linear_schedule().alphas_bar
WINDOW = WindowConfig(8, 2)
MODEL = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=4, width=16, condition_width=8, layers=1, heads=2, feed_forward=16,
        kernel_size=3, dropout=0.0, prediction="x0", window=WINDOW,
    )
)  # fmt: skip
LOSS = LossConfig(
    pose_weight=2.0, velocity_weight=1.0, pose_velocity_weight=3.0, readout_weight=0.5,
    event_weight=2.0, snr_limit=4.0,
)  # fmt: skip
SHORT = WindowConfig(1, 2)
READOUT = Readout(
    matrix=np.random.default_rng(0).standard_normal((63, 3)).astype(np.float32),
    event=np.eye(63, dtype=np.float32)[0],
    event_at_rest=0.1,
)


# Op by op, everything would be compiled op by op.
conditions = jax.jit(motion.conditions, static_argnums=0)
draws = jax.jit(plain_draws, static_argnums=(1, 2))
output = jax.jit(plain_output, static_argnums=0)


def row_keys(n: int, seed: int = 0):
    return ALONE.row_keys(jax.random.key(seed), n)


def drawn(n: int = B, window: WindowConfig = SHORT):
    return draws(row_keys(n), len(BARS), window)


def batch():
    return {
        "motion": jnp.zeros((B, 1, 70)),
        "previous_motion": jnp.ones((B, 2, 70)),
        "speech": jnp.ones((B, 3, 4)),
        "identity": jnp.ones((B, 63)),
        "emotion": jnp.ones((B, 3, 8)),
        "has_previous": jnp.arange(B) % 2 == 0,
        "valid": jnp.arange(B)[:, None] % 3 == 0,
    }


def windows(n: int) -> dict:
    """n windows, of which row i has i + 1 frames that exist."""
    rng = np.random.default_rng(1)
    normal = lambda *shape: jnp.asarray(rng.standard_normal((n, *shape)), jnp.float32)  # noqa: E731
    return {
        "motion": normal(8, 70), "previous_motion": normal(2, 70), "speech": normal(10, 4),
        "identity": normal(63), "emotion": jnp.zeros((n, 10, 8)),
        "valid": jnp.arange(8) <= jnp.arange(n)[:, None], "has_previous": jnp.arange(n) % 2 == 0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def params():
    return {"generator": jax.jit(lambda k: init_generator(MODEL.generator, k))(jax.random.key(0))}


@functools.partial(jax.jit, static_argnames=("loss", "model", "expression_only"))
def terms(params, rows, keys, loss=LOSS, model=MODEL, expression_only=False):
    return motion_loss(loss, model, params, rows, keys, READOUT, expression_only=expression_only)


def test_the_defaults_are_the_designs():
    config = LossConfig()
    assert config.previous_noise == "printed"
    assert config.speech_dropout == config.emotion_dropout == config.previous_dropout == 0.1


def test_each_condition_is_dropped_on_its_own_and_as_often_as_told():
    config = LossConfig(speech_dropout=0.1, emotion_dropout=0.3, previous_dropout=0.2)
    found = conditions(config, batch(), BARS, drawn())
    speech, previous = np.asarray(found.has_speech), np.asarray(found.has_previous)
    emotion = np.asarray(found.emotion)[:, 0, 0] == 1
    # shares of 2000 (and 1000) draws scatter by 0.01 (0.013): four of them
    assert speech.mean() == pytest.approx(0.9, abs=0.04)
    assert emotion.mean() == pytest.approx(0.7, abs=0.04)
    assert previous[::2].mean() == pytest.approx(0.8, abs=0.05)
    assert not previous[1::2].any()  # a first window has no past to keep
    assert (speech & emotion).mean() == pytest.approx(0.63, abs=0.05)
    # a dropped emotion is the zero vector in every frame
    assert set(np.asarray(found.emotion).sum((1, 2)).tolist()) == {0.0, 24.0}


def test_the_past_gets_noise_and_speech_and_identity_are_not():
    found = conditions(LossConfig(), batch(), BARS, drawn())
    moved = np.abs(np.asarray(found.previous_motion) - 1)
    # Eq. 9 as printed at its last step: 1 - alpha_bar is 0.03 there, the largest of 280,000 draws 5
    assert 0 < moved.max() < 5 * float(1 - BARS[48]) + 0.02
    np.testing.assert_array_equal(found.speech, batch()["speech"])
    np.testing.assert_array_equal(found.identity, batch()["identity"])


def test_no_dropout_keeps_everything():
    config = LossConfig(speech_dropout=0, emotion_dropout=0, previous_dropout=0)
    found = conditions(config, batch(), BARS, drawn())
    assert found.has_speech.all() and (found.emotion == 1).all()
    np.testing.assert_array_equal(found.has_previous, batch()["has_previous"])


def test_the_network_knows_which_frames_exist():
    found = conditions(LossConfig(), batch(), BARS, drawn())
    np.testing.assert_array_equal(found.valid, batch()["valid"])


def test_the_past_is_noised_at_t_from_1_to_49():
    """Eq. 9: t in (0, 50); the schedule's table begins with t = 1."""
    assert set(np.asarray(drawn().previous_step).tolist()) == set(range(49))


def test_rows_draw_over_the_whole_schedule_and_differ():
    found = drawn(window=WindowConfig(8, 2))
    steps = np.asarray(found.step)
    assert steps.min() >= 0 and steps.max() < len(BARS)
    # the mean of 2000 uniform steps scatters by 289 / sqrt(2000) = 6.5: four of them
    assert steps.mean() == pytest.approx(499.5, abs=26)
    # 2000 of 2^32 seeds: two that are alike have a chance of 0.05 %
    assert len(set(np.asarray(found.seed).tolist())) == B
    noise = np.asarray(jnp.concatenate([found.previous_noise, found.noise], 1))
    # 1.4 million draws: the std scatters by 0.0006, correlations of rows by 1 / sqrt(700)
    assert noise.std() == pytest.approx(1, abs=0.003)
    assert abs((noise[1:] * noise[:-1]).mean((1, 2))).max() < 6 / np.sqrt(700)


def test_a_row_draws_the_same_numbers_in_any_part_of_the_batch():
    whole = draws(row_keys(6), 1000, WINDOW)
    part = draws(row_keys(6)[2:5], 1000, WINDOW)
    chex.assert_trees_all_equal(jax.tree.map(lambda x: x[2:5], whole), part)


def test_the_value_is_the_mean_by_hand(params):
    """Of the valid frames of all rows together, by NumPy from the network's own output."""
    rows, keys = windows(4), row_keys(4)
    found = {name: float(term.value()) for name, term in terms(params, rows, keys).items()}
    own = draws(keys, 1000, WINDOW)
    bars = np.asarray(BARS)[np.asarray(own.step)][:, None, None]
    x0, noise = np.asarray(rows["motion"]), np.asarray(own.noise)
    inputs = conditions(LOSS, rows, BARS, own)
    x = jnp.asarray(np.sqrt(bars) * x0 + np.sqrt(1 - bars) * noise)
    estimate = np.asarray(output(MODEL, params, x, own.step, inputs))
    emphasis = np.clip(bars / (1 - bars), 1, 4.0)
    valid = np.asarray(rows["valid"])
    weights = np.ones(70)
    weights[POSE] = 2.0
    wrong = (estimate - x0) ** 2
    diffusion = (emphasis * wrong * weights / weights.mean()).mean(-1)[valid].mean()
    assert found["diffusion"] == pytest.approx(diffusion, rel=1e-5)
    assert found["expression_error"] == pytest.approx(wrong[..., EXPRESSION][valid].mean(), 1e-5)
    assert found["pose_error"] == pytest.approx(wrong[..., POSE][valid].mean(), rel=1e-5)
    weights[POSE] = 3.0
    bend = np.diff(estimate - x0, axis=1) ** 2 * emphasis * weights
    both = valid[:, 1:] & valid[:, :-1]
    assert found["velocity"] == pytest.approx(bend.mean(-1)[both].mean(), rel=1e-5)
    read = ((estimate - x0)[..., EXPRESSION] @ READOUT.matrix) ** 2
    frames = 1 + 2.0 * np.clip(x0[..., :1] + 0.1, 0, 1)
    readout = (emphasis * frames * read).mean(-1)[valid].mean()
    assert found["readout"] == pytest.approx(readout, rel=1e-5)


def test_parts_of_a_batch_add_up_to_the_whole(params):
    """With unequal numbers of valid frames, where the mean of means is another number."""
    rows, keys = windows(6), row_keys(6)
    whole = terms(params, rows, keys)
    parts = [
        terms(params, jax.tree.map(lambda x, at=at: x[at], rows), keys[at])
        for at in (slice(0, 2), slice(2, 6))
    ]
    added = jax.tree.map(jnp.add, *parts)
    chex.assert_trees_all_close(added, whole, rtol=1e-5)
    for name, term in whole.items():
        means = np.mean([float(part[name].value()) for part in parts])
        assert means != pytest.approx(float(term.value()), rel=1e-3), name


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradients_of_two_microbatches_are_those_of_one(params, dropout):
    rows = windows(6)
    generator = dataclasses.replace(MODEL.generator, dropout=dropout)
    model = dataclasses.replace(MODEL, generator=generator)

    def gradients(microbatches):
        share = Share(microbatches=microbatches)
        loss = lambda params, rows, keys: terms(params, rows, keys, model=model)  # noqa: E731
        return jax.jit(
            lambda params, rows, key: share.gradients(loss, LOSS.weights(), params, rows, key)
        )(params, rows, jax.random.key(3))

    (one, metrics), (two, others) = gradients(1), gradients(2)
    size = float(jnp.sqrt(sum(jnp.vdot(x, x) for x in jax.tree.leaves(one))))
    # relative to the whole gradient: sums over rows are reordered, a few float32 ulps
    chex.assert_trees_all_close(one, two, rtol=1e-5, atol=1e-6 * size)
    chex.assert_trees_all_close(metrics, others, rtol=1e-5)


@pytest.mark.parametrize("expression_only", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"velocity_weight": 0.0},
        {"velocity_weight": 0.0, "pose_velocity_weight": 0.0, "readout_weight": 0.0},
    ],
)
def test_every_term_with_a_weight_is_there_and_finite(params, changes, expression_only):
    loss = dataclasses.replace(LOSS, **changes)
    weights = loss.weights(expression_only)
    found = terms(params, windows(2), row_keys(2), loss, expression_only=expression_only)
    assert found.keys() == weights.keys() | {"expression_error", "pose_error"}
    assert all(np.isfinite(float(Mean.value(term))) for term in found.values())


def test_stage_2_runs_the_frozen_network_without_dropout(params):
    """Its loss is that of the same network with no dropout at all, whatever stage 1 had."""
    generator = dataclasses.replace(MODEL.generator, dropout=0.5)
    dropping = dataclasses.replace(MODEL, generator=generator)
    rows, keys = windows(3), row_keys(3)
    found = terms(params, rows, keys, model=dropping, expression_only=True)
    chex.assert_trees_all_equal(found, terms(params, rows, keys, expression_only=True))
    other = terms(params, rows, keys, model=dropping)["diffusion"]  # stage 1 does drop
    assert float(other.total) != float(terms(params, rows, keys)["diffusion"].total)
