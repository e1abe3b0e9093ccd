"""What the demo stages train on: synthetic faces and spoken clips, made from their seeds.

    python -m playmate_jax.training.demo_pools runs

Writes runs/pool/{train,test} (faces) and runs/demo/clips/{train_mix,emotional} (speech and motion):
4 GB, and about 25 minutes on one CPU core. A pool that is whole is left alone; faces go on where
they stopped. Without espeak-ng every voice is the formant synthesiser's.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from playmate_jax.models.log_mel import log_mel
from playmate_jax.synthetic import espeak
from playmate_jax.synthetic.clips import build_clip_pool
from playmate_jax.synthetic.pool import build_pool

FACES: dict[str, dict[str, Any]] = {
    "train": {"seed": 1, "identities": 3600},
    "test": {"seed": 2, "identities": 48},
}
CLIPS: dict[str, dict[str, Any]] = {
    "train_mix": {"seed": 1, "count": 5000, "emotional": False, "voice": "mix"},
    "emotional": {"seed": 2, "count": 2500, "emotional": True, "voice": "mix"},
}
CONTROL = {"train_formant": {"seed": 3, "count": 2500, "emotional": False, "voice": "formant"}}


def main(argv: list[str] | None = None) -> None:
    """Command line: the folder of the runs, what to make, and with how many processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="?", default=Path("runs"))
    parser.add_argument(
        "--only",
        choices=("test", "control"),
        help="the held-out faces, or the clips of one synthesiser for configs/demo_formant_only.py",
    )
    parser.add_argument("--processes", type=int, default=2, help="that draw and speak (2)")
    args = parser.parse_args(argv)
    faces, clips = {
        None: (FACES, CLIPS),
        "test": ({"test": FACES.get("test", {})}, {}),
        "control": ({}, CONTROL),
    }[args.only]
    if args.only is None and not espeak.available():
        print(
            "demo_pools: no espeak-ng here, so every voice is the formant synthesiser's; lips "
            "learned from it follow other voices less well (README, Results)",
            file=sys.stderr,
        )
    for name, options in faces.items():
        build_pool(args.runs / "pool" / name, frames=8, processes=args.processes, **options)
    for name, options in clips.items():
        build_clip_pool(
            args.runs / "demo" / "clips" / name,
            **options,
            seconds=12,
            features=log_mel,
            processes=args.processes,
        )


if __name__ == "__main__":
    main()
