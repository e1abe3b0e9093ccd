"""The options of `playmate animate`, as a table."""

import argparse

from playmate_jax.cli.animate import DEFAULT_OUTPUT, OTHERS, command
from playmate_jax.cli.parsing import face_box, gain, gaze, natural, positive
from playmate_jax.diffusion import SAMPLER_NAMES
from playmate_jax.motion.layout import EMOTIONS

SHORT = "make a video from a portrait and speech"
DESCRIPTION = f"""\
Makes a talking video (mp4, H.264 + AAC) from a portrait and a speech recording. With a driving
source and no speech, the portrait reenacts the driving face. If the portrait is a video, speech
changes its lips only.
Without arguments the bundled portrait speaks the bundled recording: {DEFAULT_OUTPUT}, which is
replaced if it exists.
"""
EXAMPLES = """\
examples:
  playmate animate                                       the bundled demonstration
  playmate animate --example painting                    another bundled portrait
  playmate animate portrait.jpg speech.wav -o out.mp4
  playmate animate portrait.jpg speech.wav --emotion happy=0.8,surprised=0.2
  playmate animate portrait.jpg speech.wav --emotion 0:neutral,2.5:happy=0.8
  playmate animate portrait.jpg speech.wav --driving head.mp4 --pose absolute
  playmate animate portrait.jpg --driving face.mp4       no speech: reenacts the driving face
  playmate animate portrait.jpg --driving talking.pkl --region lips
  playmate animate clip.mp4 speech.wav                   dubs a video
  playmate animate llama.jpg speech.wav --face-box 315,155,190
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
        help="a photograph, painting or drawing of a face, or a video",
    )
    g.add_argument(
        "speech",
        nargs="?",
        metavar="SPEECH",
        help="audio, or a video with audio; not needed with --driving",
    )
    g.add_argument(
        "--example",
        choices=sorted(OTHERS),
        help="without PORTRAIT: another bundled portrait",
    )
    g.add_argument(
        "--face",
        type=positive,
        default=1,
        metavar="N",
        help="which of several faces: 1 is the largest (default), 2 the next",
    )
    g.add_argument(
        "--face-box",
        type=face_box,
        metavar="X,Y,SIZE",
        help="the face of an animal or a drawing that is not detected: left, top and side of a "
        "square from brows to chin, in pixels of the upright image",
    )
    g.add_argument(
        "--no-crop",
        action="store_true",
        help="the image shows the face only: no detection, cropping or pasting",
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
        help="limit the longer side of the portrait to N pixels (default: it keeps its size)",
    )
    g.add_argument("--no-paste", action="store_true", help="write the rendered face only")
    g.add_argument(
        "--save-motion",
        metavar="FILE",
        help="also write the motion (.npz), which --driving can read",
    )
    g.add_argument(
        "--mark",
        action="store_true",
        help='put a small label "AI-generated" into a corner of every frame',
    )
    g.add_argument(
        "--c2pa",
        nargs=2,
        metavar=("CERT", "KEY"),
        help="sign a C2PA manifest in the video with this certificate and key (PEM)",
    )
    g.add_argument("--json", action="store_true", help="print a summary as JSON on standard output")
    g.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")

    g = p.add_argument_group("motion")
    g.add_argument(
        "--emotion",
        metavar="E",
        help="happy | happy=0.8,surprised=0.2 | 0:neutral,2.5:happy=0.8 | a text file "
        f"with one TIME:EMOTION per line; emotions: {', '.join(EMOTIONS)}",
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
        help="use the driving motion relative to its first frame with a face (default), or as it "
        "is; a driving image is always absolute",
    )
    g.add_argument(
        "--region",
        choices=("all", "expression", "pose", "lips", "eyes"),
        help="without speech: the part of the face that follows the driving source (default all)",
    )
    g.add_argument(
        "--retarget",
        choices=("eyes", "lips", "both"),
        help="without speech: open them as far as in the driving source, whatever the portrait's "
        "shape; needs weights with retargeting MLPs, such as LivePortrait's",
    )
    g.add_argument(
        "--smooth",
        type=gain,
        metavar="SECONDS",
        help="without speech: smooth the driving motion over this time (default 0)",
    )
    g.add_argument(
        "--head-motion",
        type=gain,
        default=1.0,
        metavar="GAIN",
        help="gain of the head's motion: 0 keeps it still, 1 is as learned (default 1.0)",
    )
    g.add_argument(
        "--gaze",
        type=gaze,
        metavar="X,Y",
        help="with speech: where the eyes look beside what they do by themselves, sideways and "
        "down, each from -1 to 1; negative ones as --gaze=-0.5,0",
    )
    g.add_argument(
        "--seed",
        type=natural,
        default=0,
        metavar="N",
        help="the same seed gives the same video, another seed other motion (default 0)",
    )

    g = p.add_argument_group("weights and sampling")
    g.add_argument(
        "--weights",
        default="demo",
        metavar="NAME|DIR",
        help="a name, a folder, or owner/name on the Hugging Face hub (default demo)",
    )
    g.add_argument(
        "--generator",
        metavar="NAME|DIR",
        help="motion generator to use instead of that of --weights",
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
        "--renderer-form",
        choices=("auto", "plain", "folded"),
        default="auto",
        help="with weights such as LivePortrait's, how the same frames are computed: folded is "
        "faster per frame and takes longer to start; auto (default) takes plain for short jobs",
    )
    g.add_argument(
        "--face-models",
        metavar="DIR",
        help="folder with the two face model files, for machines without network",
    )
