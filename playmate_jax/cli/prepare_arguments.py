"""The options of `playmate prepare`, as a table; the data sets are those of the readers."""

import argparse

from playmate_jax.cli.prepare import DRAWN, command, reader_options
from playmate_jax.data.records import SPLITS
from playmate_jax.prepare.readers import READERS, describe

SHORT = "videos become a data set for training"
DESCRIPTION = """\
Turns a data set, or a folder of videos, into training clips: one face, 3 to 30 s, 25 fps, with
audio, motion, speech features and quality scores, in shards that TFDS and Grain read. Everything
that is dropped is listed with its reason. A run that was stopped or killed is continued by the same
command, with the same result to the byte.
"""
EXAMPLES = f"""\
examples:
  playmate prepare folder ~/videos --out data/mine --motion-weights liveportrait --speech wav2vec2
  playmate prepare mead /data/MEAD --out data/mead --views front,left_30 --dry-run
  playmate prepare avspeech /data/avspeech --out data/avspeech --limit 1000 --workers 8
  playmate prepare folder ~/videos --out data/strict --set quality.least_face_px=128
  playmate prepare drawn --identities 3000 --hours 5 --out data/drawn       no videos needed
  playmate prepare mead /nfs/MEAD --out gs://bucket/mead --runner dataflow -- \\
      --project P --region R --temp_location gs://bucket/tmp --sdk_container_image IMAGE
then:
  playmate data report data/mine

layout of ROOT and licence for each NAME:

{describe()}
"""


def add(p: argparse.ArgumentParser, positive, natural, gain) -> None:
    """Adds the options to the parser of `playmate prepare`.

    Args:
      positive, natural, gain: argparse types: whole numbers from 1, from 0, and numbers from 0.
    """
    p.set_defaults(command=command, beam=[])
    p.usage = "playmate prepare NAME [ROOT] --out OUT [options] [-- options of Beam]"
    g = p.add_argument_group("input")
    g.add_argument("data_set", metavar="NAME", choices=(*READERS, DRAWN), help=_choices())
    g.add_argument("root", metavar="ROOT", nargs="?", help="the folder with its videos and tables")
    g.add_argument(
        "--limit", type=positive, metavar="N", help="only N of the videos, an even sample"
    )
    g.add_argument(
        "--split",
        choices=SPLITS,
        help="the split of everything (default: as published, or by speaker)",
    )
    for option, (names, text) in reader_options().items():
        g.add_argument(f"--{option}", metavar="X", help=f"{', '.join(names)}: {text}")

    g = p.add_argument_group("output")
    g.add_argument("--out", metavar="OUT", help="a new folder, or gs://, hdfs://, s3://")
    g.add_argument(
        "--size", type=positive, metavar="PX", help="side of the face images: 256 (default) or 512"
    )
    g.add_argument(
        "--shards", type=positive, metavar="N",
        help="files of the largest split (default: one for every 16 videos)",
    )  # fmt: skip
    g.add_argument("--dry-run", action="store_true", help="print the plan and the settings alone")
    g.add_argument("--quiet", action="store_true", help="no progress bar")

    g = p.add_argument_group("clips")
    g.add_argument(
        "--motion-weights", metavar="NAME|DIR",
        help="weights of the motion extractor (default demo; liveportrait for photographed faces)",
    )  # fmt: skip
    g.add_argument(
        "--speech", metavar="NAME|DIR",
        help="the speech encoder: wav2vec2, hubert/9 (layer 9), ... (default log_mel, no weights)",
    )  # fmt: skip
    g.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="any other setting, such as quality.most_yaw_deg=30 or longest_s=10; --dry-run "
        "lists them",
    )  # fmt: skip

    g = p.add_argument_group("synthetic people, for NAME drawn")
    g.add_argument("--identities", type=positive, metavar="N", help="people (default 3000)")
    g.add_argument("--hours", type=gain, metavar="H", help="hours of speech (default 5)")
    g.add_argument("--seed", type=natural, metavar="N", help="of people and speech (default 0)")

    g = p.add_argument_group("machines")
    g.add_argument(
        "--workers", type=positive, metavar="N",
        help="worker processes: here (default: one a core), or in each process of the runner's "
        "workers (default 1)",
    )  # fmt: skip
    g.add_argument(
        "--runner", default="local", metavar="RUNNER",
        help="local (default), or a runner of Apache Beam: flink, spark, dataflow, ...; "
        "its options follow --",
    )  # fmt: skip


def split_beam(argv: list[str]) -> tuple[list[str], list[str]]:
    """Splits a command line of `playmate prepare` in two: its own words, and Beam's after --."""
    if argv[:1] != ["prepare"] or "--" not in argv:
        return argv, []
    place = argv.index("--")
    return argv[:place], argv[place + 1 :]


def _choices() -> str:
    return f"{', '.join(READERS)}; or {DRAWN}"
