"""Settings of preparation: checked, through JSON, and leading to the models that they name."""

import jax
import numpy as np
import pytest

from playmate_jax.configuration import to_values
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import save_weights
from playmate_jax.models.wav2vec2 import Wav2Vec2Config, shapes
from playmate_jax.prepare.config import PrepareConfig
from playmate_jax.prepare.quality import QualityConfig

ENCODER = Wav2Vec2Config(
    channels=(8,) * 7, width=16, layers=2, heads=2, feed_forward=16, position_kernel=16,
    position_groups=4,
)  # fmt: skip


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A cache in which the encoder "wav2vec2" was fetched: a tiny one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes(ENCODER))
    folder = tmp_path / "playmate_jax/weights/wav2vec2"
    return save_weights(folder, {"kind": "wav2vec2", **to_values(ENCODER)}, params, {"name": "w"})


def test_settings_go_through_json():
    config = PrepareConfig(image_size=512, quality=QualityConfig(least_blur=3))
    assert PrepareConfig.from_values(config.to_values()) == config


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_size": 300}, {"frames_per_clip": 0}, {"shortest_s": 20.0}, {"longest_s": 500.0},
        {"frames": 3}, {"quality": {"least_blurr": 1}}, {"quality": {"least_blur": float("nan")}},
        {"quality": {"least_brightness": 250.0}}, {"batch": 0},
    ],
)  # fmt: skip
def test_wrong_settings_are_told(wrong):
    with pytest.raises(UserError, match="expected"):
        PrepareConfig.from_values(wrong)


@pytest.mark.parametrize("layer", ["last", "mean", "1"])
def test_a_pretrained_encoder_is_found_by_name_or_folder(fetched, layer):
    assert PrepareConfig().speech_size == 96  # log-mel's 24 bands in 4 parts of a frame
    assert PrepareConfig(speech="wav2vec2").speech_place() == (fetched, "last")
    for speech in (f"wav2vec2/{layer}", f"{fetched}/{layer}"):
        config = PrepareConfig(speech=speech)
        assert config.speech_place() == (fetched, layer)
        assert config.speech_size == 16
    assert PrepareConfig(speech=str(fetched)).speech_place() == (fetched, "last")


def test_other_weights_are_no_speech_encoder(fetched):
    with pytest.raises(UserError, match="expected a speech encoder as 'demo'"):
        PrepareConfig(speech="demo").speech_place()
    with pytest.raises(UserError, match="hubert"):
        PrepareConfig(speech="hubert/9").speech_place()
