"""Streaming: what comes out depends on the speech, not on the parts in which it arrives."""

import threading

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference import Animator, motion_stream
from playmate_jax.inference.generate import GenerateOptions, motion_model
from playmate_jax.inference.motion_stream import CLOSING, PlaymateStream, no_emotion
from playmate_jax.inference.speech_queue import SpeechQueue
from playmate_jax.models.log_mel import LogMelConfig, log_mel
from playmate_jax.models.streaming_speech import RunningLogMel, SlidingSpeech
from playmate_jax.motion.layout import LIP_KEYPOINTS, POSE, unpack

HOP, AHEAD = 5, 5


@pytest.fixture(scope="module")
def streamer(tiny_weights):
    return Animator.from_weights(tiny_weights, batch=4)


@pytest.fixture(scope="module")
def voice():
    """Two seconds of noise that comes and goes."""
    rng = np.random.default_rng(4)
    return (rng.normal(0, 0.1, 32_000) * np.sin(np.arange(32_000) / 2500) ** 2).astype(np.float32)


@pytest.fixture(scope="module")
def opened(streamer):
    """Opens a stream of a plain image; the middle of the image is the face."""
    image = np.random.default_rng(5).integers(0, 255, (64, 64, 3), np.uint8)
    return lambda chunks=(), **options: streamer.stream(image, chunks, crop=False, **options)


def cut(samples, sizes):
    """The samples in parts of these sizes, again and again."""
    start, i = 0, 0
    while start < len(samples):
        yield samples[start : start + sizes[i % len(sizes)]]
        start, i = start + sizes[i % len(sizes)], i + 1


def images(frames):
    return np.stack([frame.image for frame in frames])


def test_odd_parts_give_the_frames_of_the_whole_bit_for_bit(opened, voice):
    whole = list(opened([voice], seed=3))
    parts = list(opened(cut(voice, (1, 333, 4097, 640, 7)), seed=3))
    assert len(whole) == len(parts) == 50
    np.testing.assert_array_equal(images(whole), images(parts))
    np.testing.assert_array_equal([f.motion for f in whole], [f.motion for f in parts])
    np.testing.assert_array_equal(np.concatenate([f.samples for f in parts]), voice)
    other = np.stack([frame.motion for frame in opened([voice], seed=4)])
    assert np.abs(other - [f.motion for f in whole]).max() > 1e-3


def test_nothing_is_compiled_while_it_runs(streamer, opened, voice):
    stream = opened(cut(voice, (900,)))
    programs = (motion_stream._sample_hop, streamer.renderer._draw)
    compiled = [program._cache_size() for program in programs]
    stream.change(emotion="happy=0.5", head_motion=0.2)
    assert len(list(stream)) == 50
    assert [program._cache_size() for program in programs] == compiled


def test_motion_waits_for_its_look_ahead_and_not_longer():
    queue = SpeechQueue(HOP, AHEAD, 1)
    queue.push(np.ones((HOP + AHEAD) * 640 - 1, np.float32))
    assert queue.take(idle=False) is None
    queue.push(np.ones(1, np.float32))
    hop = queue.take(idle=False)
    assert hop.speaking.all() and len(hop.heard) == (1 + HOP + AHEAD) * 640
    assert queue.take(idle=False) is None
    queue.end()
    last = queue.take(idle=False)
    assert last.heard[640 * (1 + HOP) :].max() == 0 and queue.take(idle=False) is None
    idle = queue.take(idle=True)
    assert not idle.speaking.any() and not idle.played.any()


def test_utterances_do_not_run_into_each_other():
    queue = SpeechQueue(HOP, AHEAD, 1)
    for _ in range(2):
        queue.push(np.ones(700, np.float32))
        queue.end()
    first, second = queue.take(False), queue.take(False)
    assert first.speaking.tolist() == second.speaking.tolist() == [True, True, False, False, False]
    assert first.played.sum() == second.played.sum() == 700 and queue.waiting_s == 0


@pytest.mark.parametrize(
    "samples", [np.zeros((2, 640), np.float32), np.zeros(640, np.int16), np.full(9, np.nan)]
)
def test_what_is_no_mono_speech_is_refused(samples):
    with pytest.raises(UserError, match="mono speech"):
        SpeechQueue(HOP, AHEAD, 1).push(samples)


def test_more_speech_than_can_wait_is_refused():
    queue = SpeechQueue(HOP, AHEAD, 1)
    queue.push(np.zeros(600 * 16_000, np.float32))
    with pytest.raises(UserError, match="at most 600 s"):
        queue.push(np.zeros(1, np.float32))


def test_after_an_interruption_motion_goes_on_from_the_last_frame_that_was_taken(opened, voice):
    stream, plain = opened(), opened()
    for each in (stream, plain):
        each.push(voice)
        each.make()
    taken = [stream.take() for _ in range(3)]
    assert stream.interrupt() == 1 and stream.ready == 0 and stream.waiting_s == 0
    assert not stream.make()  # nothing is left to be said
    assert stream.make(idle=True)
    after = [stream.take() for _ in range(HOP)]
    assert [f.number for f in taken + after] == list(range(3 + HOP))
    assert {f.generation for f in after} == {1} and not any(f.speaking for f in after)
    assert not np.concatenate([f.samples for f in after]).any()
    jumps = np.abs(np.diff([f.motion for f in taken + after], axis=0)).max(1)
    usual = np.abs(np.diff([plain.take().motion for _ in range(HOP)], axis=0)).max()
    assert jumps[2] < 3 * usual


def test_work_that_an_interruption_overtakes_is_dropped(opened, voice, monkeypatch):
    stream = opened()
    stream.push(voice)
    began, may_end = threading.Event(), threading.Event()
    inner = stream._motion.next

    def slow(*arguments):
        began.set()
        may_end.wait(10)
        return inner(*arguments)

    monkeypatch.setattr(stream._motion, "next", slow)
    worker = threading.Thread(target=stream.make)
    worker.start()
    assert began.wait(10)
    stream.interrupt()
    may_end.set()
    worker.join(10)
    assert stream.ready == 0 and stream.take() is None
    assert stream.make(idle=True) and stream.take().number == 0


def test_lips_rest_between_utterances_and_the_head_goes_on(opened, voice):
    empty = np.zeros(0, np.float32)
    frames = list(opened([voice[:6400], None, *[empty] * 8, voice[:6400]]))
    assert [f.number for f in frames] == list(range(len(frames))) and len(frames) == 10 + 40 + 10
    motion = np.stack([f.motion for f in frames])
    lips = unpack(motion)["expression"][:, list(LIP_KEYPOINTS)]
    moved = np.abs(np.diff(lips, axis=0)).max((1, 2))
    idle = slice(10 + 2 * CLOSING + 1, 49)
    assert moved[idle].max() < 0.2 * moved[:9].max()
    assert np.ptp(motion[idle, POSE], axis=0).max() > 0
    assert not any(f.speaking for f in frames[10:50]) and all(f.speaking for f in frames[50:])


def test_emotion_and_head_motion_change_while_it_runs(opened, voice):
    plain, changed = opened([voice]), opened()
    changed.push(voice)
    changed.end_utterance()
    changed.make()
    changed.change(emotion="happy", head_motion=0.0)
    while changed.make():
        pass
    frames = [changed.take().motion for _ in range(changed.ready)]
    motion, before = np.stack(frames)[:50], np.stack([f.motion for f in plain])
    np.testing.assert_array_equal(motion[:HOP], before[:HOP])
    assert np.abs(motion[20:, :63] - before[20:, :63]).max() > 1e-4
    own = plain._motion._own
    np.testing.assert_allclose(motion[35:, POSE], np.tile(own[POSE], (15, 1)), atol=1e-6)
    steps = np.abs(np.diff(motion[:, POSE], axis=0)).max(0)
    assert (steps <= 3 * np.abs(np.diff(before[:, POSE], axis=0)).max(0) + 0.2).all()
    with pytest.raises(UserError, match="emotion"):
        changed.change(emotion="hapy")
    with pytest.raises(UserError, match="gain"):
        changed.change(head_motion=-1)


def test_features_are_those_of_the_recording_where_the_voice_is_known(voice):
    """All but the last hop's, whose last window a recording ends in silence and a stream does not
    know yet."""
    wanted = log_mel(voice)
    encoder = RunningLogMel(LogMelConfig(), HOP, voice, adapts=False)
    audio, found = np.concatenate([np.zeros(640, np.float32), voice]), []
    for first in range(0, 50 - HOP - AHEAD + 1, HOP):
        heard = audio[640 * first : 640 * (first + 1 + HOP + AHEAD)]
        found.append(encoder(heard)[:HOP])
    np.testing.assert_allclose(np.concatenate(found), wanted[: len(found) * HOP], atol=2e-4)


def test_features_follow_a_voice_that_is_not_known(voice):
    """A voice 20 dB quieter than the one assumed ends up where a recording of it would be."""
    hiss = np.random.default_rng(6).normal(0, 0.02, 3 * len(voice)).astype(np.float32)
    loud, quiet = 1.0 * voice, np.float32(0.1) * (np.tile(voice, 3) + hiss)
    encoder = RunningLogMel(LogMelConfig(), HOP, loud, adapts=True)
    wanted, audio, errors = log_mel(quiet), np.concatenate([np.zeros(640, np.float32), quiet]), []
    for first in range(0, 150 - HOP - AHEAD + 1, HOP):
        heard = audio[640 * first : 640 * (first + 1 + HOP + AHEAD)]
        errors.append(np.abs(encoder(heard)[:HOP] - wanted[first : first + HOP]).mean())
    assert errors[-1] < 0.3 < errors[0]


def test_other_encoders_hear_the_last_seconds_in_one_shape():
    shapes = []

    class Encoder:
        size = 3

        def __call__(self, audio):
            shapes.append(len(audio))
            return np.repeat(np.arange(len(audio) // 640, dtype=np.float32)[:, None], 3, 1)

    encoder = SlidingSpeech(Encoder())
    queue = SpeechQueue(HOP, AHEAD, encoder.context)
    queue.push(np.ones(640 * 30, np.float32))
    for _ in range(3):
        features = encoder(queue.take(idle=False).heard)
        assert features[:, 0].tolist() == list(range(100, 110))
    assert set(shapes) == {110 * 640}


def test_taking_back_what_was_not_shown_repeats_it(tiny_weights, voice):
    config, params, card = load_weights(tiny_weights / "generator")
    model = motion_model(config, params, card)
    encoder = RunningLogMel(LogMelConfig(), HOP, voice, adapts=False)
    own = np.zeros(70, np.float32)
    stream = PlaymateStream(
        model, encoder, np.zeros(63, np.float32), own, GenerateOptions(steps=2), no_emotion(),
        HOP, AHEAD,
    )  # fmt: skip
    heard, speaking = voice[: 640 * (1 + HOP + AHEAD)], np.ones(HOP, bool)
    first = stream.next(heard, speaking, no_emotion(), 1.0)
    stream.rewind(HOP)
    np.testing.assert_array_equal(stream.next(heard, speaking, no_emotion(), 1.0), first)


def test_the_head_starts_where_the_portrait_holds_it(opened, voice):
    stream = opened([voice])
    head = np.stack([frame.motion[POSE] for frame in stream])
    np.testing.assert_allclose(head[0], stream._motion._own[POSE], atol=1e-6)
    steps = np.abs(np.diff(head, axis=0)).max(1)
    assert steps[0] < 2 * steps[1:].max()
