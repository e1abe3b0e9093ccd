"""`tfds build` of a data set of this package, without TensorFlow; see the package's docstring."""

import sys
from pathlib import Path

from absl import app
from tensorflow_datasets.scripts.cli import build, cli_utils

from playmate_jax.data.records import DATA_SETS
from playmate_jax.errors import UserError, nearest


def main(args: build.Args) -> int:
    """Builds the data set of the command line with TFDS; returns the exit code."""
    try:
        args.execute()
    except UserError as error:
        print(f"builders: {error}", file=sys.stderr)
        return 2
    return 0


def _parse(argv: list[str]) -> build.Args:
    """TFDS's options, after the name of a data set in place of the path of its builder."""
    program, *words = argv
    if not words or words[0] not in (*DATA_SETS, "-h", "--help"):
        known = ", ".join(DATA_SETS)
        found = f"{words[0]!r}{nearest(words[0], DATA_SETS)}" if words else "nothing"
        print(f"builders: expected one of {known} first, found {found}", file=sys.stderr)
        sys.exit(2)
    home = Path(__file__).parent
    words[:1] = [str(home / f"{word}.py") if word in DATA_SETS else word for word in words[:1]]
    parse = cli_utils.make_flags_parser(build.Args, description=__doc__)
    return parse([program, *words])


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
