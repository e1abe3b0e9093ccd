"""What the demo stages train on: drawn faces and spoken clips, made from their seeds.

    python -m playmate_jax.training.demo_pools runs

Writes runs/pool/{train,test} (faces) and runs/demo/clips/{train_mix,emotional} (speech and motion):
about 4 GB, and half an hour on one CPU core. A pool that is whole is left alone; faces go on
where they stopped. Without espeak-ng every voice is the formant synthesiser's.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from playmate_jax.data.drawn import espeak
from playmate_jax.data.drawn.clips import build_clip_pool
from playmate_jax.data.drawn.pool import build_pool
from playmate_jax.models.log_mel import log_mel

FACES = {"train": {"seed": 1, "identities": 3600}, "test": {"seed": 2, "identities": 48}}
CLIPS: dict[str, dict[str, Any]] = {
    "train_mix": {"seed": 1, "count": 5000, "emotional": False},
    "emotional": {"seed": 2, "count": 2500, "emotional": True},
}


def main(argv: list[str] | None = None) -> None:
    """Command line: the folder of the runs, and how many processes draw and speak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="?", default=Path("runs"))
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args(argv)
    if not espeak.available():
        print(
            "demo_pools: no espeak-ng here, so every voice is the formant synthesiser's; lips "
            "learned from it follow other voices less well (README, Results)",
            file=sys.stderr,
        )
    for name, faces in FACES.items():
        build_pool(args.runs / "pool" / name, frames=8, processes=args.processes, **faces)
    for name, clips in CLIPS.items():
        path = args.runs / "demo" / "clips" / name
        build_clip_pool(
            path, **clips, seconds=12, voice="mix", features=log_mel, processes=args.processes
        )


if __name__ == "__main__":
    main()
