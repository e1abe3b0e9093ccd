"""`tfds build` of one of the data sets here, without TensorFlow; see the package's text."""

import sys
from pathlib import Path

from absl import app
from tensorflow_datasets.scripts.cli import build, cli_utils

from playmate_jax.data.records import DATA_SETS


def main(args: build.Args) -> None:
    """Builds what the command line asks for."""
    args.execute()


def _parse(argv: list[str]) -> build.Args:
    """TFDS's options, after the name of a data set in place of the path of its builder."""
    parse = cli_utils.make_flags_parser(build.Args, description=__doc__)
    home = Path(__file__).parent
    return parse([str(home / f"{word}.py") if word in DATA_SETS else word for word in argv])


if __name__ == "__main__":
    sys.exit(app.run(main, flags_parser=_parse))
