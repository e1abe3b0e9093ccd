"""JoyVASA's motion generator in PyTorch, under the names of its checkpoints, statistics besides.

Motion (b, t, 70) in the template's units, speech (b, t, d), steps from 1; see `models/joyvasa.py`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.joyvasa.rules import TABLE_ROWS
from playmate_jax.converters.wav2vec2.reference import SpeechEncoderReference
from playmate_jax.inference.joyvasa_generator import STATISTICS
from playmate_jax.models.joyvasa import DenoiserConfig, JoyvasaConfig
from playmate_jax.motion.layout import MOTION_SIZE


def buffers(**sizes: tuple[int, ...]) -> nn.Module:
    """A module that only holds tensors, to be loaded."""
    module = nn.Module()
    for name, size in sizes.items():
        module.register_buffer(name, torch.zeros(size))
    return module


class DenoiserReference(nn.Module):
    """The network under diffusion: PyTorch's own decoder layers."""

    def __init__(self, config: DenoiserConfig):
        super().__init__()
        c, d, tokens = config, config.width, config.window.total
        self.config = config
        if c.align_width > 0:
            self.register_buffer("alignment_mask", torch.zeros(tokens, tokens, dtype=torch.bool))
        self.TE = buffers(pe=(1, c.n_diffusion_steps + 1, d))
        self.diff_step_map = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))
        self.PE = buffers(pe=(1, TABLE_ROWS, d))
        self.feature_proj = nn.Linear(MOTION_SIZE + c.indicator, d)
        layer = nn.TransformerDecoderLayer(
            d, c.heads, c.mlp_ratio * d, activation="gelu", batch_first=True
        )
        self.transformer = nn.TransformerDecoder(layer, c.layers)
        outwards = nn.Linear(d, d // 2), nn.GELU(), nn.Linear(d // 2, MOTION_SIZE)
        self.motion_dec = nn.Sequential(*outwards)

    def forward(
        self,
        motion: Tensor,
        speech: Tensor,
        previous_motion: Tensor,
        previous_speech: Tensor,
        step: Tensor,
    ) -> Tensor:
        """Motion of a window (b, p + t, 70), every frame of which is real."""
        x = torch.cat([previous_motion, motion], 1)
        if self.config.indicator:
            real = torch.ones_like(x[..., :1])
            real[:, : self.config.window.previous] = 0
            x = torch.cat([x, real], -1)
        x, tokens = self.feature_proj(x), x.shape[1]
        rows = self.PE.pe
        x = x + (rows[:, tokens] if self.config.position_row else rows[:, :tokens])
        x = x + self.diff_step_map(self.TE.pe[0, step.long()])[:, None]
        heard = torch.cat([previous_speech, speech], 1)
        mask = getattr(self, "alignment_mask", None)
        return self.motion_dec(self.transformer(x, heard, memory_mask=mask))


class JoyvasaReference(nn.Module):
    """A first window: audio (1, s), noisy motion (1, t, 70) and a step (1,) to what the denoiser
    makes of them without speech and with it (2, p + t, 70)."""

    def __init__(self, config: JoyvasaConfig):
        super().__init__()
        c = config.denoiser
        p, d = c.window.previous, c.width
        self.start_audio_feat = nn.Parameter(torch.randn(1, p, d))
        self.start_motion_feat = nn.Parameter(torch.randn(1, p, MOTION_SIZE))
        self.null_audio_feat = nn.Parameter(torch.randn(1, 1, d))
        self.audio_encoder = SpeechEncoderReference(config.encoder)
        self.audio_feature_map = nn.Linear(config.encoder.width, d)
        self.denoising_net = DenoiserReference(c)
        names = ("betas", "alphas", "alpha_bars", "sigmas_flex", "sigmas_inflex")
        self.diffusion_sched = buffers(**{name: (c.n_diffusion_steps + 1,) for name in names})
        self.statistics = buffers(**{name: (size,) for name, size in STATISTICS.items()})

    def speech(self, audio: Tensor, frames: int) -> Tensor:
        """Audio to features (b, frames, d) at 25 Hz."""
        rows = self.audio_encoder(audio)[-1].transpose(1, 2)
        return self.audio_feature_map(F.interpolate(rows, frames, mode="linear").transpose(1, 2))

    def forward(self, audio: Tensor, motion: Tensor, step: Tensor) -> Tensor:
        speech = self.speech(audio, motion.shape[1])
        both = torch.cat([self.null_audio_feat.expand_as(speech), speech])
        start = self.start_motion_feat, self.start_audio_feat
        twice = [x.expand(2, -1, -1) for x in (motion, *start)]
        return self.denoising_net(twice[0], both, *twice[1:], step.expand(2))
