"""Does generated motion show the emotion that is asked for, and what does it cost the lips?"""

import dataclasses

import numpy as np
from jaxtyping import Float

from playmate_jax.inference.generate import GenerateOptions, MotionModel
from playmate_jax.metrics.held_out import generated, held_out
from playmate_jax.metrics.lips import correlation
from playmate_jax.metrics.motion import (
    emotion_amplitude,
    emotion_offset,
    nearest_emotion,
    rises_monotonically,
    units_of,
)
from playmate_jax.motion.layout import EMOTIONS

PAPER_SCALE = 1.5  # of guidance, section 4.1


def emotion(model: MotionModel, options: GenerateOptions, count: int) -> dict:
    """Which emotion shows, what it costs the lips, and whether intensity rises; at the paper's
    scales, unless others are asked for."""
    if options.audio_scale is None:
        options = dataclasses.replace(options, audio_scale=PAPER_SCALE)
    clips = held_out("test_emotional", count)
    plain = units_of(generated(model, clips, options))
    moved = units_of(generated(model, clips, options, clips["emotion"]))
    result = dict(
        accuracy=accuracy(clips["emotion"], moved, plain),
        accuracy_of_truth=accuracy(clips["emotion"], clips["units"]),
    )
    return result | lips_under_emotion(model, options)


def accuracy(
    asked: Float[np.ndarray, "n t 8"],
    units: Float[np.ndarray, "n t 18"],
    plain: Float[np.ndarray, "n t 18"] | None = None,
) -> float:
    """Share of clips whose departure from `plain`, the same speech without emotion, or else from a
    face at rest, is nearest to the emotion that was asked for."""
    hits = []
    for i, track in enumerate(asked):
        offset = emotion_offset(units[i], None if plain is None else plain[i])
        seen = nearest_emotion(offset, float(track.sum(-1).mean()))
        hits.append(seen == int(track.mean(0).argmax()))
    return float(np.mean(hits))


def lips_under_emotion(model: MotionModel, options: GenerateOptions) -> dict:
    """What each emotion costs the lips of three speakers, and how intensity shows."""
    n_speakers, others = 3, EMOTIONS[1:]
    speakers = held_out("test_formant", n_speakers)
    base = units_of(generated(model, speakers, options))
    every = {  # each emotion's speakers after the other's, in one batch
        key: np.tile(speakers[key], (len(others),) + (1,) * (speakers[key].ndim - 1))
        for key in ("features", "motion", "identity", "units")
    }
    base, truth = np.tile(base, (len(others), 1, 1)), every["units"]
    asked = np.repeat(np.eye(len(EMOTIONS), dtype=np.float32)[1:], n_speakers, 0)
    of = np.repeat(np.arange(1, len(EMOTIONS)), n_speakers)

    def amplitudes(shown):
        pairs = zip(shown, base[:, : shown.shape[1]], of)
        return [emotion_amplitude(emotion_offset(s, b), e) for s, b, e in pairs]

    short = {key: every[key][:, :100] for key in ("features", "motion")}
    short["identity"] = every["identity"]
    levels = [np.zeros(len(of))]
    for intensity in (0.25, 0.5, 0.75, 1.0):
        levels.append(amplitudes(units_of(generated(model, short, options, asked * intensity))))
    levels = np.reshape(levels, (-1, len(others), n_speakers)).mean(-1)
    shown = units_of(generated(model, every, options, asked))

    def falls(column):
        fall = [
            correlation(b[:, column], t[:, column]) - correlation(s[:, column], t[:, column])
            for s, b, t in zip(shown, base, truth)
        ]
        return np.reshape(fall, (len(others), n_speakers)).mean(-1)

    jaw, wide = falls(0), falls(1)
    return dict(
        jaw_fall_worst=float(jaw.max()),
        jaw_fall_mean=float(jaw.mean()),
        wide_fall_worst=float(wide.max()),
        wide_fall_mean=float(wide.mean()),
        monotone=all(rises_monotonically(levels[:, e]) for e in range(len(others))),
        per_emotion={
            name: dict(
                jaw_fall=float(jaw[e]),
                wide_fall=float(wide[e]),
                amplitude=[round(float(a), 3) for a in levels[:, e]],
            )
            for e, name in enumerate(others)
        },
    )
