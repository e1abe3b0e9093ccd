"""LPIPS as it is published: the trunk in torchvision's file, the heads in the `lpips` package's.

    alexnet-owt-7be5be79.pth with alex.pth, or vgg16-397923af.pth with vgg.pth

Both files lie in one folder. An export is one file with the names of the package's module.
"""

import re
from dataclasses import replace
from pathlib import Path

from playmate_jax.converters import torch_files
from playmate_jax.converters.family import Layout
from playmate_jax.converters.lpips.rules import trunk_indices
from playmate_jax.converters.state_files import Checkpoint, Progress, checkpoint_of
from playmate_jax.errors import UserError

# trunk: patterns of the files' names
HEADS = {"alex": "alex.pth", "vgg": "vgg.pth"}
CONVOLUTIONS = {"alex": "alexnet*.pth", "vgg": "vgg16*.pth"}


def trunks_in(folder: Path) -> list[str]:
    """The trunks of which both files are in a folder."""
    return [
        trunk
        for trunk in HEADS
        if (folder / HEADS[trunk]).is_file() and any(folder.glob(CONVOLUTIONS[trunk]))
    ]


def read(folder: Path, progress: Progress) -> Checkpoint:
    """Both files as one state dict of the package's module.

    Raises:
      UserError: files of both trunks, several of one, or damage.
    """
    trunks = trunks_in(folder)
    convolutions = [path for trunk in trunks for path in sorted(folder.glob(CONVOLUTIONS[trunk]))]
    if len(convolutions) != 1:
        raise UserError(
            f"expected one trunk of LPIPS in {folder}, found "
            f"{', '.join(path.name for path in convolutions)}: give a folder with the files of one"
        )
    progress("read", 0, 2)
    trunk = checkpoint_of(convolutions[0], torch_files.read(convolutions[0]))
    progress("read", 1, 2)
    head_file = folder / HEADS[trunks[0]]
    heads = checkpoint_of(head_file, torch_files.read(head_file))
    progress("read", 2, 2)
    state = {
        package_name(name, trunks[0]): value
        for name, value in trunk.state.items()
        if not name.startswith("classifier.")
    }
    return replace(trunk, path=folder, state=state | heads.state, files=trunk.files | heads.files)


def package_name(name: str, trunk: str) -> str:
    """A tensor's name in torchvision's file to its name in the package's module."""
    found = re.fullmatch(r"features\.(\d+)\.(weight|bias)", name)
    for i, indices in enumerate(trunk_indices(trunk), 1):
        if found and int(found[1]) in indices:
            return f"net.slice{i}.{found[1]}.{found[2]}"
    return name


LAYOUT = Layout(lambda folder: bool(trunks_in(folder)), read)
