"""The command line as a table: every option, its group, its default and its help text."""

import argparse
import re

import playmate_jax
from playmate_jax.cli import data_arguments, prepare_arguments
from playmate_jax.errors import UserError, nearest
from playmate_jax.motion.layout import EMOTIONS

SAMPLERS = ("ddim", "ddpm", "dpm++")
DEFAULT_OUTPUT = "playmate-demo.mp4"

_ANIMATE = f"""\
Turns a portrait and a speech recording into a talking video (mp4, H.264 + AAC); a portrait and a
driving source without speech into one that makes the driving face. The portrait may be a video:
then speech moves its lips alone.
Without arguments: the bundled portrait speaks the bundled recording, into {DEFAULT_OUTPUT}
(an earlier one is replaced).
"""
_ANIMATE_EXAMPLES = """\
examples:
  playmate animate                                       the bundled demonstration
  playmate animate portrait.jpg speech.wav -o out.mp4
  playmate animate portrait.jpg speech.wav --emotion happy=0.8,surprised=0.2
  playmate animate portrait.jpg speech.wav --emotion 0:neutral,2.5:happy=0.8
  playmate animate portrait.jpg speech.wav --driving head.mp4 --pose absolute
  playmate animate portrait.jpg --driving face.mp4       no speech: makes the driving face
  playmate animate portrait.jpg --driving talking.pkl --region lips
  playmate animate clip.mp4 speech.wav                   the lips of a video, dubbed
  playmate animate portrait.jpg speech.wav --seed 7 --head-motion 0.5 --json
"""
_TRAIN_EXAMPLES = """\
example:
  playmate train configs/demo_stage1.py --workdir runs/stage1 --steps 2000
"""
_WEIGHTS_EXAMPLES = """\
examples:
  playmate weights get liveportrait joyvasa
  playmate weights list
  playmate weights card liveportrait --markdown
  playmate animate photo.jpg speech.wav --weights liveportrait --generator joyvasa
"""

_CONVERT = """\
Moves weights from PyTorch to a weights directory of this project, or with --to torch back.
SOURCE is LivePortrait's folder, JoyVASA's (checkpoint and motion template), a transformers folder,
or one checkpoint (.safetensors .pth .pt .bin .pkl); what it is is found out, or said by FAMILY.
"""
_CONVERT_EXAMPLES = """\
examples:
  playmate convert liveportrait pretrained_weights/liveportrait out --verify
  playmate convert facebook/wav2vec2-base-960h encoder --dtype float16
  playmate convert pretrained_weights/JoyVASA joyvasa --verify
  playmate convert out LivePortrait/pretrained_weights/mine --to torch
  playmate convert joyvasa motion_generator.pt --to torch
  playmate convert playmate runs/stage2/weights model.safetensors --to torch
"""


class _Parser(argparse.ArgumentParser):
    """argparse whose complaints are our one sentence instead of a page of usage."""

    def error(self, message: str):
        near = ""
        if message.startswith("unrecognized arguments: "):
            near = nearest(message.split()[2].partition("=")[0], self._flags())
        elif choice := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            near = nearest(choice[1], choice[2].replace("'", "").split(", "))
        raise UserError(f"{message}{near}, see '{self.prog} --help'")

    def _flags(self) -> list[str]:
        """Every option, those of the subcommands too."""
        found: list[str] = []
        for action in self._actions:
            found += action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                found += [flag for command in action.choices.values() for flag in command._flags()]
        return found


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=100)


def parse(argv: list[str]) -> argparse.Namespace:
    """What a command line asks for."""
    argv, beam = prepare_arguments.split_beam(argv)
    args = parser().parse_args(argv)
    return argparse.Namespace(**vars(args) | ({"beam": beam} if beam else {}))


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="playmate", formatter_class=_Help, allow_abbrev=False,
        description="One portrait and a speech clip become a talking video.",
        epilog="'playmate COMMAND --help' tells more, for example 'playmate animate --help'.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"playmate {playmate_jax.__version__}")
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND", title="commands")
    _animate(
        _command(
            commands, "animate", "a portrait and speech become a video", _ANIMATE, _ANIMATE_EXAMPLES
        )
    )
    _train(
        _command(
            commands,
            "train",
            "run one training stage from a file in configs/",
            "Runs one training stage from a configuration file, or resumes it.",
            _TRAIN_EXAMPLES,
        )
    )
    _convert(
        _command(
            commands, "convert", "weights between PyTorch and JAX", _CONVERT, _CONVERT_EXAMPLES
        )
    )
    prepare_arguments.add(
        _command(
            commands,
            "prepare",
            prepare_arguments.SHORT,
            prepare_arguments.DESCRIPTION,
            prepare_arguments.EXAMPLES,
        ),
        _positive,
        _natural,
        _gain,
    )
    data_arguments.add_data(
        _command(
            commands,
            "data",
            "look at prepared training data, and verify it",
            "Training data that 'playmate prepare' wrote: a page about it, and a check of it.",
            data_arguments.EXAMPLES,
        ),
        _command,
    )
    _weights(
        _command(
            commands,
            "weights",
            "fetch, list and remove weights, and what they say of themselves",
            "Weights by name: those that ship, and published ones, fetched once and converted.",
            _WEIGHTS_EXAMPLES,
        )
    )
    return top


def _command(commands, name: str, short: str, description: str, epilog: str):
    found = commands.add_parser(
        name, help=short, description=description, epilog=epilog, formatter_class=_Help,
        allow_abbrev=False,
    )  # fmt: skip
    found.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return found


def _animate(p: argparse.ArgumentParser) -> None:
    from playmate_jax.cli import animate

    p.set_defaults(command=animate.command)
    p.usage = "playmate animate [PORTRAIT [SPEECH]] [--driving FILE] [-o FILE] [options]"
    g = p.add_argument_group("input")
    g.add_argument(
        "portrait",
        nargs="?",
        metavar="PORTRAIT",
        help="a photograph, painting or drawing with a face, or a video of one",
    )
    g.add_argument(
        "speech",
        nargs="?",
        metavar="SPEECH",
        help="audio, or a video whose audio is taken; not needed with --driving",
    )
    g.add_argument(
        "--face",
        type=_positive,
        default=1,
        metavar="N",
        help="which face, where there are several: 1 is the largest (default), 2 the next",
    )
    g.add_argument(
        "--no-crop",
        action="store_true",
        help="the image is the face already: no detection, nothing pasted back",
    )

    g = p.add_argument_group("output")
    g.add_argument(
        "-o", "--output", metavar="FILE", help="the mp4 (default PORTRAIT-SPEECH.mp4 here)"
    )
    g.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    g.add_argument("--no-paste", action="store_true", help="only the face, as the network draws it")
    g.add_argument(
        "--save-motion",
        metavar="FILE",
        help="also write the motion (.npz), which --driving reads back",
    )
    g.add_argument("--json", action="store_true", help="a summary as JSON on standard output")
    g.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")

    g = p.add_argument_group("how it moves")
    g.add_argument(
        "--emotion",
        metavar="E",
        help="happy | happy=0.8,surprised=0.2 | 0:neutral,2.5:happy=0.8 | a text file "
        f"with one TIME:EMOTION a line; emotions: {', '.join(EMOTIONS)}",
    )
    g.add_argument(
        "--driving",
        metavar="FILE",
        help="a video, an image, or a motion file (.npz, LivePortrait's .pkl): with speech the "
        "head follows it, without speech the whole face",
    )
    g.add_argument(
        "--pose",
        choices=("relative", "absolute"),
        default="relative",
        help="driving motion: as changes from its first frame (default), or as it is; a "
        "driving image is always absolute",
    )
    g.add_argument(
        "--region",
        choices=("all", "expression", "pose", "lips", "eyes"),
        help="without speech: what of the face follows the driving one (default all)",
    )
    g.add_argument(
        "--retarget",
        choices=("eyes", "lips", "both"),
        help="without speech: they open as far as the driving ones, whatever the portrait's shape; "
        "needs weights with retargeting networks, as LivePortrait's",
    )
    g.add_argument(
        "--smooth",
        type=_gain,
        metavar="SECONDS",
        help="without speech: evens out a shaky driving face over so long (default 0)",
    )
    g.add_argument(
        "--head-motion",
        type=_gain,
        default=1.0,
        metavar="GAIN",
        help="how much the head moves: 0 keeps still, 1 as learned (default 1.0)",
    )
    g.add_argument(
        "--seed",
        type=_natural,
        default=0,
        metavar="N",
        help="another seed, another motion; the same seed, the same file (default 0)",
    )

    g = p.add_argument_group("networks")
    g.add_argument(
        "--weights",
        default="demo",
        metavar="NAME|DIR",
        help="weights by name, folder or owner/name on the Hugging Face hub (default demo)",
    )
    g.add_argument(
        "--generator",
        metavar="NAME|DIR",
        help="the motion generator, where it should not be the one of --weights",
    )
    g.add_argument(
        "--sampler",
        choices=SAMPLERS,
        help="diffusion sampler (default: the generator's own; playmate ddim, joyvasa ddpm)",
    )
    g.add_argument(
        "--steps",
        type=_positive,
        metavar="N",
        help="diffusion steps (default: the generator's own; playmate: ddim 15, dpm++ 20, "
        "ddpm 250)",
    )
    g.add_argument(
        "--audio-scale",
        type=_gain,
        metavar="W",
        help="guidance towards the speech (default: the generator's own; demo 1.75, joyvasa 2.8)",
    )
    g.add_argument(
        "--emotion-scale",
        type=_gain,
        metavar="W",
        help="guidance towards the emotion (default: the generator's own; demo 1.5)",
    )
    g.add_argument(
        "--batch",
        type=_positive,
        default=8,
        metavar="N",
        help="frames rendered at a time (default 8)",
    )
    g.add_argument(
        "--face-models",
        metavar="DIR",
        help="folder with the two face model files, for a machine that is offline",
    )


def _train(p: argparse.ArgumentParser) -> None:
    from playmate_jax.cli import train

    p.set_defaults(command=train.command)
    p.add_argument("config", help="a file of configs/, which defines config()")
    p.add_argument(
        "--workdir",
        required=True,
        metavar="DIR",
        help="checkpoints and logs; an existing one is resumed",
    )
    p.add_argument(
        "--steps", type=_positive, metavar="N",
        help="length of the run; the learning rate's schedule is stretched or shrunk to it",
    )  # fmt: skip
    p.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="override a field of the configuration, such as optimizer.learning_rate=3e-4",
    )  # fmt: skip
    p.add_argument("--export", metavar="DIR", help="also copy the finished weights to this folder")


def _convert(p: argparse.ArgumentParser) -> None:
    from playmate_jax.cli import convert

    p.set_defaults(command=convert.command)
    p.usage = "playmate convert [FAMILY] SOURCE OUT [options]"
    p.add_argument("words", nargs="+", metavar="[FAMILY] SOURCE OUT", help="see above")
    p.add_argument(
        "--to", choices=("jax", "torch"), default="jax",
        help="torch writes a .safetensors or .pth file by OUT's suffix, or else the folder that "
        "LivePortrait or transformers load (default jax)",
    )  # fmt: skip
    p.add_argument(
        "--verify", action="store_true",
        help="run both sides on one input and compare every layer; against recorded values where "
        "torch is missing",
    )  # fmt: skip
    p.add_argument(
        "--dtype", choices=("float32", "float16", "bfloat16"),
        help="of what is written (default: as it is in SOURCE)",
    )  # fmt: skip
    p.add_argument("--overwrite", action="store_true", help="replace an earlier conversion")
    p.add_argument("--quiet", action="store_true", help="no progress bar")


def _weights(p: argparse.ArgumentParser) -> None:
    from playmate_jax.cli import weights

    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION", title="actions")

    def action(name: str, command, help: str):
        found = _command(actions, name, help, help.capitalize() + ".", "")
        found.set_defaults(command=command)
        return found

    found = action("get", weights.get, "fetch published weights, check and convert them")
    found.add_argument(
        "names", nargs="+", metavar="NAME", help="see 'playmate weights list'; or owner/name of a "
        "repository on the Hugging Face hub in this project's layout",
    )  # fmt: skip
    found.add_argument(
        "--revision", metavar="REV", help="another commit, branch or tag than the pinned one"
    )
    found.add_argument(
        "--offline", action="store_true", help="only from the hub's cache (or set HF_HUB_OFFLINE)"
    )
    found.add_argument(
        "--endpoint", metavar="URL", help="another server than the hub (or set HF_ENDPOINT)"
    )
    action("list", weights.listing, "what ships, what was fetched, what can be")
    found = action("where", weights.where, "print the folder of weights")
    found.add_argument("name", metavar="NAME", help="shipped or fetched weights")
    found = action("remove", weights.remove, "delete fetched weights")
    found.add_argument("names", nargs="+", metavar="NAME", help="fetched weights")
    found = action("card", weights.card, "print what weights say of themselves")
    found.add_argument("name", nargs="?", default="demo", metavar="NAME|DIR", help="default demo")
    found.add_argument("--markdown", action="store_true", help="as a model card, instead of JSON")


def _number(text: str, kind: type, low: int, what: str):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value < 1e9:
        raise argparse.ArgumentTypeError(f"expected {what}, found '{text}'")
    return value


def _natural(text: str) -> int:
    return _number(text, int, 0, "a whole number from 0 to 999999999")


def _positive(text: str) -> int:
    return _number(text, int, 1, "a whole number from 1 to 999999999")


def _gain(text: str) -> float:
    return _number(text, float, 0, "a number from 0")
