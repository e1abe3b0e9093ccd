"""`playmate train CONFIG --workdir DIR`: one training stage, resumable."""

import argparse
import sys


def command(args: argparse.Namespace) -> int:
    try:
        from playmate_jax.training.experiment import run_config
    except ModuleNotFoundError as error:
        from playmate_jax.errors import UserError

        raise UserError(
            f"expected the packages for training, found no '{error.name}': "
            "pip install 'playmate-jax[train]'"
        ) from None
    from playmate_jax.inference.compilation import keep_compiled_programs

    keep_compiled_programs()
    done = run_config(args.config, args.workdir, {"steps": args.steps} if args.steps else {})
    if done.interrupted:
        print("stopped; the same command goes on from here", file=sys.stderr)
    return 0
