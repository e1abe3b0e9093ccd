"""Writes `recordings/`: outputs of every family's PyTorch references at their tiny sizes.

    python -m playmate_jax.converters.record

Needs torch. `verify.repeat` compares with them where torch is missing.
"""

import numpy as np

from playmate_jax.converters.registry import FAMILIES
from playmate_jax.converters.verify import RECORDINGS, record


def main() -> None:
    """Write the recordings of every family that has a reference."""
    RECORDINGS.mkdir(exist_ok=True)
    for family in FAMILIES:
        if runs := family.runs(family.tiny):
            arrays = record(runs, family.table(family.tiny), family.shapes(family.tiny))
            np.savez_compressed(RECORDINGS / f"{family.name}.npz", **arrays)


if __name__ == "__main__":
    main()
