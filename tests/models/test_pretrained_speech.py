"""Pretrained speech encoders: rows per video frame, layers, chunks of long audio."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.models import pretrained_speech
from playmate_jax.models.pretrained_speech import PretrainedSpeech, SpeechConfig, chunks
from playmate_jax.models.speech import SpeechEncoder, at_video_rate, padded
from playmate_jax.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config, shapes

TINY = Wav2Vec2Config(
    channels=(8,) * 7, width=16, layers=2, heads=2, feed_forward=16, position_kernel=16,
    position_groups=4,
)  # fmt: skip
LAYER_NORM = dataclasses.replace(TINY, layers=1, feature_norm="layer", stable_layer_norm=True)
# Sums in another order, in float32, through two layers, outputs of order one.
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def weights():
    """Random variables, biases and scales included, by network."""
    rng = np.random.default_rng(0)

    def draw(leaf):
        spread = max(1, np.prod(leaf.shape[:-1])) ** -0.5 if len(leaf.shape) > 1 else 0.05
        noise = rng.normal(0, spread, leaf.shape)
        return (noise + (len(leaf.shape) == 1)).astype(np.float32)

    return {config: jax.tree.map(draw, shapes(config)) for config in (TINY, LAYER_NORM)}


def speech(samples, seed=0):
    """Noise that rises and falls, as speech does, off zero."""
    rng = np.random.default_rng(seed)
    loud = 0.1 + np.abs(np.sin(np.arange(samples) / 3000))
    return (0.02 + 0.1 * loud * rng.standard_normal(samples)).astype(np.float32)


def whole(config, variables, audio, layer=-1):
    """The encoder on all of the audio at once, at its own length."""
    frames = -(-len(audio) // 640)
    audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
    audio = jnp.asarray(padded(np.pad(audio, (0, 640 * frames - len(audio)))))
    return np.asarray(
        at_video_rate(jax.jit(Wav2Vec2(config).apply)(variables, audio[None])[layer][0])
    )


@pytest.mark.parametrize("config", [TINY, LAYER_NORM], ids=["group", "layer"])
@pytest.mark.parametrize("samples", [700, 41_500])
def test_audio_that_fits_one_chunk_is_encoded_as_it_is(weights, config, samples):
    encoder = PretrainedSpeech(SpeechConfig(config), weights[config])
    assert isinstance(encoder, SpeechEncoder) and encoder.size == 16
    audio = speech(samples)
    found, expected = encoder(audio), whole(config, weights[config], audio)
    assert found.shape == expected.shape == (-(-samples // 640), 16)
    assert np.abs(found - expected).max() < TOLERANCE


@pytest.mark.parametrize("config", [TINY, LAYER_NORM], ids=["group", "layer"])
def test_what_does_not_attend_is_exact_in_chunks_too(weights, config):
    """The first layer's input: convolutions and norms over the whole utterance."""
    encoder = PretrainedSpeech(SpeechConfig(config), weights[config], "0", chunk=96, margin=16)
    audio = speech(100_000)
    assert np.abs(encoder(audio) - whole(config, weights[config], audio, 0)).max() < TOLERANCE


def test_attention_across_chunks_costs_little_and_less_with_more_margin(weights):
    """Random attention hears everything alike, so this is harder than speech."""
    audio = speech(200_000)
    expected = whole(TINY, weights[TINY], audio)
    errors = []
    for chunk, margin in ((96, 8), (256, 64)):
        encoder = PretrainedSpeech(SpeechConfig(TINY), weights[TINY], chunk=chunk, margin=margin)
        errors.append(np.sqrt(np.mean((encoder(audio) - expected) ** 2)) / expected.std())
    assert errors[1] < errors[0] < 0.1


@pytest.mark.parametrize("n_rows", [10, 100, 101, 160, 161, 1000])
def test_chunks_take_every_row_once_and_away_from_their_ends(n_rows):
    size, margin = 100, 20
    parts = chunks(n_rows, size, margin)
    taken = [row for _, first, end in parts for row in range(first, end)]
    assert taken == list(range(n_rows))
    for start, first, end in parts:
        assert first == 0 or first - start >= margin
        assert end == n_rows or start + size - end >= margin
        assert n_rows <= size or start + size <= n_rows  # full


def test_layers_are_chosen_by_number_or_averaged(weights):
    audio = speech(6400)
    made = {
        name: PretrainedSpeech(SpeechConfig(TINY), weights[TINY], name)(audio)
        for name in ("0", "1", "2", "last", "mean")
    }
    np.testing.assert_array_equal(made["last"], made["2"])
    mean = (made["0"] + made["1"] + made["2"]) / 3
    np.testing.assert_allclose(made["mean"], mean, atol=1e-6)
    assert np.abs(made["1"] - made["2"]).max() > 0.01
    with pytest.raises(UserError, match="among last, mean and 0 to 2, found '3'"):
        PretrainedSpeech(SpeechConfig(TINY), weights[TINY], "3")


def test_audio_is_normalised_where_the_weights_were_trained_so(weights):
    config, quiet = LAYER_NORM, 0.01 * speech(6400)
    normalised, raw = (
        PretrainedSpeech(SpeechConfig(config, normalize=n), weights[config]) for n in (True, False)
    )
    unit = (quiet - quiet.mean()) / np.sqrt(quiet.var() + 1e-7)
    np.testing.assert_allclose(normalised(quiet), raw(unit), atol=TOLERANCE)
    assert np.abs(raw(quiet) - raw(unit)).max() > 0.01


def test_odd_recordings_give_numbers(weights):
    encoder = PretrainedSpeech(SpeechConfig(TINY), weights[TINY])
    assert encoder(np.zeros(0, np.float32)).shape == (0, 16)
    broken = speech(3200)
    broken[5] = np.nan
    for audio in (np.zeros(3200, np.float32), np.ones(1, np.float32), broken):
        assert np.isfinite(encoder(audio)).all()


def test_one_program_serves_every_long_recording(weights):
    encoder = PretrainedSpeech(SpeechConfig(TINY), weights[TINY], chunk=96, margin=16)
    encoder(speech(32_000))
    before = pretrained_speech._rows._cache_size()
    for samples in (40_000, 50_123, 90_000):
        encoder(speech(samples))
    assert pretrained_speech._rows._cache_size() == before
