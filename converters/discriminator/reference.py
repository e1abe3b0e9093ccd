"""The patch discriminators in PyTorch, under FOMM's names; images are (b, 3, h, w) in [0, 1]."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

from playmate_jax.converters.discriminator.rules import scale_name
from playmate_jax.models.discriminator import DiscriminatorConfig


class DiscriminatorBlock(nn.Module):
    """Convolution, maybe instance normalisation, leaky ReLU, maybe a mean over 2x2 cells."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, norm: bool, pool: bool):
        super().__init__()
        self.conv = spectral_norm(nn.Conv2d(inputs, outputs, kernel_size))
        if norm:
            self.norm = nn.InstanceNorm2d(outputs, affine=True)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = F.leaky_relu(self.norm(x) if hasattr(self, "norm") else x, 0.2)
        return F.avg_pool2d(x, 2) if self.pool else x


class PatchDiscriminator(nn.Module):
    """One scale: logits and the features of every block."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        widths, last = [3, *config.widths()], config.blocks - 1
        self.down_blocks = nn.ModuleList(
            DiscriminatorBlock(widths[i], widths[i + 1], config.kernel_size, i > 0, i < last)
            for i in range(config.blocks)
        )
        self.conv = spectral_norm(nn.Conv2d(widths[-1], 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for block in self.down_blocks:
            x = block(x)
            features.append(x)
        return self.conv(x), features


class DiscriminatorReference(nn.Module):
    """Logits and features of every scale, the largest first."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        scales = {scale_name(i): PatchDiscriminator(config) for i in range(config.scales)}
        self.discs = nn.ModuleDict(scales)

    def forward(self, image: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        found = []
        for i, network in enumerate(self.discs.values()):
            image = F.avg_pool2d(image, 2) if i else image
            found.append(network(image))
        return found
