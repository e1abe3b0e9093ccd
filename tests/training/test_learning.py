"""configs/tiny_stage1.py and, on it, tiny_stage2.py learn from nothing, through both executors.

On the synthetic world, by margins that cannot happen by chance: lips follow the speech that was
given and no other, and the controller shows the emotion that is asked for. The clips measured on
are of other people and other sentences than those trained on.
"""

import dataclasses

import jax
import numpy as np
import pytest

from playmate_jax.configs import tiny_stage1, tiny_stage2
from playmate_jax.data.motion_data import MotionData
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.generate import GenerateOptions, MotionModel, load_motion_model
from playmate_jax.metrics.held_out import generated
from playmate_jax.metrics.lips import correlation
from playmate_jax.metrics.motion import emotion_offset, nearest_emotion, units_of
from playmate_jax.models.log_mel import log_mel
from playmate_jax.motion.layout import EMOTIONS
from playmate_jax.parallel.executors import MeshExecutor, PmapExecutor
from playmate_jax.parallel.mesh import device_mesh
from playmate_jax.synthetic.clips import clip
from playmate_jax.training.dry_run import dry_run
from playmate_jax.training.loop import LoopConfig, train
from playmate_jax.training.stage1 import stage1
from playmate_jax.training.stage2 import stage2

OPTIONS = GenerateOptions(steps=8)
SECONDS = 3.2  # two windows
QUIET = LoopConfig(checkpoint_minutes=0, log_every=50)


def speakers(seed: int, count: int, emotional: bool) -> list[dict]:
    """Records of synthetic people who speak."""
    made = (
        clip(seed, n, SECONDS, "formant", emotional, features=log_mel, varied=False)
        for n in range(count)
    )
    return [
        {
            "motion": one["motion"], "features": one["features"], "identity": one["identity"],
            "emotion": n % len(EMOTIONS) if emotional else -1, "intensity": 1.0,
            "truth": {"emotions": one["emotion"]},
        }
        for n, one in enumerate(made)
    ]  # fmt: skip


def together(records: list[dict]) -> dict[str, np.ndarray]:
    clips = {name: np.stack([r[name] for r in records]) for name in
             ("motion", "features", "identity")}  # fmt: skip
    return clips | {"emotion": np.stack([r["truth"]["emotions"] for r in records])}


@pytest.fixture(scope="module")
def neutral():
    return speakers(21, 72, emotional=False)


@pytest.fixture(scope="module")
def emotional():
    return speakers(22, 72, emotional=True)


@pytest.fixture(scope="module")
def held_out():
    """Other people and sentences: neutral, and each emotion twice."""
    return together(speakers(23, 16, emotional=False)), together(speakers(24, 16, emotional=True))


def jaw(model: MotionModel, clips: dict, features: np.ndarray) -> float:
    """Mean correlation of the generated jaw with the truth, for the speech that is given."""
    made = units_of(generated(model, clips | {"features": features}, OPTIONS))[..., 0]
    true = units_of(clips["motion"])[..., 0]
    return float(np.mean([correlation(m, t) for m, t in zip(made, true, strict=True)]))


def test_the_step_of_stage_1_is_small_to_compile(neutral, emotional):
    stage = stage1(tiny_stage1.config(), MotionData(neutral), MotionData(neutral + emotional))
    with stage.batches(0, 0) as batches:
        lines = dry_run(
            stage, MeshExecutor(device_mesh(jax.devices()[:1])), next(batches)
        ).hlo_lines
    assert lines <= 8000


# test_executors.py shows that pmap gives the same numbers; here it is a minute of compilation.
@pytest.mark.parametrize(
    "executor", [MeshExecutor, pytest.param(PmapExecutor, marks=pytest.mark.slow)]
)
def test_from_nothing_to_lips_and_emotions(executor, neutral, emotional, held_out, tmp_path):
    one = dataclasses.replace(tiny_stage1.config(), steps=150, loop=QUIET)
    first = stage1(one, MotionData(neutral), MotionData(neutral + emotional))
    done = train(first, tmp_path / "1", one.steps, loop=QUIET, quiet=True, executor=executor())
    first.export(done.state, tmp_path / "1" / "weights")

    two = dataclasses.replace(
        tiny_stage2.config(), steps=150, loop=QUIET, stage1=str(tmp_path / "1" / "weights")
    )
    values, params, _ = load_weights(two.stage1)
    base = load_motion_model(two.stage1)
    second = stage2(two, base.config, params, MotionData(emotional))
    done = train(second, tmp_path / "2", two.steps, loop=QUIET, quiet=True, executor=executor())
    second.export(done.state, tmp_path / "2" / "weights")
    model = load_motion_model(tmp_path / "2" / "weights")

    # Lips of people and sentences that were not trained on: their own speech against others'.
    people, others = held_out
    own = jaw(model, people, people["features"])
    other = jaw(model, people, np.roll(people["features"], 1, 0))
    print(f"jaw {own:.3f}, for other speech {other:.3f}")

    # Emotions: the nearest of the eight is the one asked for; by chance 1 in 8.
    plain = units_of(generated(model, others, OPTIONS))
    shown = units_of(generated(model, others, OPTIONS, others["emotion"]))
    right = [
        nearest_emotion(emotion_offset(s, p), float(e.sum(-1).mean())) == int(e.mean(0).argmax())
        for s, p, e in zip(shown, plain, others["emotion"], strict=True)
    ]
    print(f"emotions {np.mean(right):.3f}")
    assert own > 0.7 and own > other + 0.5
    assert np.mean(right) > 0.5
