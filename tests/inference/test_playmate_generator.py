"""Our generator behind the pipeline's protocol."""

import shutil

import jax
import numpy as np
import pytest

from playmate_jax.configuration import to_values
from playmate_jax.data.motion_data import MotionData
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import save_weights
from playmate_jax.inference import playmate_generator
from playmate_jax.inference.generate import MotionModel
from playmate_jax.inference.generators import load_generator
from playmate_jax.inference.motion_generator import Request
from playmate_jax.inference.playmate_generator import PlaymateGenerator
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.models.speech_encoders import LogMel
from playmate_jax.models.wav2vec2 import Wav2Vec2Config, shapes
from playmate_jax.motion.normalization import Statistics
from tests.data.made_up_records import random_records

OF_STAGE_1 = MotionModel(
    MotionModelConfig(), {"generator": {}}, MotionData(random_records(0)).statistics
)


def test_an_emotion_is_not_silently_ignored_by_weights_of_stage_1_alone():
    happy = np.eye(8, dtype=np.float32)[5:6]
    request = Request(np.zeros(63, np.float32), np.zeros(70, np.float32), emotion=happy)
    with pytest.raises(UserError, match="emotion controller"):
        PlaymateGenerator(OF_STAGE_1, LogMel())(np.zeros(640, np.float32), request, print)


def test_what_a_request_leaves_open_is_the_generators_own(monkeypatch):
    asked = []

    def still(model, speech, identity, own, emotion, options, progress):
        asked.append(options)
        return own[None]

    monkeypatch.setattr(playmate_generator, "generate", still)
    generator = PlaymateGenerator(OF_STAGE_1, LogMel())
    for options in ({}, {"audio_scale": 0.0, "sampler": "ddpm"}):
        request = Request(np.zeros(63, np.float32), np.zeros(70, np.float32), **options)
        generator(np.zeros(640, np.float32), request, print)
    assert asked[0].audio_scale == OF_STAGE_1.config.audio_scale
    assert asked[0].emotion_scale == 1.5  # section 4.1
    assert (asked[0].sampler, asked[0].steps) == ("ddim", 15)
    assert (asked[1].audio_scale, asked[1].sampler) == (0.0, "ddpm")  # 0 is an answer too


def test_statistics_travel_as_a_tree():
    tree = OF_STAGE_1.statistics.to_tree()
    again = Statistics.from_tree(tree)
    np.testing.assert_array_equal(again.speech_std, OF_STAGE_1.statistics.speech_std)
    np.testing.assert_array_equal(again.motion.pose_std, OF_STAGE_1.statistics.motion.pose_std)


def test_statistics_of_another_version_are_told_by_name():
    tree = OF_STAGE_1.statistics.to_tree()
    older = {name: value for name, value in tree["motion"].items() if name != "expression_low"}
    tree = {**tree, "motion": older, "pitch_mean": np.zeros(1)}
    with pytest.raises(UserError, match=r"\+ pitch_mean, - motion/expression_low"):
        Statistics.from_tree(tree)


def test_a_pretrained_encoder_is_read_from_beside_the_generator(tiny_weights, tmp_path):
    shutil.copytree(tiny_weights / "generator", tmp_path / "generator")
    config = tmp_path / "generator" / "config.json"
    config.write_text(config.read_text().replace('"log_mel"', '"hubert/mean"'))
    with pytest.raises(UserError, match="weights get hubert"):
        load_generator(tmp_path / "generator")

    sizes = Wav2Vec2Config(
        channels=(4,) * 7, width=96, layers=1, heads=2, feed_forward=8, position_kernel=4,
        position_groups=2,
    )  # fmt: skip
    params = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.1, np.float32), shapes(sizes))
    for name in ("wav2vec2", "hubert"):
        values = {"kind": name, "normalize": True, **to_values(sizes)}
        save_weights(tmp_path / "speech", values, params, {"name": name})
        if name != "hubert":
            with pytest.raises(UserError, match="expected the speech encoder 'hubert'.*'wav2vec2'"):
                load_generator(tmp_path / "generator")
    generator, _ = load_generator(tmp_path / "generator")
    assert generator.encoder(np.zeros(6400, np.float32)).shape == (10, 96)
