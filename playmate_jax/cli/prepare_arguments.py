"""The options of `playmate prepare`, as a table; its readers tell what the data sets are."""

import argparse

from playmate_jax.data.records import SPLITS
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names
from playmate_jax.prepare.readers import READERS, describe

DRAWN = "drawn"

SHORT = "videos become a data set for training"
DESCRIPTION = """\
Turns a data set, or a folder of videos, into clips to train on: one face, 3 to 30 s, 25 fps, with
sound, motion, speech features and quality scores, in shards that TFDS and Grain read. Whatever is
no good is listed with its reason. A run that was stopped or killed goes on with the same command,
to the same bytes.
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

what ROOT holds for each NAME, and what it may be used for:

{describe()}
"""


def add(p: argparse.ArgumentParser, positive, natural, gain) -> None:
    """Adds them; the last three are the types of numbers."""
    from playmate_jax.cli import prepare

    p.set_defaults(command=prepare.command, beam=[])
    p.usage = "playmate prepare NAME [ROOT] --out OUT [options] [-- options of Beam]"
    g = p.add_argument_group("input")
    g.add_argument("data_set", metavar="NAME", choices=(*READERS, DRAWN), help=_choices())
    g.add_argument("root", metavar="ROOT", nargs="?", help="the folder with its videos and tables")
    g.add_argument("--limit", type=positive, metavar="N", help="only N of the videos, a mixture")
    g.add_argument(
        "--split", choices=SPLITS, help="all into this one (default: as published, or by speaker)"
    )
    for option, (names, text) in reader_options().items():
        g.add_argument(f"--{option}", metavar="X", help=f"{', '.join(names)}: {text}")

    g = p.add_argument_group("output")
    g.add_argument("--out", metavar="OUT", help="a new folder, or gs://, hdfs://, s3://")
    g.add_argument(
        "--size", type=positive, metavar="PX", help="of the face images: 256 (default) or 512"
    )
    g.add_argument(
        "--shards", type=positive, metavar="N",
        help="files of the largest split (default: one for every 16 videos)",
    )  # fmt: skip
    g.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    g.add_argument("--quiet", action="store_true", help="no progress")

    g = p.add_argument_group("what clips are made of")
    g.add_argument(
        "--motion-weights", metavar="NAME|DIR",
        help="whose M tells the motion (default demo; liveportrait for photographed faces)",
    )  # fmt: skip
    g.add_argument(
        "--speech", metavar="NAME|DIR",
        help="the speech encoder: wav2vec2, hubert/9 (a layer), ... (default log_mel, no weights)",
    )  # fmt: skip
    g.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="any other setting, such as quality.most_yaw_deg=30 or longest_s=10; --dry-run "
        "lists them",
    )  # fmt: skip

    g = p.add_argument_group("synthetic people, for NAME drawn")
    g.add_argument("--identities", type=positive, metavar="N", help="how many (default 3000)")
    g.add_argument("--hours", type=gain, metavar="H", help="of speech (default 5)")
    g.add_argument("--seed", type=natural, metavar="N", help="another seed, another world")

    g = p.add_argument_group("where it runs")
    g.add_argument(
        "--workers", type=positive, metavar="N",
        help="clips made at a time: here (default: one a core), or in each process of the runner's "
        "workers (default 1)",
    )  # fmt: skip
    g.add_argument(
        "--runner", default="local", metavar="RUNNER",
        help="local (default), or a runner of Apache Beam's: flink, spark, dataflow, ...; what "
        "follows -- are its options",
    )  # fmt: skip


def reader_options() -> dict[str, tuple[list[str], str]]:
    """Option of a reader -> the data sets that have it, and its help."""
    found: dict[str, tuple[list[str], str]] = {}
    for name, reader in READERS.items():
        for option, text in reader.options.items():
            found.setdefault(option, ([], text))[0].append(name)
    return found


def split_beam(argv: list[str]) -> tuple[list[str], list[str]]:
    """A command line in two: its own, and what follows -- for Beam."""
    if argv[:1] != ["prepare"] or "--" not in argv:
        return argv, []
    place = argv.index("--")
    return argv[:place], argv[place + 1 :]


def check(args: argparse.Namespace) -> None:
    """What argparse cannot tell.

    Raises:
      UserError: options that belong to another data set, or none where one is needed.
    """
    if not args.out:
        raise UserError("expected --out OUT, found none: name a new folder for the data set")
    if "://" not in args.out:
        check_names(args.out)
    if args.data_set == DRAWN:
        wrong = ["root", "split", "motion_weights", "speech", *reader_options()]
    else:
        wrong = ["identities", "hours", "seed"]
        wrong += [o for o, (names, _) in reader_options().items() if args.data_set not in names]
        if args.root is None:
            raise UserError(
                f"expected the folder of {args.data_set}, found none: "
                f"playmate prepare {args.data_set} ROOT --out {args.out}"
            )
    for name in wrong:
        if getattr(args, name) is not None:
            option = "a folder" if name == "root" else f"--{name.replace('_', '-')}"
            raise UserError(
                f"expected options of '{args.data_set}', found {option}, which it does not take: "
                "leave it out"
            )


def _choices() -> str:
    return f"{', '.join(READERS)}; or {DRAWN}"
