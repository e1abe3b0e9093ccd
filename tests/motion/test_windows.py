"""Windows, their joints, and noise on what came before."""

import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.diffusion.schedule import linear_schedule
from playmate_jax.motion.continuity import (
    BLEND_FRAMES,
    close_gap,
    close_gap_and_slope,
    joined,
    raised_cosine,
    smoothed,
    starting_from,
)
from playmate_jax.motion.layout import EXPRESSION, POSE
from playmate_jax.motion.previous_noise import STEPS, in_front, noise_at
from playmate_jax.motion.windows import WindowConfig, random_start, window_at, window_starts

SMALL = WindowConfig(length=10, previous=3)


def test_a_first_window_has_no_past():
    window = window_at(0, 50, SMALL)
    assert not window.has_previous
    assert window.rows.tolist() == [0, 0, 0, *range(10)]
    assert window.valid.all()


def test_a_truncated_window_repeats_the_last_frame_and_says_so():
    window = window_at(45, 50, SMALL)
    assert window.has_previous
    assert window.rows.tolist() == [42, 43, 44, 45, 46, 47, 48, 49, 49, 49, 49, 49, 49]
    assert window.valid.tolist() == [True] * 5 + [False] * 5


@pytest.mark.parametrize("n_frames", [1, 9, 10, 11, 20, 21, 99])
@pytest.mark.parametrize("lookahead", [0, 4])
def test_windows_cover_every_frame(n_frames, lookahead):
    starts = window_starts(n_frames, SMALL, lookahead)
    hop = SMALL.length - lookahead
    assert starts == [hop * i for i in range(len(starts))]
    ends = [*starts[1:], n_frames]
    assert all(0 < end - start <= SMALL.length for start, end in zip(starts, ends))


def test_training_draws_first_and_truncated_windows():
    rng = np.random.default_rng(0)
    starts = [random_start(rng, 300) for _ in range(500)]
    assert 0 in starts and max(starts) > 200 and max(starts) <= 210
    assert not any(0 < start < 10 for start in starts)


def test_clips_shorter_than_a_window_have_windows_with_a_past():
    """Three seconds, as emotional clips are: most of their windows follow previous frames, and all
    of them show half of the clip."""
    rng = np.random.default_rng(0)
    starts = np.array([random_start(rng, 75) for _ in range(400)])
    assert set(starts.tolist()) == {0, *range(10, 38)}
    # 400 draws at 0.15 scatter by 0.018: four of them
    assert (starts == 0).mean() == pytest.approx(0.15, abs=0.07)
    assert window_at(int(starts.max()), 75).has_previous


@pytest.mark.parametrize("n_frames", [1, 9, 19])
def test_a_clip_too_short_for_a_past_starts_at_zero(n_frames):
    rng = np.random.default_rng(0)
    assert {random_start(rng, n_frames) for _ in range(50)} == {0}


def test_a_closed_gap_continues_the_past_and_fades_out():
    rng = np.random.default_rng(0)
    past, now = rng.standard_normal((2, 10, 70)), rng.standard_normal((2, 100, 70))
    joined = close_gap(past, now, 8)
    expected = past[:, -1] + 0.5 * (past[:, -1] - past[:, -2])
    np.testing.assert_allclose(joined[:, 0], expected, atol=1e-6)  # weights are float32
    np.testing.assert_array_equal(joined[:, 8:], now[:, 8:])


def test_a_window_that_continues_by_itself_is_not_moved():
    line = np.linspace(0, 1, 20)[:, None] * np.ones(70)
    past, now = line[:10], line[10:].copy()
    now[0] = past[-1] + 0.5 * (past[-1] - past[-2])
    np.testing.assert_allclose(close_gap(past, now, 8), now, atol=1e-12)


def test_the_head_goes_on_at_its_speed_and_ends_where_it_would():
    rng = np.random.default_rng(0)
    past, now = rng.standard_normal((2, 10, 7)), rng.standard_normal((2, 100, 7))
    moved = close_gap_and_slope(past, now, 16)
    velocity = past[:, -1] - past[:, -2]
    np.testing.assert_allclose(moved[:, 0], past[:, -1] + velocity, atol=1e-5)
    # the correction's slope at its first frame is the one that was missing, and 0 at its end
    correction = close_gap_and_slope(past, now, 100) - now
    missing = velocity - (now[:, 1] - now[:, 0])
    np.testing.assert_allclose(correction[:, 1] - correction[:, 0], missing, rtol=0.05, atol=0.01)
    assert np.abs(correction[:, -1]).max() < 0.06
    np.testing.assert_array_equal(moved[:, 16:], now[:, 16:])


def test_a_straight_line_is_joined_to_itself_unchanged():
    line = np.linspace(0, 1, 40)[:, None] * np.ones(70)
    past, now = line[:10], line[10:]
    np.testing.assert_allclose(joined(past, now)[:, POSE], now[:, POSE], atol=1e-6)
    # expression goes on at half its speed, and catches up
    assert np.abs(joined(past, now) - now)[:, EXPRESSION].max() < 0.501 * (line[1, 0] - line[0, 0])
    np.testing.assert_array_equal(joined(past, now[:1])[:, POSE], now[:1, POSE])


def test_the_raised_cosine_falls_from_one_to_zero():
    weights = raised_cosine(8)
    assert weights[0] == 1
    assert (np.diff(weights) < 0).all()
    assert weights[4] == pytest.approx(0.5)


def test_smoothing_keeps_slow_motion_and_takes_out_jitter():
    t = np.arange(100) / 25
    slow = np.sin(2 * np.pi * 0.5 * t)[:, None]
    jitter = ((-1.0) ** np.arange(100))[:, None]
    # the Gaussian's response: exp(-(2 pi f std)^2 / 2) = 0.992 at 0.5 Hz, 0.007 at 12.5 Hz
    np.testing.assert_allclose(smoothed(slow, 1.0)[5:-5], slow[5:-5], atol=0.009)
    assert np.abs(smoothed(jitter, 1.0)[5:-5]).max() < 0.02
    np.testing.assert_array_equal(smoothed(slow, 0), slow)


def test_noise_forms_are_those_of_equation_9():
    previous, noise = jnp.full((1, 2, 3), 2.0), jnp.full((1, 2, 3), 1.0)
    alpha_bar = jnp.array([0.64])
    # by hand: sqrt(.64) * 2 + (1 - .64) and + sqrt(1 - .64)
    np.testing.assert_allclose(noise_at(previous, noise, alpha_bar, "printed"), 1.96, rtol=1e-6)
    np.testing.assert_allclose(noise_at(previous, noise, alpha_bar, "ddpm"), 2.2, rtol=1e-6)
    with pytest.raises(ValueError, match="printed"):
        noise_at(previous, noise, alpha_bar, "other")


def test_previous_noise_is_as_large_as_t_from_1_to_49_makes_it():
    """By hand from the linear schedule's betas: at t = 1 the variance is beta_1 = 1e-4; at t = 49
    it is 1 - prod(1 - beta_i)."""
    bars = linear_schedule().alphas_bar[:STEPS]
    betas = 1e-4 + (0.02 - 1e-4) / 999 * np.arange(49)
    noise = jnp.ones((STEPS, 1, 1))
    moved = noise_at(jnp.zeros_like(noise), noise, bars, "ddpm")[:, 0, 0]
    assert float(moved[0]) == pytest.approx(0.01, rel=1e-3)
    assert float(moved[-1]) == pytest.approx(np.sqrt(1 - np.prod(1 - betas)), rel=1e-4)


def test_the_past_stands_in_front():
    joined = in_front(jnp.zeros((1, 2, 3)), jnp.ones((1, 4, 3)))
    assert joined[0, :, 0].tolist() == [0, 0, 1, 1, 1, 1]


def test_the_head_starts_where_the_portrait_holds_it():
    rng = np.random.default_rng(0)
    own = rng.normal(0, 1, 70).astype(np.float32)
    motion = rng.normal(0, 1, (40, 70)).astype(np.float32)
    started = starting_from(own, motion)
    np.testing.assert_allclose(started[0, POSE], own[POSE], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(started[:, EXPRESSION], motion[:, EXPRESSION])
    np.testing.assert_array_equal(started[2 * BLEND_FRAMES :], motion[2 * BLEND_FRAMES :])
    still = starting_from(own, np.zeros((40, 70), np.float32))[:, POSE]
    assert (np.abs(np.diff(still, axis=0)).max(0) < 0.1 * np.abs(own[POSE])).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_clip_shorter_than_its_start_begins_with_the_portrait_too(count):
    own = np.ones(70, np.float32)
    started = starting_from(own, np.zeros((count, 70), np.float32))
    np.testing.assert_array_equal(started[0, POSE], own[POSE])
