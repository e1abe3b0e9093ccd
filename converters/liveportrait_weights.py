"""LivePortrait's five .pth files as a weights directory of this project, and back.

    python -m playmate_jax.converters.liveportrait_weights FOLDER OUT
    python -m playmate_jax.converters.liveportrait_weights --back OUT FOLDER

FOLDER holds `base_models` and `retargeting_models` as LivePortrait publishes them. OUT is written
as `models/weights.py` says: parameters, config.json, and a card with every file's sha256. Counters
that the networks do not use are kept in the card, so that going back is exact to the bit.
"""

import argparse
import hashlib
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

from playmate_jax.converters import liveportrait
from playmate_jax.errors import UserError
from playmate_jax.models.configuration import to_values
from playmate_jax.models.renderer import RendererConfig, config_from
from playmate_jax.models.weights import load_weights, save_weights

LICENCE = "MIT (LivePortrait's code and weights)"
OFFICIAL = RendererConfig()


def convert(folder: str | Path, directory: str | Path, config: RendererConfig = OFFICIAL) -> Path:
    """Writes the weights directory of the five files found under `folder`.

    Raises:
      UserError: a file is missing, damaged, or of another network.
    """
    variables, kept = liveportrait.read(folder, config)
    names = [*liveportrait.FILES.values(), liveportrait.RETARGETING_FILE]
    files = {name: liveportrait.find(folder, name) for name in names}
    card = {
        "name": "liveportrait",
        "title": "F, M, W, G, S and the retargeters of LivePortrait",
        "domain": "photographs",
        "licence": LICENCE,
        "source_sha256": {
            name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
        },
        "versions": {name: version(name) for name in ("playmate-jax", "torch")},
        "counters": {
            field: {name: int(value) for name, value in counters.items()}
            for field, counters in kept.items()
        },
    }
    values = {"kind": "renderer", **to_values(config)}
    return save_weights(directory, values, variables, card)


def convert_back(directory: str | Path, folder: str | Path) -> list[Path]:
    """The inverse of `convert`: the five files, which the original code loads strictly.

    Raises:
      UserError: not a renderer of LivePortrait's kind.
    """
    values, variables, card = load_weights(directory)
    config = config_from(values, f"{directory}/config.json")
    missing = sorted(set(liveportrait.tables(config)) - set(variables))
    if missing:
        raise UserError(
            f"expected all of LivePortrait's networks in {directory}, found no "
            f"{', '.join(missing)}: give a converted directory"
        )
    counters = {
        field: {name: np.array(value, np.int64) for name, value in found.items()}
        for field, found in card.get("counters", {}).items()
    }
    return liveportrait.write(folder, config, variables, counters)


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("source", help="the folder to read")
    parser.add_argument("target", help="the folder to write")
    parser.add_argument("--back", action="store_true", help="from a weights directory to .pth")
    options = parser.parse_args(arguments)
    try:
        (convert_back if options.back else convert)(options.source, options.target)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"written: {options.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
