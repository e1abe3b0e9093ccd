"""`playmate train CONFIG --workdir DIR`: one training stage, resumable, on any devices."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from playmate_jax.paths import check_names


def command(args: argparse.Namespace) -> int:
    """Runs `playmate train`; returns its exit code: 130 if the run was stopped and can go on."""
    for place in filter(None, (args.workdir, args.export)):
        check_names(place)
    try:
        from playmate_jax.training.experiment import Devices, Experiment
    except ModuleNotFoundError as error:
        from playmate_jax.errors import UserError

        raise UserError(
            f"expected the packages for training, found no '{error.name}': "
            "pip install 'playmate-jax[train]'"
        ) from None
    from playmate_jax.parallel.compilation import keep_compiled_programs
    from playmate_jax.parallel.distributed import agreed, initialize, is_main

    initialize()
    keep_compiled_programs()
    overrides: dict[str, Any] = dict(overridden(args.set))
    if args.steps:
        overrides["steps"] = args.steps
    devices = Devices(args.parallel, args.fsdp, args.accumulate)
    experiment = Experiment(args.config, Path(args.workdir), overrides, devices)
    if args.dry_run:
        print(experiment.dry_run())
        return 0
    if args.replay:
        print(*experiment.replay(), sep="\n")
        return 0
    done = experiment.run(profile=args.profile, wandb=args.wandb)
    if done.interrupted:  # not 0: a script of several stages must not start the next one
        if is_main():
            print("stopped; the same command resumes from here", file=sys.stderr)
        return 130
    weights = Path(args.workdir) / "weights"
    if args.export and weights.is_dir():
        agreed(lambda: _copy(weights, args.export))
    return 0


def _copy(weights: Path, to: str) -> None:
    from playmate_jax.hub.weights import whole_folder

    with whole_folder(to) as copy:
        shutil.copytree(weights, copy, dirs_exist_ok=True)
    print(f"weights: {to}")


def overridden(texts: list[str]) -> dict[str, str]:
    """The values of all options --set FIELD=VALUE, as text by field.

    Raises:
      UserError: one of them has no "=".
    """
    from playmate_jax.errors import UserError

    for text in texts:
        if "=" not in text:
            raise UserError(f"expected --set FIELD=VALUE, found '{text}': add '=' and a value")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}
