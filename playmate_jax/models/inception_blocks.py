"""The layers of FID's InceptionV3 as data, in the order of its published file.

The network (inception.py), its converter and its PyTorch reference read them. Names are the file's;
channels are those of pytorch-fid's `pt_inception-2015-12-05-6726825d.pth`.
"""

from typing import NamedTuple

FEATURES = 2048  # of the last block


class Layer(NamedTuple):
    """Convolution, norm, ReLU: published name, channels, window (height, width), stride, padding.

    `pad` keeps the size of the image; without it the window stays inside.
    """

    name: str
    width: int
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    pad: bool = True


class Block(NamedTuple):
    """Branches whose outputs are concatenated, then the pooled one.

    Attributes:
      branches: layers in a row; a tuple among them stands for two side by side.
      pool: "mean" (3x3, of what lies inside) or "max" (3x3), both of the same size, or "halve" (the
        maximum with stride 2 and no padding).
      pooled: the layer behind the pool; None where there is none.
    """

    branches: tuple[tuple[Layer | tuple[Layer, Layer], ...], ...]
    pool: str
    pooled: Layer | None = None


STEM = (
    Layer("Conv2d_1a_3x3", 32, (3, 3), 2, pad=False),
    Layer("Conv2d_2a_3x3", 32, (3, 3), pad=False),
    Layer("Conv2d_2b_3x3", 64, (3, 3)),
    Layer("Conv2d_3b_1x1", 80),
    Layer("Conv2d_4a_3x3", 192, (3, 3), pad=False),
)
POOLED_STEM = ("Conv2d_2b_3x3", "Conv2d_4a_3x3")  # a maximum with stride 2 follows


def _block_35(pooled: int) -> Block:
    """Blocks of 35 x 35 cells: windows up to 5."""
    return Block(
        (
            (Layer("branch1x1", 64),),
            (Layer("branch5x5_1", 48), Layer("branch5x5_2", 64, (5, 5))),
            (
                Layer("branch3x3dbl_1", 64),
                Layer("branch3x3dbl_2", 96, (3, 3)),
                Layer("branch3x3dbl_3", 96, (3, 3)),
            ),
        ),
        "mean",
        Layer("branch_pool", pooled),
    )


def _block_17(width: int) -> Block:
    """Blocks of 17 x 17 cells: windows of 7, split into rows and columns."""
    row, column = (1, 7), (7, 1)
    return Block(
        (
            (Layer("branch1x1", 192),),
            (
                Layer("branch7x7_1", width),
                Layer("branch7x7_2", width, row),
                Layer("branch7x7_3", 192, column),
            ),
            (
                Layer("branch7x7dbl_1", width),
                Layer("branch7x7dbl_2", width, column),
                Layer("branch7x7dbl_3", width, row),
                Layer("branch7x7dbl_4", width, column),
                Layer("branch7x7dbl_5", 192, row),
            ),
        ),
        "mean",
        Layer("branch_pool", 192),
    )


def _block_8(pool: str) -> Block:
    """Blocks of 8 x 8 cells: windows of 3, as a row and a column side by side."""
    row, column = (1, 3), (3, 1)
    return Block(
        (
            (Layer("branch1x1", 320),),
            (
                Layer("branch3x3_1", 384),
                (Layer("branch3x3_2a", 384, row), Layer("branch3x3_2b", 384, column)),
            ),
            (
                Layer("branch3x3dbl_1", 448),
                Layer("branch3x3dbl_2", 384, (3, 3)),
                (Layer("branch3x3dbl_3a", 384, row), Layer("branch3x3dbl_3b", 384, column)),
            ),
        ),
        pool,
        Layer("branch_pool", 192),
    )


BLOCKS = {
    "Mixed_5b": _block_35(32),
    "Mixed_5c": _block_35(64),
    "Mixed_5d": _block_35(64),
    "Mixed_6a": Block(
        (
            (Layer("branch3x3", 384, (3, 3), 2, pad=False),),
            (
                Layer("branch3x3dbl_1", 64),
                Layer("branch3x3dbl_2", 96, (3, 3)),
                Layer("branch3x3dbl_3", 96, (3, 3), 2, pad=False),
            ),
        ),
        "halve",
    ),
    "Mixed_6b": _block_17(128),
    "Mixed_6c": _block_17(160),
    "Mixed_6d": _block_17(160),
    "Mixed_6e": _block_17(192),
    "Mixed_7a": Block(
        (
            (Layer("branch3x3_1", 192), Layer("branch3x3_2", 320, (3, 3), 2, pad=False)),
            (
                Layer("branch7x7x3_1", 192),
                Layer("branch7x7x3_2", 192, (1, 7)),
                Layer("branch7x7x3_3", 192, (7, 1)),
                Layer("branch7x7x3_4", 192, (3, 3), 2, pad=False),
            ),
        ),
        "halve",
    ),
    "Mixed_7b": _block_8("mean"),
    "Mixed_7c": _block_8("max"),
}
