"""Interlaced frames, whose even and odd lines are two moments, to frames of one moment each.

FFmpeg's yadif takes the field that comes first (as each frame says) and fills in the other one's
lines from their neighbours in space and time. Frames that do not say they are interlaced pass
unchanged.
"""

from collections.abc import Iterable, Iterator

import av
import av.filter


def progressive(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The frames, deinterlaced where they are marked as interlaced; same number, times, colours."""
    filled: _Yadif | None = None
    for frame in frames:
        if filled is not None and not filled.takes(frame):
            yield from filled.rest()
            filled = None
        if filled is None and frame.interlaced_frame:
            filled = _Yadif(frame)
        if filled is None:
            yield frame
        else:
            yield from filled(frame)
    if filled is not None:
        yield from filled.rest()


class _Yadif:
    """FFmpeg's yadif for frames of one format; its output is one frame late."""

    def __init__(self, like: av.VideoFrame):
        self._form = _form(like)
        self._graph = av.filter.Graph()
        self._source = self._graph.add(
            "buffer",
            video_size=f"{like.width}x{like.height}",
            pix_fmt=like.format.name,
            time_base=str(like.time_base),
            pixel_aspect="1/1",
            colorspace=str(int(like.colorspace)),
            range=str(int(like.color_range)),
        )
        yadif = self._graph.add("yadif", "mode=send_frame:parity=auto:deint=interlaced")
        self._sink = self._graph.add("buffersink")
        self._graph.link_nodes(self._source, yadif, self._sink).configure()

    def takes(self, frame: av.VideoFrame) -> bool:
        return _form(frame) == self._form

    def __call__(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        self._source.push(frame)
        return self._pulled()

    def rest(self) -> Iterator[av.VideoFrame]:
        self._source.push(None)
        return self._pulled()

    def _pulled(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return


def _form(frame: av.VideoFrame) -> tuple[object, ...]:
    colours = int(frame.colorspace), int(frame.color_range)
    return frame.width, frame.height, frame.format.name, frame.time_base, *colours
