"""transformers' folder of a speech encoder: two configurations and one file of weights."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.converters import torch_files
from playmate_jax.converters.family import Layout, Metadata
from playmate_jax.converters.state_files import Checkpoint, Progress, checkpoint_of, read_json
from playmate_jax.converters.wav2vec2.config import preprocessor_config, transformers_config
from playmate_jax.hub.weights import whole_folder
from playmate_jax.models.wav2vec2 import Wav2Vec2Config

FILES = ("model.safetensors", "pytorch_model.bin")


def recognises(folder: Path) -> bool:
    """Whether a folder holds config.json and one of the files of weights."""
    return (folder / "config.json").is_file() and any((folder / x).is_file() for x in FILES)


def read(folder: Path, progress: Progress) -> Checkpoint:
    """The weights, with both configurations as metadata.

    Raises:
      UserError: damage.
    """
    progress("read", 0, 1)
    path = next(folder / name for name in FILES if (folder / name).is_file())
    found = checkpoint_of(path, torch_files.read(path))
    metadata = {"transformers": read_json(folder / "config.json")}
    if (folder / "preprocessor_config.json").is_file():
        metadata["preprocessor"] = read_json(folder / "preprocessor_config.json")
    progress("read", 1, 1)
    return replace(found, path=folder, metadata=metadata)


def writer(kind: str):
    """What writes a folder that `from_pretrained` loads; `kind` is transformers' model_type."""

    def write(
        folder: Path, state: dict[str, np.ndarray], config: Wav2Vec2Config, values: Metadata
    ) -> list[Path]:
        tables: dict[str, dict[str, Any]] = {
            "config": transformers_config(config, kind),
            "preprocessor_config": preprocessor_config(values.get("normalize", True)),
        }
        with whole_folder(folder) as scratch:
            for name, table in tables.items():
                (scratch / f"{name}.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")
            torch_files.write(scratch / FILES[0], state, {"format": "pt"})
            names = sorted(path.name for path in scratch.iterdir())
        return [Path(folder) / name for name in names]

    return write


def layout(kind: str) -> Layout:
    """The layout of either network."""
    return Layout(recognises, read, writer(kind))
