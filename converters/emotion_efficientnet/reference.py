"""EfficientNet in PyTorch, under timm's names; images are (b, 3, h, w) in [0, 1]."""

import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.vgg19.reference import normalized
from playmate_jax.models.efficientnet import EPSILON, SQUEEZE, STAGES, EfficientNetConfig


class SameConv(nn.Conv2d):
    """TensorFlow's padding: just enough, and the odd row and column at the end."""

    def forward(self, x: Tensor) -> Tensor:
        (k, _), (s, _) = self.kernel_size, self.stride
        missing = [max((-(-n // s) - 1) * s + k - n, 0) for n in (x.shape[3], x.shape[2])]
        pads = [pad for n in missing for pad in (n // 2, n - n // 2)]
        return super().forward(F.pad(x, pads))


def norm(width: int) -> nn.BatchNorm2d:
    """BatchNorm of images, with the epsilon that TensorFlow adds to variances."""
    return nn.BatchNorm2d(width, EPSILON)


class SqueezeExcite(nn.Module):
    """Every channel times a weight that the image's mean decides."""

    def __init__(self, width: int, squeezed: int):
        super().__init__()
        self.conv_reduce = nn.Conv2d(width, squeezed, 1)
        self.conv_expand = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * self.conv_expand(y).sigmoid()


class Separable(nn.Module):
    """A block without expansion: depthwise, squeeze, 1x1."""

    def __init__(self, inputs: int, width: int, window: int, stride: int):
        super().__init__()
        self.conv_dw = SameConv(inputs, inputs, window, stride, groups=inputs, bias=False)
        self.bn1, self.se = norm(inputs), SqueezeExcite(inputs, inputs // SQUEEZE)
        self.conv_pw, self.bn2 = nn.Conv2d(inputs, width, 1, bias=False), norm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.se(F.silu(self.bn1(self.conv_dw(x))))
        y = self.bn2(self.conv_pw(y))
        return x + y if x.shape == y.shape else y


class Inverted(nn.Module):
    """A block with expansion: 1x1, depthwise, squeeze, 1x1."""

    def __init__(self, inputs: int, width: int, window: int, stride: int, expansion: int):
        super().__init__()
        middle = expansion * inputs
        self.conv_pw, self.bn1 = nn.Conv2d(inputs, middle, 1, bias=False), norm(middle)
        self.conv_dw = SameConv(middle, middle, window, stride, groups=middle, bias=False)
        self.bn2, self.se = norm(middle), SqueezeExcite(middle, inputs // SQUEEZE)
        self.conv_pwl, self.bn3 = nn.Conv2d(middle, width, 1, bias=False), norm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.silu(self.bn1(self.conv_pw(x)))
        y = self.se(F.silu(self.bn2(self.conv_dw(y))))
        y = self.bn3(self.conv_pwl(y))
        return x + y if x.shape == y.shape else y


class EfficientNetReference(nn.Module):
    """An image to logits, with the classifier in a Sequential as EmotiEffLib builds it."""

    def __init__(self, config: EfficientNetConfig):
        super().__init__()
        self.conv_stem = SameConv(3, config.stem, 3, 2, bias=False)
        self.bn1 = norm(config.stem)
        inputs, self.blocks = config.stem, nn.Sequential()
        for (window, stride, expansion), depth, width in zip(
            STAGES, config.depths, config.widths, strict=False
        ):
            stage = nn.Sequential()
            for j in range(depth):
                size = (inputs, width, window, 1 if j else stride)
                stage.append(Separable(*size) if expansion == 1 else Inverted(*size, expansion))
                inputs = width
            self.blocks.append(stage)
        self.conv_head = nn.Conv2d(inputs, config.head, 1, bias=False)
        self.bn2 = norm(config.head)
        self.classifier = nn.Sequential(nn.Linear(config.head, config.classes))

    def forward(self, image: Tensor) -> Tensor:
        x = F.silu(self.bn1(self.conv_stem(normalized(image))))
        x = F.silu(self.bn2(self.conv_head(self.blocks(x))))
        return self.classifier(x.mean((2, 3)))
