"""The emotion controller in PyTorch, and the whole motion model that an export holds."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.playmate.reference_generator import (
    MLP,
    STEP_EMBEDDING,
    GeneratorReference,
    SelfAttention,
    sinusoids,
    with_previous,
)
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.layout import EMOTIONS, EXPRESSION_SIZE, POSE_SIZE


class DiTBlock(nn.Module):
    """Attention and MLP whose norms and gates a condition sets (adaLN-Zero)."""

    def __init__(self, config: EmotionConfig, width: int):
        super().__init__()
        self.modulation = nn.Linear(config.condition_width, 6 * width)
        self.attention = SelfAttention(width, config.heads)
        self.mlp = MLP(width, config.mlp_ratio * width, width)

    def forward(
        self, x: Tensor, condition: Tensor, strength: Tensor, valid: Tensor | None
    ) -> Tensor:
        parts = self.modulation(F.silu(condition)).chunk(6, -1)
        shift, scale, gate = parts[:3]
        y = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        x = x + strength * gate * self.attention(y, valid)
        shift, scale, gate = parts[3:]
        y = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        return x + strength * gate * self.mlp(y)


class EmotionReference(nn.Module):
    """Stage 2: (hidden (b, t, d), emotion (b, t, 8), step (b,)) to what Exp-MLP reads."""

    def __init__(self, config: EmotionConfig, width: int):
        super().__init__()
        self.n_blocks, c = config.blocks, config.condition_width
        self.emotion_projection = MLP(len(EMOTIONS), c, c)
        self.step_projection = MLP(STEP_EMBEDDING, c, c)
        for i in range(config.blocks):
            self.add_module(f"block_{i}", DiTBlock(config, width))

    def forward(
        self, hidden: Tensor, emotion: Tensor, step: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        embedding = sinusoids(step.float(), STEP_EMBEDDING, 10_000.0)
        condition = self.emotion_projection(emotion) + self.step_projection(embedding)[:, None]
        strength = emotion.sum(-1, keepdim=True).clamp(0, 1)
        for i in range(self.n_blocks):
            hidden = self.get_submodule(f"block_{i}")(hidden, condition, strength, valid)
        return hidden


class MotionModelReference(nn.Module):
    """Generator and controller as `motion_model.output` joins them, and the statistics as buffers.

    Arguments of `forward` are the generator's (`valid` among them) and the emotion (b, t, 8) after
    them.
    """

    def __init__(self, config: MotionModelConfig):
        super().__init__()
        self.generator = GeneratorReference(config.generator)
        if config.emotion is not None:
            self.emotion = EmotionReference(config.emotion, config.generator.width)
        self.statistics = nn.Module()
        self.statistics.motion = nn.Module()
        for name in ("mean", "std", "low", "high"):
            self.statistics.motion.register_buffer(
                f"expression_{name}", torch.zeros(EXPRESSION_SIZE)
            )
        self.statistics.motion.register_buffer("pose_std", torch.zeros(POSE_SIZE))
        sizes = {"speech": config.generator.speech_size, "identity": config.generator.identity_size}
        for name, size in sizes.items():
            for moment in ("mean", "std"):
                self.statistics.register_buffer(f"{name}_{moment}", torch.zeros(size))

    def forward(self, *inputs: Tensor) -> Tensor:
        *stage1, emotion = inputs
        expression = hidden = self.generator.hidden(*stage1)
        if hasattr(self, "emotion"):
            valid = with_previous(stage1[7], self.generator.config.window.previous)
            expression = self.emotion(hidden, emotion, stage1[4], valid)
        return self.generator.heads(expression, hidden)
