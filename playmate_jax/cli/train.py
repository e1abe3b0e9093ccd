"""`playmate train CONFIG --workdir DIR`: one training stage, resumable."""

import argparse
import shutil
import sys
from pathlib import Path

from playmate_jax.paths import check_names


def command(args: argparse.Namespace) -> int:
    """Runs `playmate train`; returns its exit code: 130 if the run was stopped and can go on."""
    for place in filter(None, (args.workdir, args.export)):
        check_names(place)
    try:
        from playmate_jax.training.experiment import run_config
    except ModuleNotFoundError as error:
        from playmate_jax.errors import UserError

        raise UserError(
            f"expected the packages for training, found no '{error.name}': "
            "pip install 'playmate-jax[train]'"
        ) from None
    from playmate_jax.parallel.compilation import keep_compiled_programs

    keep_compiled_programs()
    overrides = overridden(args.set)
    if args.steps:
        overrides["steps"] = args.steps
    done = run_config(args.config, args.workdir, overrides)
    if done.interrupted:  # not 0: a script of several stages must not start the next one
        print("stopped; the same command resumes from here", file=sys.stderr)
        return 130
    weights = Path(args.workdir) / "weights"
    if args.export and weights.is_dir():
        from playmate_jax.hub.weights import whole_folder

        with whole_folder(args.export) as copy:
            shutil.copytree(weights, copy, dirs_exist_ok=True)
        print(f"weights: {args.export}")
    return 0


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
