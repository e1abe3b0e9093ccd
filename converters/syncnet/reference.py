"""SyncNet in PyTorch, with the names of `syncnet_v2.model`.

Cepstra (b, 1, 13, 20) and one window of RGB frames (b, 3, 5, h, w) in [0, 1]; what the network is
fed, BGR in 0 ... 255, is made here.
"""

from torch import Tensor, nn

from playmate_jax.models.syncnet import CELL, FRAMES, SyncNetConfig


class SyncNetReference(nn.Module):
    """A window of speech and one of lips to their embeddings."""

    def __init__(self, config: SyncNetConfig):
        super().__init__()
        a, v = config.audio_widths, config.lip_widths
        cells = config.image_size // CELL - 1
        self.netcnnaud = nn.Sequential(
            *_conv(nn.Conv2d(1, a[0], 3, padding=1)), nn.MaxPool2d(1),
            *_conv(nn.Conv2d(a[0], a[1], 3, padding=1)), nn.MaxPool2d(3, (1, 2)),
            *_conv(nn.Conv2d(a[1], a[2], 3, padding=1)),
            *_conv(nn.Conv2d(a[2], a[3], 3, padding=1)),
            *_conv(nn.Conv2d(a[3], a[4], 3, padding=1)), nn.MaxPool2d(3, 2),
            *_conv(nn.Conv2d(a[4], a[5], (5, 4))),
        )  # fmt: skip
        self.netfcaud = _dense(a[5], config.hidden, config.size)
        self.netfclip = _dense(v[5], config.hidden, config.size)
        third, halved = (1, 3, 3), (1, 2, 2)
        self.netcnnlip = nn.Sequential(
            *_conv(nn.Conv3d(3, v[0], (FRAMES, 7, 7), halved)), nn.MaxPool3d(third, halved),
            *_conv(nn.Conv3d(v[0], v[1], (1, 5, 5), halved, (0, 1, 1))),
            nn.MaxPool3d(third, halved, (0, 1, 1)),
            *_conv(nn.Conv3d(v[1], v[2], third, padding=(0, 1, 1))),
            *_conv(nn.Conv3d(v[2], v[3], third, padding=(0, 1, 1))),
            *_conv(nn.Conv3d(v[3], v[4], third, padding=(0, 1, 1))), nn.MaxPool3d(third, halved),
            *_conv(nn.Conv3d(v[4], v[5], (1, cells, cells))),
        )  # fmt: skip

    def forward(self, mfcc: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        audio = self.netfcaud(self.netcnnaud(mfcc).flatten(1))
        lips = self.netfclip(self.netcnnlip(255 * frames.flip(1)).flatten(1))
        return audio, lips


def _conv(layer: nn.Conv2d | nn.Conv3d) -> list[nn.Module]:
    norm = nn.BatchNorm2d if isinstance(layer, nn.Conv2d) else nn.BatchNorm3d
    return [layer, norm(layer.out_channels), nn.ReLU()]


def _dense(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )
