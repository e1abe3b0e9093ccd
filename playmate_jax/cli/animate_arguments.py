"""The options of `playmate animate`, as a table."""

import argparse

from playmate_jax.cli.animate import DEFAULT_OUTPUT, command
from playmate_jax.cli.parsing import face_box, gain, natural, positive
from playmate_jax.diffusion import SAMPLER_NAMES
from playmate_jax.motion.layout import EMOTIONS

SHORT = "a portrait and speech become a video"
DESCRIPTION = f"""\
Turns a portrait and a speech recording into a talking video (mp4, H.264 + AAC); a portrait and a
driving source without speech into one that makes the driving face. The portrait may be a video:
then speech moves its lips alone.
Without arguments: the bundled portrait speaks the bundled recording, into {DEFAULT_OUTPUT}
(an earlier one is replaced).
"""
EXAMPLES = """\
examples:
  playmate animate                                       the bundled demonstration
  playmate animate portrait.jpg speech.wav -o out.mp4
  playmate animate portrait.jpg speech.wav --emotion happy=0.8,surprised=0.2
  playmate animate portrait.jpg speech.wav --emotion 0:neutral,2.5:happy=0.8
  playmate animate portrait.jpg speech.wav --driving head.mp4 --pose absolute
  playmate animate portrait.jpg --driving face.mp4       no speech: makes the driving face
  playmate animate portrait.jpg --driving talking.pkl --region lips
  playmate animate clip.mp4 speech.wav                   the lips of a video, dubbed
  playmate animate llama.jpg speech.wav --face-box 310,120,260
  playmate animate portrait.jpg speech.wav --seed 7 --head-motion 0.5 --json
"""


def add(p: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of `playmate animate`."""
    p.set_defaults(command=command)
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
        type=positive,
        default=1,
        metavar="N",
        help="which face, where there are several: 1 is the largest (default), 2 the next",
    )
    g.add_argument(
        "--face-box",
        type=face_box,
        metavar="X,Y,SIZE",
        help="where the face is, of an animal or a drawing that no detector finds: left, top and "
        "side of a square from brows to chin, in pixels of the upright image",
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
    g.add_argument(
        "--max-side",
        type=positive,
        metavar="N",
        help="reduce a larger portrait to N pixels (default: it keeps its size)",
    )
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
        help="driving motion: as changes from the first frame that shows the face (default), or "
        "as it is; a driving image is always absolute",
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
        type=gain,
        metavar="SECONDS",
        help="without speech: evens out a shaky driving face over so long (default 0)",
    )
    g.add_argument(
        "--head-motion",
        type=gain,
        default=1.0,
        metavar="GAIN",
        help="how much the head moves: 0 keeps still, 1 as learned (default 1.0)",
    )
    g.add_argument(
        "--seed",
        type=natural,
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
        choices=SAMPLER_NAMES,
        help="diffusion sampler (default: the generator's own; playmate ddim, joyvasa ddpm)",
    )
    g.add_argument(
        "--steps",
        type=positive,
        metavar="N",
        help="diffusion steps (default: the generator's own; playmate: ddim 15, dpm++ 20, "
        "ddpm 250)",
    )
    g.add_argument(
        "--audio-scale",
        type=gain,
        metavar="W",
        help="guidance towards the speech (default: the generator's own; demo 1.75, joyvasa 2.8)",
    )
    g.add_argument(
        "--emotion-scale",
        type=gain,
        metavar="W",
        help="guidance towards the emotion (default: the generator's own; demo 1.5)",
    )
    g.add_argument(
        "--batch",
        type=positive,
        default=8,
        metavar="N",
        help="frames rendered at a time (default 8)",
    )
    g.add_argument(
        "--face-models",
        metavar="DIR",
        help="folder with the two face model files, for a machine that is offline",
    )
