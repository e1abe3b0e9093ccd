"""How videos are brought to one form before anything is measured: frozen, named, and recorded.

Numbers of two papers can be compared only where all of this was the same; a resize or another
frame rate moves FID and Sync-C more than most methods differ. Nothing is encoded again: frames are
taken as they are decoded.
"""

import dataclasses

from playmate_jax.errors import UserError, nearest
from playmate_jax.motion.layout import AUDIO_HZ, FPS


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What both sides go through.

    Attributes:
      crop: "whole", the largest square in the middle of the frame; "face", LivePortrait's square
        around the face (scale 2.3), held for the clip, each side by its own face.
      size: side of the images in pixels.
      every: images are compared in every so many frames. FVD, SyncNet and motion take all.
      fid: how images get to InceptionV3's 299 x 299, see `resizing.CONVENTIONS`.
      fvd_frames: length of FVD's windows, which do not overlap.
      fvd_size: side of their frames, resized without antialiasing.
      lpips: the trunk of LPIPS, "alex" or "vgg".
      csim: what a generated frame is compared with: "frame", the reference's at the same time
        (self-reenactment), or "first", the reference's first frame.
      fps, audio_hz: of all videos and sounds.
    """

    crop: str = "whole"
    size: int = 512
    every: int = 1
    fid: str = "pytorch-fid"
    fvd_frames: int = 16
    fvd_size: int = 224
    lpips: str = "alex"
    csim: str = "frame"
    fps: int = FPS
    audio_hz: int = AUDIO_HZ


PROTOCOLS = {
    "whole-512": Protocol(),
    "whole-256": Protocol(size=256),
    "face-512": Protocol(crop="face"),
    "face-256": Protocol(crop="face", size=256),
    "torch-fidelity": Protocol(fid="torch-fidelity"),
    "clean-fid": Protocol(fid="clean-fid"),
    "lpips-vgg": Protocol(lpips="vgg"),
    "csim-first": Protocol(csim="first"),
    "quick": Protocol(size=256, every=5),
}
DEFAULT = "whole-512"


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
      UserError: there is none; the nearest name is suggested.
    """
    if name not in PROTOCOLS:
        raise UserError(
            f"expected a protocol among {', '.join(PROTOCOLS)}, found '{name}'"
            f"{nearest(name, PROTOCOLS)}: choose one"
        )
    return PROTOCOLS[name]
