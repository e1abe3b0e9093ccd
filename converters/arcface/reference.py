"""IResNet in PyTorch, under arcface_torch's names; images are (b, 3, h, w) in [0, 1]."""

from torch import Tensor, nn

from playmate_jax.models.iresnet import IResNetConfig


class Block(nn.Module):
    """Norm, convolution, norm, PReLU, convolution with the stride, norm; plus the shortcut."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 3, 1, 1, bias=False)
        self.bn2, self.prelu = nn.BatchNorm2d(width), nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride > 1:
            shortcut = nn.Conv2d(inputs, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        y = self.bn3(self.conv2(y))
        return y + (x if self.downsample is None else self.downsample(x))


class IResNetReference(nn.Module):
    """Aligned faces to embeddings, with arcface_torch's names."""

    def __init__(self, config: IResNetConfig):
        super().__init__()
        width = config.widths[0]
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(width), nn.PReLU(width)
        inputs, self.n_stages = width, len(config.depths)
        for i, (depth, width) in enumerate(zip(config.depths, config.widths, strict=True)):
            blocks = []
            for j in range(depth):
                blocks.append(Block(inputs, width, 1 if j else 2))
                inputs = width
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        cells = config.image_size // 2**self.n_stages
        self.bn2 = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs * cells * cells, config.size)
        self.features = nn.BatchNorm1d(config.size)

    def forward(self, image: Tensor) -> Tensor:
        return self.embed(2 * image - 1)

    def embed(self, x: Tensor) -> Tensor:
        """Images in [-1, 1], as the published network is fed, to embeddings (b, size)."""
        x = self.prelu(self.bn1(self.conv1(x)))
        for i in range(self.n_stages):
            x = self.get_submodule(f"layer{i + 1}")(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))
