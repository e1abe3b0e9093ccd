"""A set of weights as one folder that explains itself, to be kept, sent or put on the hub.

DIR/README.md      made from the cards (`model_card.py`)
DIR/renderer/      F, M, W, G and what belongs to them
DIR/generator/     speech to motion
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
    """Copies weights directories, by part, under a temporary name and renames it.

    Raises:
      UserError: nothing to copy, or the place is taken.
    """
    directory = Path(directory)
    if not folders:
        raise UserError(
            "expected an animator that was made by from_weights, found one put together by hand: "
            "save its parts with models.weights.save_weights"
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
