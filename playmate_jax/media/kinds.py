"""The kind of a file, detected from its content: image, video or recording."""

import os
from pathlib import Path

from PIL import UnidentifiedImageError

from playmate_jax.errors import UserError
from playmate_jax.media.container import check_readable, open_container
from playmate_jax.media.image import open_image
from playmate_jax.media.streams import moving_image, sound_track

# Pillow's formats whose frames follow each other in time. Of others (MPO, TIFF, HEIC, ICO) a file
# may hold several images too: views, pages or sizes, of which the first is taken.
_ANIMATED = {"GIF", "PNG", "WEBP", "AVIF", "FLI"}


def kind(path: str | os.PathLike) -> str:
    """The kind of a file: "image", "video" (also an animated image) or "audio".

    Raises:
      UserError: none of them.
    """
    path = check_readable(path, "an image, video or recording")
    still_or_moving = _image_kind(path)
    if still_or_moving is not None:
        return still_or_moving
    with open_container(path, "an image, video or recording") as container:
        if moving_image(container) is not None:
            return "video"
        if sound_track(container) is not None:
            return "audio"
    raise UserError(f"expected an image, video or recording, found '{path}': give another file")


def is_video(path: str | os.PathLike) -> bool:
    """Whether a file is a video, also an animated image; False for what cannot be read."""
    try:
        return kind(path) == "video"
    except UserError:
        return False


def is_animated(path: Path) -> bool:
    """Whether a file is an animated image."""
    return _image_kind(path) == "video"


def _image_kind(path: Path) -> str | None:
    """The kind of an image file: "image", "video" where it is animated; None for other files."""
    try:
        with open_image(path) as image:
            frames = getattr(image, "n_frames", 1)
            return "video" if frames > 1 and image.format in _ANIMATED else "image"
    except UnidentifiedImageError:
        return None
    except Exception:  # a damaged image: reading it as an image gives the better error
        return "image"
