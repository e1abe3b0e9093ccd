"""S3FD in PyTorch, under the names of SyncNet's copy; images are (b, 3, h, w) in [0, 1]."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from playmate_jax.models.s3fd import BACKGROUNDS, DEPTHS, EPSILON, MEAN, S3FDConfig


class L2Norm(nn.Module):
    """Channels to length 1, then a scale of the channel."""

    channels_first = True  # for layer_outputs.py, which knows PyTorch's own layers

    def __init__(self, width: int, scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor) -> Tensor:
        length = x.pow(2).sum(1, keepdim=True).sqrt()
        return x / (length + EPSILON) * self.weight[:, None, None]


class S3FDReference(nn.Module):
    """Images to logits (b, n, 2) and offsets (b, n, 4) of all priors."""

    def __init__(self, config: S3FDConfig):
        super().__init__()
        layers: list[nn.Module] = []
        inputs, self.taps = 3, []
        for i, (depth, width) in enumerate(zip(DEPTHS, config.widths, strict=True)):
            for _ in range(depth):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            self.taps.append(len(layers) - 1)
            layers.append(nn.MaxPool2d(2, ceil_mode=i == 2))  # noqa: PLR2004
        layers += [nn.Conv2d(inputs, config.wide, 3, padding=6, dilation=6), nn.ReLU()]
        layers += [nn.Conv2d(config.wide, config.wide, 1), nn.ReLU()]
        self.vgg = nn.ModuleList(layers)
        w, e = config.widths, config.extras
        self.L2Norm3_3, self.L2Norm4_3 = L2Norm(w[2], 10.0), L2Norm(w[3], 8.0)
        self.L2Norm5_3 = L2Norm(w[4], 5.0)
        first, second = nn.Conv2d(config.wide, e[0], 1), nn.Conv2d(e[0], e[1], 3, 2, 1)
        third, fourth = nn.Conv2d(e[1], e[2], 1), nn.Conv2d(e[2], e[3], 3, 2, 1)
        self.extras = nn.ModuleList([first, second, third, fourth])
        widths = (*w[2:], config.wide, e[1], e[3])
        self.loc = nn.ModuleList([nn.Conv2d(width, 4, 3, padding=1) for width in widths])
        self.conf = nn.ModuleList(
            [nn.Conv2d(c, n + 1, 3, padding=1) for c, n in zip(widths, BACKGROUNDS, strict=True)]
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = 255 * image - torch.tensor(MEAN).reshape(3, 1, 1)
        maps: list[Tensor] = []
        norms = {self.taps[i + 2]: self.get_submodule(f"L2Norm{i + 3}_3") for i in range(3)}
        for i, layer in enumerate(self.vgg):
            x = layer(x)
            if i in norms:
                maps.append(norms[i](x))
        maps.append(x)
        for i, layer in enumerate(self.extras):
            x = functional.relu(layer(x))
            if i % 2:
                maps.append(x)
        logits = []
        for x, layer, n in zip(maps, self.conf, BACKGROUNDS, strict=True):
            y = layer(x)
            logits.append(_places(torch.cat([y[:, :n].amax(1, keepdim=True), y[:, n:]], 1)))
        offsets = [_places(layer(x)) for x, layer in zip(maps, self.loc, strict=True)]
        return torch.cat(logits, 1), torch.cat(offsets, 1)


def _places(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(1, 2)
