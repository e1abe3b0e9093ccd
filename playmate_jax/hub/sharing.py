"""A set of weights as one folder with a model card, to keep, send or upload to the hub.

DIR/README.md      the model card (`model_card.py`)
DIR/renderer/      F, M, W, G and, where they exist, S and the retargeting MLPs
DIR/generator/     the motion generator
DIR/speech/        the speech encoder that the generator was trained on, where it needs one
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import read_card
from playmate_jax.hub.model_card import markdown
from playmate_jax.hub.weights import whole_folder


def save_bundle(directory: str | Path, folders: Mapping[str, Path]) -> Path:
    """Copies weights directories into one new folder, and adds a model card.

    Args:
      directory: the folder to create; it appears under its name only when it is complete.
      folders: weights directories by part ("renderer", "generator", "speech").

    Raises:
      UserError: `folders` is empty, or the folder exists and is not empty.
    """
    directory = Path(directory)
    if not folders:
        raise UserError(
            "expected an animator that was made by from_weights, found one put together by hand: "
            "save its parts with hub.weights.save_weights"
        )
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UserError(
            f"expected a new folder, found that '{directory}' exists: choose another name"
        )
    cards = {part: read_card(folder) for part, folder in folders.items()}
    with whole_folder(directory) as scratch:
        for part, folder in folders.items():
            (scratch / part).mkdir()
            for file in sorted(folder.iterdir()):
                if file.suffix in (".json", ".safetensors"):
                    shutil.copyfile(file, scratch / part / file.name)
        (scratch / "README.md").write_text(markdown(cards, directory.name), "utf-8")
    return directory
