"""What crosses between PyTorch and JAX, in figures, as a table in Markdown.

    python -m playmate_jax.converters.round_trips [--only NAME]

Every family at full size under synthetic weights, through files on disk: seconds of reading,
moving, hashing and writing; whether what comes back is the same to the bit; and the largest error
of any layer, run on both sides, relative to that layer's RMS.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from playmate_jax.configuration import to_values
from playmate_jax.converters import checkpoints, convert, speech_encoders, verify
from playmate_jax.converters.families import FAMILIES, Family, Form, by_config
from playmate_jax.hub.bundles import SHIPPED
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_model import MotionModelConfig

# Full size is what a configuration's defaults say; the controller is off in them, and renderers
# with options are the demo's.
DEMO = json.loads((SHIPPED / "demo" / "renderer" / "config.json").read_text("utf-8"))
FULL = {
    "playmate": MotionModelConfig(emotion=EmotionConfig()),
    "playmate-renderer": by_config(DEMO, "the demo's config")[1],
}


class RoundTrip(NamedTuple):
    """One family, both ways."""

    name: str
    parameters: int
    error: float
    exact: bool
    to_jax_s: float
    to_torch_s: float

    def lines(self) -> list[str]:
        """Two rows of the table."""
        error = f"{self.error:.1e}" if self.error >= 0 else "no reference"
        exact = "yes" if self.exact else "NO"
        return [
            f"| {self.name} | {way} | {self.parameters / 1e6:.2f} M | {error} | {exact} | {s:.1f} |"
            for way, s in (("to JAX", self.to_jax_s), ("to PyTorch", self.to_torch_s))
        ]


def round_trip(family: Family, folder: Path) -> RoundTrip:
    """Writes, converts, converts back and compares one family under `folder`."""
    config = FULL.get(family.name, family.config_class())
    table, shapes = family.table(config), family.shapes(config)
    state = verify.synthetic_state(table, shapes)
    source, back = _write(family, config, state, folder / "torch"), folder / "back"
    began = time.perf_counter()
    done = convert.to_jax(source, folder / "jax")
    between = time.perf_counter()
    back = back if source.is_dir() else back.with_suffix(source.suffix)
    convert.to_pytorch(folder / "jax", back)
    ended = time.perf_counter()
    found = checkpoints.read(back).state
    exact = found.keys() == state.keys() and all(
        found[name].dtype == state[name].dtype and np.array_equal(found[name], state[name])
        for name in state
    )
    form = Form.of(family, config, state)
    leaves, _ = convert.to_flax(table, state, shapes)
    errors = [x.error for run in form.runs for x in verify.compare(run, table, state, leaves)]
    worst = max(errors, default=-1.0)
    return RoundTrip(family.name, done.parameters, worst, exact, between - began, ended - between)


def _write(family: Family, config, state, target: Path) -> Path:
    """The checkpoint as it is published."""
    if family.name == "liveportrait":
        checkpoints.write_liveportrait(target, state)
        return target
    if family.name in ("wav2vec2", "hubert"):
        said = speech_encoders.transformers_config(config, family.name)
        preprocessor = speech_encoders.preprocessor_config(True)
        checkpoints.write_transformers(target, state, said, preprocessor)
        return target
    beside = {"config": {"kind": family.kind, **to_values(config)}}
    return checkpoints.write_file(target.with_suffix(".safetensors"), state, beside)[0]


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; 1 where a family does not come back to the bit or a layer diverges."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default="", help="only families whose name contains this")
    options = parser.parse_args(arguments)
    print("| network | direction | parameters | max error / RMS | bit-exact | seconds |")
    print("|---|---|---|---|---|---|")
    good = True
    for family in FAMILIES:
        if options.only not in family.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = round_trip(family, Path(folder))
        print("\n".join(found.lines()), flush=True)
        good &= found.exact and found.error <= verify.TOLERANCE
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
