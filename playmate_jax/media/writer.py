"""Videos out: frames and sound -> an mp4 that plays in a browser, whole or not at all.

H.264 yuv420p, tagged as BT.709, AAC, the index in front (faststart). The file grows under a
temporary name beside its place and is renamed when it is complete; whatever stops the writing (an
error, Ctrl-C) removes it, unless what was written before a Ctrl-C is to be kept. The same frames
and sound give the same bytes: no times of day or names of encoders are stored, and the number of
encoder threads is fixed.
"""

import itertools
import math
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from jaxtyping import Float, UInt8

from playmate_jax.errors import UserError
from playmate_jax.media.frame_converter import FrameConverter
from playmate_jax.media.undisturbed import undisturbed
from playmate_jax.motion.layout import AUDIO_HZ
from playmate_jax.paths import check_names, shortened, unfinished

SUFFIXES = (".mp4", ".m4v", ".mov")
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_TICK = Fraction(1, 90_000)  # s, of frames whose rate varies
_THREADS = 4  # fixed: x264's output depends on how many there are


class Stopped(KeyboardInterrupt):
    """Ctrl-C, after which what was written was kept; says where."""


class VideoWriter:
    """Writes a video frame by frame; memory does not grow with its length.

        with VideoWriter("out.mp4", fps=25, size=(512, 512), audio=samples, audio_hz=16000) as out:
            for frame in frames:
                out.write(frame)

    Args:
        path: ends in .mp4, .m4v or .mov.
        fps: exact; `Fraction(30000, 1001)` for 29.97.
        size: (width, height) of the frames; odd sizes are completed to even ones by repeating the
            last row or column, as yuv420p asks.
        audio: samples in [-1, 1], (s,) or (s, channels), cut or filled with silence to the length
            of the image.
        quality: x264's constant rate factor, 0 (lossless) to 51; 17 hardly differs from the source.
        overwrite: whether a file of that name may be replaced.
        times_s: when each frame is shown, for a video whose rate varies around `fps`.
        keep_stopped: at Ctrl-C what was written is completed under the name of `stopped_name`, and
            `Stopped` is raised.
        seal: is given the complete file before that gets its name, and may change it.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        fps: Fraction | int,
        size: tuple[int, int],
        audio: Float[np.ndarray, "s"] | Float[np.ndarray, "s channels"] | None = None,
        audio_hz: int = AUDIO_HZ,
        quality: int = 17,
        preset: str = "veryfast",
        overwrite: bool = True,
        times_s: Sequence[Fraction] | None = None,
        keep_stopped: bool = False,
        seal: Callable[[Path], None] | None = None,
    ):
        self.path = Path(path)
        check_writable(self.path, overwrite)
        self.fps, self.size = Fraction(fps), tuple(size)
        self.frames_written = 0
        self._times_s, self._keep_stopped, self._seal = times_s, keep_stopped, seal
        self._yuv = FrameConverter(self.size)
        self._partial = unfinished(self.path)
        self._audio = _as_columns(np.zeros((0, 1)) if audio is None else audio)
        self._audio_hz, self._audio_done = int(audio_hz), 0
        try:
            self._container = av.open(
                "file:" + os.path.abspath(self._partial),
                "w",
                format="mov" if self.path.suffix.lower() == ".mov" else "mp4",
                # bitexact leaves out the encoder's version
                options={"movflags": "+faststart", "fflags": "+bitexact"},
            )
            self._video_stream = self._add_video(quality, preset)
            self._audio_stream = None if audio is None else self._add_audio()
        except BaseException as error:
            self._remove()
            if isinstance(error, av.FFmpegError | OSError):
                raise self._failed(error) from None
            raise

    def write(
        self, image: UInt8[np.ndarray, "h w 3"], changed: tuple[int, int, int, int] | None = None
    ) -> None:
        """Appends one frame, and the sound that belongs to it.

        Args:
          changed: (left, top, right, bottom) of all that differs from the frame before; of a large
            image the rest is not looked at again.
        """
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(
                f"expected a uint8 frame {(height, width, 3)}, found {image.dtype} {image.shape}"
            )
        frame = self._yuv(image, changed)
        frame.pts, frame.time_base = self.frames_written, 1 / self.fps
        if self._times_s is not None:
            frame.pts, frame.time_base = round(self._times_s[self.frames_written] / _TICK), _TICK
        with undisturbed() if self._keep_stopped else nullcontext():
            self._mux(self._video_stream, frame)
            self.frames_written += 1
            self._write_audio()

    def close(self) -> Path:
        """Completes the file and gives it its name."""
        try:
            if not self.frames_written:
                raise UserError(f"expected frames for '{self.path}', found none: nothing written")
            self._write_audio(last=True)
            for stream in (self._video_stream, self._audio_stream):
                if stream is not None:
                    self._mux(stream, None)
            self._container.close()
            if self._seal is not None:
                self._seal(self._partial)
            os.replace(self._partial, self.path)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None
        finally:
            self._remove()
        return self.path

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._keep_stopped and issubclass(kind, KeyboardInterrupt) and self.frames_written:
            self.path = stopped_name(self.path)
            kept = f"'{self.close()}' holds the first {self.frames_written} frames"
            raise Stopped(f"stopped; {kept}") from None
        else:
            self._remove()

    def _add_video(self, quality: int, preset: str) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=self.fps)
        stream.width, stream.height = (side + side % 2 for side in self.size)
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(quality), "preset": preset}
        codec = stream.codec_context
        codec.thread_count = _THREADS
        codec.time_base = 1 / self.fps if self._times_s is None else _TICK
        codec.color_range = ColorRange.MPEG
        codec.colorspace = Colorspace.ITU709
        codec.color_primaries = ColorPrimaries.BT709
        codec.color_trc = ColorTrc.BT709
        return stream

    def _add_audio(self) -> av.AudioStream:
        if self._audio_hz not in _AAC_RATES:
            raise ValueError(f"expected a sampling rate of {_AAC_RATES}, found {self._audio_hz}")
        channels = self._audio.shape[1]
        stream = self._container.add_stream(
            "aac", rate=self._audio_hz, layout="mono" if channels == 1 else "stereo"
        )
        stream.bit_rate = min(96_000, 4 * self._audio_hz) * channels
        return stream

    def _write_audio(self, last: bool = False) -> None:
        """Encodes the sound up to the end of the frames written so far, in whole encoder frames."""
        if self._audio_stream is None:
            return
        until = math.floor(self._shown_s() * self._audio_hz)
        step = self._audio_stream.codec_context.frame_size or 1024
        while self._audio_done < until and (last or until - self._audio_done >= step):
            stop = min(self._audio_done + step, until)
            part = self._audio[self._audio_done : stop]
            part = np.pad(part, ((0, stop - self._audio_done - len(part)), (0, 0)))
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(part.T),
                format="fltp",
                layout="mono" if part.shape[1] == 1 else "stereo",
            )
            frame.sample_rate = self._audio_hz
            frame.pts, frame.time_base = self._audio_done, Fraction(1, self._audio_hz)
            self._mux(self._audio_stream, frame)
            self._audio_done = stop

    def _shown_s(self) -> Fraction:
        """How long the frames written so far last."""
        if self._times_s is None or not self._times_s:
            return self.frames_written / self.fps
        if self.frames_written < len(self._times_s):
            return self._times_s[self.frames_written]
        return self._times_s[-1] + 1 / self.fps

    def _mux(self, stream, frame) -> None:
        try:
            self._container.mux(stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            self._remove()
            raise self._failed(error) from None

    def _remove(self) -> None:
        """Deletes the unfinished file; does nothing once the file is complete."""
        if getattr(self, "_container", None) is not None:
            try:
                self._container.close()
            except (av.FFmpegError, OSError, ValueError):
                pass  # an unfinished file may not be closable, and is removed in any case
        self._partial.unlink(missing_ok=True)

    def _failed(self, error: Exception) -> UserError:
        reason = getattr(error, "strerror", None) or str(error)
        return UserError(
            f"expected to write '{self.path}', but that failed ({reason}): "
            "check the folder's permissions and free space, or choose another"
        )


def check_writable(path: str | os.PathLike, overwrite: bool = True) -> None:
    """Raises `UserError` at once, not after minutes of work, when no video can be written there."""
    path = Path(path)
    check_names(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(
            f"expected an output ending in {', '.join(SUFFIXES)}, found '{path}': rename it"
        )
    if path.is_dir():
        raise UserError(f"expected an output file, found the folder '{path}': give a file's name")
    if path.exists() and not overwrite:
        raise UserError(
            f"expected a new output, found that '{path}' exists: "
            "choose another name or pass --overwrite"
        )
    folder = path.parent
    if not folder.is_dir():
        raise UserError(
            f"expected an output in an existing folder, found no folder '{folder}': create it"
        )
    probe = unfinished(path)
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"expected an output folder that can be written, found '{folder}' "
            f"({error.strerror}): choose another"
        ) from None


def stopped_name(path: Path) -> Path:
    """A new name beside `path` for what was written of it: out.stopped.mp4, out.stopped2.mp4 ..."""
    for n in itertools.count(1):
        number = str(n) if n > 1 else ""
        found = path.with_name(shortened([path.stem], f".stopped{number}{path.suffix}"))
        if not found.exists():
            return found
    raise AssertionError


def _as_columns(audio: np.ndarray) -> np.ndarray:
    """(s,) or (s, channels) -> float32 (s, 1 or 2), limited to [-1, 1]."""
    columns = np.asarray(audio, np.float32)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.shape[1] > 2:
        columns = columns.mean(axis=1, keepdims=True)
    if not np.isfinite(columns).all():
        raise ValueError("the sound holds values that are no numbers")
    return np.clip(columns, -1, 1)
