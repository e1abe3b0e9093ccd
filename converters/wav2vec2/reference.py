"""wav2vec 2.0 and HuBERT in PyTorch; names are those of transformers' Wav2Vec2Model, HubertModel.

Waveforms (b, s) at 16 kHz, normalised as the weights were trained, to features at 50 Hz.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from playmate_jax.models.wav2vec2 import Wav2Vec2Config


class ConvLayer(nn.Module):
    """Convolution without padding, maybe a norm, GELU."""

    def __init__(self, config: Wav2Vec2Config, i: int):
        super().__init__()
        inputs = config.channels[i - 1] if i else 1
        width, kernel, stride = config.channels[i], config.kernels[i], config.strides[i]
        self.conv = nn.Conv1d(inputs, width, kernel, stride, bias=config.conv_bias)
        self.over_channels = config.feature_norm == "layer"
        if self.over_channels:
            self.layer_norm: nn.Module = nn.LayerNorm(width)
        elif i == 0:
            self.layer_norm = nn.GroupNorm(width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.over_channels:
            x = self.layer_norm(x.transpose(1, 2)).transpose(1, 2)
        elif hasattr(self, "layer_norm"):
            x = self.layer_norm(x)
        return F.gelu(x)


class PositionConv(nn.Module):
    """Grouped convolution under weight normalisation per tap, one frame dropped where it is even,
    GELU."""

    def __init__(self, config: Wav2Vec2Config):
        super().__init__()
        d, k, groups = config.width, config.position_kernel, config.position_groups
        conv = nn.Conv1d(d, d, k, padding=k // 2, groups=groups)
        self.conv = weight_norm(conv, name="weight", dim=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return F.gelu(y[:, : x.shape[1]])


class Attention(nn.Module):
    """Multi-head self-attention on (b, t, d), projections as transformers names them."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        for name in ("k", "v", "q", "out"):
            self.add_module(f"{name}_proj", nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        query, key, value = (
            projection(x).reshape(b, t, self.heads, d // self.heads).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out_proj(mixed.transpose(1, 2).reshape(b, t, d))


class Layer(nn.Module):
    """Self-attention and feed-forward, norms after (base) or before them (large)."""

    def __init__(self, config: Wav2Vec2Config):
        super().__init__()
        d = config.width
        self.before = config.stable_layer_norm
        self.attention = Attention(d, config.heads)
        self.layer_norm, self.final_layer_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.feed_forward = nn.Module()
        self.feed_forward.intermediate_dense = nn.Linear(d, config.feed_forward)
        self.feed_forward.output_dense = nn.Linear(config.feed_forward, d)

    def forward(self, x: Tensor) -> Tensor:
        if self.before:
            x = x + self.attention(self.layer_norm(x))
            return x + self._feed_forward(self.final_layer_norm(x))
        x = self.layer_norm(x + self.attention(x))
        return self.final_layer_norm(x + self._feed_forward(x))

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.feed_forward.output_dense(F.gelu(self.feed_forward.intermediate_dense(x)))


class SpeechEncoderReference(nn.Module):
    """The whole encoder: the input of the first layer and every layer's output."""

    def __init__(self, config: Wav2Vec2Config):
        super().__init__()
        c = config
        self.masked_spec_embed = nn.Parameter(torch.zeros(c.width))
        self.feature_extractor = nn.Module()
        layers = (ConvLayer(c, i) for i in range(len(c.channels)))
        self.feature_extractor.conv_layers = nn.ModuleList(layers)
        self.feature_projection = nn.Module()
        if c.projection_norm:
            self.feature_projection.layer_norm = nn.LayerNorm(c.channels[-1])
        self.feature_projection.projection = nn.Linear(c.channels[-1], c.width)
        self.encoder = nn.Module()
        self.encoder.pos_conv_embed = PositionConv(c)
        self.encoder.layer_norm = nn.LayerNorm(c.width)
        self.encoder.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.before = c.stable_layer_norm

    def forward(self, audio: Tensor) -> list[Tensor]:
        x = audio[:, None]
        for layer in self.feature_extractor.conv_layers:
            x = layer(x)
        x = x.transpose(1, 2)
        if hasattr(self.feature_projection, "layer_norm"):
            x = self.feature_projection.layer_norm(x)
        x = self.feature_projection.projection(x)
        x = x + self.encoder.pos_conv_embed(x)
        states = [x if self.before else self.encoder.layer_norm(x)]
        for layer in self.encoder.layers:
            states.append(layer(states[-1]))
        if self.before:
            states[-1] = self.encoder.layer_norm(states[-1])
        return states
