"""Held-out evaluation of stages 1 and 2 on made-up clips of a tiny size."""

import dataclasses

import jax
import numpy as np
import pytest

from playmate_jax.data.motion_data import MotionData
from playmate_jax.data.records import NO_EMOTION
from playmate_jax.losses.motion import LossConfig
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig, init_emotion, init_generator
from playmate_jax.motion.windows import WindowConfig
from playmate_jax.training import motion_evaluation
from playmate_jax.training.motion_evaluation import HeldOut, held_out, piece_size
from playmate_jax.training.stage1 import Stage1Config
from tests.data.made_up_clips import SPEECH, made_up_clip, write_data_set

MODEL = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=SPEECH, width=16, condition_width=8, layers=1, heads=2, feed_forward=16,
        kernel_size=3, dropout=0.5, prediction="x0", window=WindowConfig(16, 4),
    )
)  # fmt: skip
LOSS = LossConfig(velocity_weight=0.5)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Five clips, of which every third has no emotion, as training and as validation split."""
    root, made = tmp_path_factory.mktemp("data"), [made_up_clip(n, 10 + 6 * n) for n in range(5)]
    write_data_set(root, "drawn_faces", [made], "train", "validation")
    return MotionData(str(root))


@pytest.fixture(scope="module")
def params():
    return {"generator": init_generator(MODEL.generator, jax.random.key(0))}


@pytest.fixture(scope="module")
def evaluation(clips) -> HeldOut:
    found = held_out(LOSS, MODEL, clips.statistics, clips, None, 5)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def figures(evaluation, params):
    return evaluation(params, lambda: None)


def test_it_says_what_the_loss_is_made_of_and_where(figures):
    bands = [f"diffusion_at_{n}_to_{n + 249}" for n in (0, 250, 500, 750)]
    assert {"loss", "diffusion", "velocity", "expression_error", "pose_error"} < figures.keys()
    assert {"correlation_jaw", "correlation_elsewhere", "head_spread", *bands} < figures.keys()
    assert all(np.isfinite(value) for value in figures.values())
    assert figures["loss"] == pytest.approx(figures["diffusion"] + figures["velocity"])
    # every band has the same frames
    assert np.mean([figures[b] for b in bands]) == pytest.approx(figures["diffusion"], rel=1e-5)


def test_it_gives_the_same_numbers_again_and_without_dropout(clips, params, figures):
    generator = dataclasses.replace(MODEL.generator, dropout=0.0)
    model = dataclasses.replace(MODEL, generator=generator)
    again = held_out(LOSS, model, clips.statistics, clips, None, 5)
    assert again(params, lambda: None) == figures


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_the_windows_and_pause_equally_often(
    processes, evaluation, params, monkeypatch
):
    """Their sums added up are those of one process, also where they cannot share evenly."""
    monkeypatch.setattr(motion_evaluation, "piece_size", lambda model: 2)
    figures = evaluation(params, lambda: None)
    monkeypatch.setattr(jax, "process_count", lambda: processes)
    sums: list[dict] = []
    monkeypatch.setattr(motion_evaluation, "over_processes", lambda own: sums.append(own) or own)
    monkeypatch.setattr(motion_evaluation, "values", lambda sums: dict.fromkeys(sums, 0.0))
    pauses = []
    for process in range(processes):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        count = []
        evaluation(params, lambda count=count: count.append(1))
        pauses.append(len(count))
    assert len(set(pauses)) == 1 and pauses[0] > 0
    assert len({tuple(sorted(own)) for own in sums}) == 1
    for name in sums[0]:
        total, count = np.sum([own[name] for own in sums], 0)
        assert total / count == pytest.approx(figures[name], rel=1e-4, abs=1e-6), name


def test_a_run_that_is_to_stop_leaves_it_at_the_first_pause(evaluation, params):
    def pause():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        evaluation(params, pause)


def test_stage_2_is_evaluated_on_clips_with_an_emotion(clips, params):
    model = dataclasses.replace(MODEL, emotion=EmotionConfig(heads=2, condition_width=8))
    evaluation = held_out(LOSS, model, clips.statistics, clips, None, 5, emotional=True)
    assert [int(clip["emotion"]) for clip in evaluation.clips] == [1, 2, 4]
    assert NO_EMOTION not in {int(clip["emotion"]) for clip in evaluation.clips}
    both = {**params, "emotion": init_emotion(model, jax.random.key(1))}
    found = evaluation(both, lambda: None)
    assert 0 <= found["emotion_accuracy"] <= 1
    # pose cannot be reached, so it is not in the loss
    assert found["diffusion"] == pytest.approx(found["expression_error"], rel=1e-5)


def test_without_a_validation_split_training_goes_on_and_says_so(tmp_path, capsys):
    write_data_set(tmp_path, "talking_clips", [[made_up_clip(n, 30) for n in range(2)]])
    stage = Stage1Config(steps=1, clips=str(tmp_path), model=MODEL).stage()
    assert not stage.evals
    said = capsys.readouterr().err
    assert f"expected a validation split in {tmp_path}, found none: training goes on" in said


def test_no_clips_to_evaluate_is_a_choice_without_a_message(clips, capsys):
    stage = Stage1Config(steps=1, clips=clips.data, model=MODEL, eval_clips=0).stage()
    assert not stage.evals and not capsys.readouterr().err


def test_the_same_clips_are_evaluated_each_time_evenly_spread(clips):
    names = [clip["features"][0, 0] for clip in clips.held_out(3)]
    every = [clip["features"][0, 0] for clip in clips.held_out(99)]
    assert len(every) == 5 and names == [every[0], every[2], every[4]]


def test_pieces_are_smaller_for_larger_networks():
    demo = MotionDenoiserConfig(width=128, layers=4)
    assert piece_size(dataclasses.replace(MODEL, generator=demo)) == 8
    assert piece_size(MotionModelConfig()) == 1
