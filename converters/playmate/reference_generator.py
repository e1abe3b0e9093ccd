"""The motion generator of stage 1 in PyTorch; names follow the Flax tree, layers are a list."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.motion.layout import EXPRESSION_SIZE, MOTION_SIZE, POSE_SIZE

STEP_EMBEDDING = 128


def sinusoids(positions: Tensor, width: int, longest: float) -> Tensor:
    """Sines and cosines of wavelengths from 2 pi up to 2 pi `longest`."""
    rates = torch.exp(-math.log(longest) * torch.arange(width // 2) / (width // 2))
    angles = positions[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


def with_previous(valid: Tensor | None, n: int) -> Tensor | None:
    """The window's mask (b, t) with n previous frames, all of them valid, in front."""
    return None if valid is None else F.pad(valid, (n, 0), value=True)


class MLP(nn.Module):
    """Two linear layers with SiLU between."""

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float = 0.0):
        super().__init__()
        self.linear_in, self.linear_out = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(F.silu(self.linear_in(x)), self.dropout, self.training)
        return self.linear_out(x)


class SelfAttention(nn.Module):
    """Multi-head self-attention over time on (b, t, d)."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_key_value, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        b, t, d = x.shape
        qkv = self.query_key_value(x).reshape(b, t, 3, self.heads, d // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mask = None if valid is None else valid[:, None, None, :]
        mixed = F.scaled_dot_product_attention(query, key, value, mask, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).reshape(b, t, d))


class ConformerLayer(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, LayerNorm."""

    def __init__(self, config: MotionDenoiserConfig):
        super().__init__()
        d, p = config.width, config.dropout
        self.dropout = p
        self.feed_forward_in = MLP(d, config.feed_forward, d, p)
        self.feed_forward_out = MLP(d, config.feed_forward, d, p)
        self.attention = SelfAttention(d, config.heads, p)
        self.pointwise_in, self.pointwise_out = nn.Linear(d, 2 * d), nn.Linear(d, d)
        k = config.kernel_size
        self.depthwise = nn.Conv1d(d, d, k, padding=k // 2, groups=d)
        for name in (
            "feed_forward_in",
            "feed_forward_out",
            "attention",
            "convolution",
            "depthwise",
        ):
            self.add_module(f"{name}_norm", nn.LayerNorm(d))
        self.norm = nn.LayerNorm(d)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        def drop(y: Tensor) -> Tensor:
            return F.dropout(y, self.dropout, self.training)

        x = x + 0.5 * drop(self.feed_forward_in(self.feed_forward_in_norm(x)))
        x = x + drop(self.attention(self.attention_norm(x), valid))
        y = F.glu(self.pointwise_in(self.convolution_norm(x)), -1)
        if valid is not None:
            y = y.masked_fill(~valid[..., None], 0.0)
        y = self.depthwise(y.transpose(1, 2)).transpose(1, 2)
        x = x + drop(self.pointwise_out(F.silu(self.depthwise_norm(y))))
        x = x + 0.5 * drop(self.feed_forward_out(self.feed_forward_out_norm(x)))
        return self.norm(x)


class GeneratorReference(nn.Module):
    """Stage 1; arguments are those of the Flax `MotionDenoiser`."""

    def __init__(self, config: MotionDenoiserConfig):
        super().__init__()
        c, d, n = config, config.width, config.condition_width
        self.config = config
        self.motion_projection = MLP(MOTION_SIZE, d, d)
        self.speech_projection = MLP(c.speech_size, d, d)
        self.identity_projection = MLP(c.identity_size, n, n)
        self.step_projection = MLP(STEP_EMBEDDING, d, n)
        self.speech_alignment = nn.ModuleDict(
            {"norm": nn.LayerNorm(d), "attention": SelfAttention(d, c.heads)}
        )
        self.mix = nn.Linear(2 * d + 2 * n, d)
        self.conformer = nn.ModuleDict(
            {"layers": nn.ModuleList(ConformerLayer(c) for _ in range(c.layers))}
        )
        self.expression_head = MLP(d, 2 * d, EXPRESSION_SIZE)
        self.pose_head = MLP(d, d, POSE_SIZE)
        for name in ("null_speech", "null_previous_speech", "null_previous_motion"):
            self.register_parameter(name, nn.Parameter(0.02 * torch.randn(d)))

    def hidden(
        self,
        motion: Tensor,
        previous_motion: Tensor,
        speech: Tensor,
        identity: Tensor,
        step: Tensor,
        has_speech: Tensor,
        has_previous: Tensor,
        valid: Tensor | None = None,
    ) -> Tensor:
        """The Conformer's output, previous frames included."""
        d, p, total = self.config.width, self.config.window.previous, self.config.window.total
        positions = sinusoids(torch.arange(total).float(), d, 200.0)
        has_speech, has_previous = has_speech[:, None, None], has_previous[:, None, None]
        valid = with_previous(valid, p)
        heard = self.speech_projection(speech)
        past = torch.where(has_previous, heard[:, :p], self.null_previous_speech)
        heard = torch.cat([past, heard[:, p:]], 1)
        aligned = self.speech_alignment["norm"](heard) + positions
        heard = heard + self.speech_alignment["attention"](aligned, valid)
        heard = torch.where(has_speech, heard, self.null_speech)
        past = self.motion_projection(previous_motion)
        past = torch.where(has_previous, past, self.null_previous_motion)
        moved = torch.cat([past, self.motion_projection(motion)], 1)
        embedding = sinusoids(step.float(), STEP_EMBEDDING, 10_000.0)
        clip = torch.cat([self.identity_projection(identity), self.step_projection(embedding)], -1)
        clip = clip[:, None].expand(-1, total, -1)
        x = self.mix(torch.cat([moved, heard, clip], -1)) + positions
        for layer in self.conformer["layers"]:
            x = layer(x, valid)
        return x

    def heads(self, expression_hidden: Tensor, pose_hidden: Tensor) -> Tensor:
        """Exp-MLP and Pose-MLP on the window's frames."""
        p = self.config.window.previous
        expression = self.expression_head(expression_hidden[:, p:])
        return torch.cat([expression, self.pose_head(pose_hidden[:, p:])], -1)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Stage 1: arguments of `hidden`, output of `heads`."""
        hidden = self.hidden(*inputs)
        return self.heads(hidden, hidden)
