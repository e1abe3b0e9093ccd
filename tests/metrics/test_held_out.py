"""What figures are measured on is never trained on, and is the same every time."""

import re
from pathlib import Path

import chex

from playmate_jax.metrics.held_out import HELD_OUT, held_out
from playmate_jax.synthetic.pool import TEST_SEED

ROOT = Path(__file__).parents[2]


def test_no_training_command_has_a_seed_of_the_held_out():
    text = (ROOT / "launch" / "demo_weights.sh").read_text()
    text += (ROOT / "configs" / "demo_formant_only.py").read_text()
    trained = {int(seed) for seed in re.findall(r"prepare drawn .*?--seed (\d+)", text)}
    assert trained and trained.isdisjoint(how["seed"] for how in HELD_OUT.values())
    (faces,) = re.findall(r"synthetic\.pool runs/pool/train --seed (\d+)", text)
    assert int(faces) != TEST_SEED


def test_held_out_clips_follow_from_their_seeds():
    clips = held_out("test_formant", 1)
    phonemes = clips.pop("phonemes")
    shapes = {name: array.shape for name, array in clips.items()}
    assert shapes == {
        "features": (1, 300, 96),
        "motion": (1, 300, 70),
        "units": (1, 300, 18),
        "identity": (1, 63),
        "emotion": (1, 300, 8),
    }
    assert len(phonemes) == 1 and not clips["emotion"].any()
    again = held_out("test_formant", 1)
    assert again.pop("phonemes") == phonemes
    chex.assert_trees_all_equal(clips, again)
