"""Runs that begin with earlier weights: what fits is taken, what does not is shown, and a resumed
run refuses other ones."""

import dataclasses

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from playmate_jax.data.motion_data import MotionData
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import add_to_card, load_weights
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.training.loop import LoopConfig, train
from playmate_jax.training.stage1 import Stage1Config, stage1
from playmate_jax.training.stage2 import Stage2Config, stage2
from playmate_jax.training.start import check_built_on, content_hash, fitting
from tests.data.made_up_records import random_records

MODEL = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=8, width=16, condition_width=8, layers=1, heads=2, feed_forward=16,
        kernel_size=3, dropout=0.0, prediction="x0", window=WindowConfig(16, 4),
    )
)  # fmt: skip
ONE = Stage1Config(steps=1, clips="", model=MODEL)


def named(params) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in flatten_dict(params, sep="/").items()}


def begun(stage, seed: int):
    """The parameters a run begins with; the seed shows what is random."""
    state = jax.jit(stage.init)(jax.random.key(seed))
    return named((state.trained if hasattr(state, "trained") else state).params)


@pytest.fixture(scope="module")
def clips():
    return MotionData(random_records(0, n=3, frames=40))


@pytest.fixture(scope="module")
def weights(clips, tmp_path_factory):
    """Those of stage 1, and of stage 2 on it."""
    folder = tmp_path_factory.mktemp("weights")
    first = stage1(ONE, clips)
    first.export(jax.jit(first.init)(jax.random.key(5)), folder / "one")
    config = Stage2Config(
        steps=1, clips="", stage1=str(folder / "one"),
        emotion=EmotionConfig(heads=2, condition_width=8),
    )  # fmt: skip
    second = stage2(config, MODEL, load_weights(folder / "one")[1], clips)
    second.export(jax.jit(second.init)(jax.random.key(6)), folder / "two")
    return folder


def test_weights_of_the_same_size_are_taken_whole(clips, weights, capsys):
    stage = stage1(dataclasses.replace(ONE, start=str(weights / "one")), clips)
    wanted = named(load_weights(weights / "one")[1]["generator"])
    found = begun(stage, 0)
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, wanted[name])
    assert capsys.readouterr().err == (
        f"start: {len(found)} of {len(found)} parameters from {weights / 'one'}\n"
    )


def test_of_another_size_what_fits_is_taken_and_the_rest_is_shown(clips, weights, capsys):
    generator = dataclasses.replace(MODEL.generator, feed_forward=32)
    model = dataclasses.replace(MODEL, generator=generator)
    stage = stage1(dataclasses.replace(ONE, model=model, start=str(weights / "one")), clips)
    given = named(load_weights(weights / "one")[1]["generator"])
    one, two = begun(stage, 0), begun(stage, 1)
    alike = {name for name in one if one[name].shape == given[name].shape}
    for name in alike:
        np.testing.assert_array_equal(one[name], given[name])
    others = one.keys() - alike
    assert others and any((one[name] != two[name]).any() for name in others)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"start: {len(alike)} of {len(one)} parameters")
    assert len(said) == 1 + len(others) and all(line.startswith("  ! ") for line in said[1:])


def test_both_sides_of_what_is_left_are_shown(capsys):
    zeros = np.zeros
    given = {"a": {"kernel": zeros((2, 3))}, "b": zeros(4), "old": zeros(1)}
    model = {"a": {"kernel": zeros((2, 3))}, "b": zeros(5), "new": zeros(2)}
    assert fitting(given, model, "somewhere").keys() == {"a/kernel"}
    assert capsys.readouterr().err.splitlines() == [
        "start: 1 of 3 parameters from somewhere (+ only there, - only in the model, ! of another "
        "shape)",
        "  + old (1,)",
        "  - new (2,)",
        "  ! b (4,), the model has (5,)",
    ]


def test_weights_of_which_nothing_fits_are_refused(clips, weights):
    with pytest.raises(UserError, match="found none of its 1 among 1: start from weights of"):
        fitting({"x": np.zeros(1)}, {"y": np.zeros(1)}, "somewhere")


def test_stage_2_goes_on_with_a_controller_as_far_as_it_fits(clips, weights, capsys):
    _, params, _ = load_weights(weights / "two")
    config = Stage2Config(
        steps=1, clips="", stage1=str(weights / "two"),
        emotion=EmotionConfig(blocks=3, heads=2, condition_width=8),
    )  # fmt: skip
    found = begun(stage2(config, MODEL, params, clips), 1)
    given = named({"emotion": params["emotion"]})
    for name, value in given.items():
        np.testing.assert_array_equal(found[name], value)
    said = capsys.readouterr().err
    assert said.startswith(f"start: {len(given)} of {len(found)} parameters")
    assert "- block_2/modulation/kernel" in said


def test_a_stage_says_what_it_is_built_on_whatever_its_card_says(clips, weights):
    before = content_hash(weights / "one")
    add_to_card(weights / "one", {"measured": {"jaw": 0.9}})
    stage = stage1(dataclasses.replace(ONE, start=str(weights / "one")), clips)
    assert stage.description["built_on"] == before != content_hash(weights / "two")
    assert "built_on" not in stage1(ONE, clips).description


def test_a_resumed_run_refuses_other_weights_wherever_they_lie():
    check_built_on({"built_on": "a" * 64, "start": "x"}, {"built_on": "a" * 64, "start": "y"})
    check_built_on({}, {})
    with pytest.raises(UserError, match="built on .sha256 aaaaaaaaaaaa., found others .bbb"):
        check_built_on({"built_on": "a" * 64}, {"built_on": "b" * 64})
    with pytest.raises(UserError, match="found others .none."):
        check_built_on({"built_on": "a" * 64}, {})


def test_a_run_does_not_go_on_when_its_weights_were_replaced(clips, weights, tmp_path):
    def a_run(steps: int, seed: int):
        """Trains on weights that were exported into one folder."""
        first = stage1(ONE, clips)
        first.export(jax.jit(first.init)(jax.random.key(seed)), tmp_path / "weights")
        stage = stage1(dataclasses.replace(ONE, start=str(tmp_path / "weights")), clips)
        loop = LoopConfig(checkpoint_minutes=0)
        return train(stage, tmp_path / "run", steps, loop=loop, quiet=True)

    a_run(1, seed=5)
    assert a_run(2, seed=5).step == 2  # the same ones, written anew
    with pytest.raises(UserError, match="expected the weights that the run was built on"):
        a_run(3, seed=6)


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(UserError, match=r"without config\.json"):
        content_hash(tmp_path)
