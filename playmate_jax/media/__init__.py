"""Images, videos and sound in and out: uint8 RGB and float32 samples at the borders."""

from playmate_jax.media.audio import (
    Sound,
    audio_blocks,
    has_sound,
    is_silent,
    read_audio,
    read_sound,
)
from playmate_jax.media.image import read_image, write_image
from playmate_jax.media.kinds import is_video, kind
from playmate_jax.media.video import Still, VideoFrame, VideoReader, open_video
from playmate_jax.media.wav import write_wav
from playmate_jax.media.writer import VideoWriter, check_writable

__all__ = [
    "Sound",
    "Still",
    "VideoFrame",
    "VideoReader",
    "VideoWriter",
    "audio_blocks",
    "check_writable",
    "has_sound",
    "is_silent",
    "is_video",
    "kind",
    "open_video",
    "read_audio",
    "read_image",
    "read_sound",
    "write_image",
    "write_wav",
]
