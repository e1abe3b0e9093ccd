"""How our motion model runs on both sides, and a size small enough for a recording."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from playmate_jax.converters.layer_outputs import Run, modules_of, reference
from playmate_jax.converters.synthetic_weights import inputs
from playmate_jax.models.emotion import EmotionConfig, EmotionController
from playmate_jax.models.motion_denoiser import (
    MotionDenoiser,
    MotionDenoiserConfig,
    with_previous,
)
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.layout import EMOTIONS, MOTION_SIZE
from playmate_jax.motion.windows import WindowConfig

TINY = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=6, width=16, condition_width=8, layers=2, heads=2, feed_forward=24,
        kernel_size=5, window=WindowConfig(12, 4),
    ),
    emotion=EmotionConfig(blocks=2, heads=2, mlp_ratio=2, condition_width=12),
)  # fmt: skip


def runs(config: MotionModelConfig) -> list[Run]:
    """Generator, controller if there is one, and heads, with and without their conditions."""
    g, w = config.generator, config.generator.window
    drawn = inputs(
        motion=((3, w.length, MOTION_SIZE), "normal"),
        previous_motion=((3, w.previous, MOTION_SIZE), "normal"),
        speech=((3, w.total, g.speech_size), "normal"),
        identity=((3, g.identity_size), "normal"),
        emotion=((3, w.total, len(EMOTIONS)), "unit"),
    )

    def made_inputs() -> list[np.ndarray]:
        *conditions, emotion = drawn()
        emotion = emotion / len(EMOTIONS)
        has = [np.array([True, True, False]), np.array([True, False, True])]
        valid = np.arange(w.length) < np.array([[w.length], [w.length // 2], [1]])
        return [*conditions, np.array([0, 17, 999], np.int32), *has, valid, emotion]

    made = reference("playmate.reference", "MotionModelReference", config)
    return [Run("", made, layers(config), made_inputs)]


def layers(config: MotionModelConfig) -> Callable[..., dict[str, Any]]:
    """`motion_model.output` with every layer's output kept."""

    def run(variables: Mapping[str, Any], *inputs: Any) -> dict[str, Any]:
        *stage1, emotion = inputs
        generator, params = MotionDenoiser(config.generator), {"params": variables["generator"]}
        kept = {"capture_intermediates": True, "mutable": ["intermediates"]}
        hidden, before = generator.apply(params, *stage1, method="hidden", **kept)
        found = modules_of(before, "generator/")
        expression = hidden
        if config.emotion is not None:
            controller = EmotionController(config.emotion)
            params2 = {"params": variables["emotion"]}
            seen = with_previous(stage1[7], config.generator.window.previous)
            expression, between = controller.apply(
                params2, hidden, emotion, stage1[4], seen, **kept
            )
            found |= modules_of(between, "emotion/")
        output, after = generator.apply(params, expression, hidden, method="heads", **kept)
        return found | modules_of(after, "generator/") | {"": [output]}

    return run
