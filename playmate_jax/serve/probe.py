"""A look at uploaded files: are they what they are given as, and within the limits?

Content decides, never a name. Images are opened, not decoded; sound is decoded up to the limit.
"""

from pathlib import Path

from playmate_jax.errors import UserError
from playmate_jax.media import audio_blocks, has_sound, kind, open_video
from playmate_jax.media.audio import SHORTEST_S
from playmate_jax.media.image import check_image_size, open_image
from playmate_jax.motion.layout import AUDIO_HZ

ALLOWED = {
    "portrait": ("image", "video"),
    "speech": ("audio", "video"),
    "driving": ("image", "video"),
}


class Refused(Exception):
    """Files that are not taken, with the status code and the sentence of the answer."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def probe(files: dict[str, str], longest_s: float, side: int) -> dict[str, str]:
    """The kind of each file: "image", "video" or "audio".

    Args:
      files: paths by "portrait", "speech" and "driving".
      longest_s: of sound and videos. side: of an image or video, in pixels.

    Raises:
      Refused: 415 for another kind of file, 422 for one that is too long or too large.
    """
    return {role: _checked(role, Path(path), longest_s, side) for role, path in files.items()}


def _checked(role: str, path: Path, longest_s: float, side: int) -> str:
    allowed = " or ".join(f"{'an' if k[0] in 'aeiou' else 'a'} {k}" for k in ALLOWED[role])
    try:
        found = kind(path)
    except UserError:
        raise Refused(
            415, f"expected {allowed} as {role}, found a file that is none or is damaged: give "
            "another",
        ) from None  # fmt: skip
    if found not in ALLOWED[role]:
        raise Refused(415, f"expected {allowed} as {role}, found {found}: give another file")
    try:
        if found == "image":
            with open_image(path) as image:
                check_image_size(image.size, path)
                _check_side(role, max(image.size), side)
        elif role == "speech":
            _check_speech(path, longest_s)
        else:
            video = open_video(path)
            _check_side(role, max(video.size), side)
            _check_length(role, float(video.duration_s), longest_s)
    except UserError as error:
        raise Refused(422, str(error).replace(f"'{path}'", f"the {role}")) from None
    return found


def _check_speech(path: Path, longest_s: float) -> None:
    if not has_sound(path):
        raise Refused(415, "expected speech with a sound track, found none: give a recording")
    seconds = 0.0
    for block in audio_blocks(path, AUDIO_HZ):
        seconds += len(block) / AUDIO_HZ
        _check_length("speech", seconds, longest_s)
    if seconds < SHORTEST_S:
        raise Refused(422, f"expected speech of at least {SHORTEST_S} s, found {seconds:.3f} s")


def _check_length(role: str, seconds: float, longest_s: float) -> None:
    if seconds > longest_s:
        raise Refused(
            422, f"expected {role} of at most {longest_s:g} s, found more: cut it into parts"
        )


def _check_side(role: str, found: int, most: int) -> None:
    if found > most:
        raise Refused(
            422, f"expected {role} of at most {most} pixels a side, found {found}: reduce it"
        )
