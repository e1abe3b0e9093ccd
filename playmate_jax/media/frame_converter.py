"""RGB frames to what H.264 encodes, yuv420p of BT.709: of a large image only what has changed."""

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from jaxtyping import UInt8

Box = tuple[int, int, int, int]

_REACH = 16  # pixels, even: a colour in yuv420p depends on fewer to each side, so no seam is seen


class FrameConverter:
    """Frames of one video, one after the other; odd sizes are completed to even ones by repeating
    the last row or column.

    Args:
      size: (width, height) of the frames.
    """

    def __init__(self, size: tuple[int, ...]):
        self._width, self._height = (side + side % 2 for side in size)
        self._last: np.ndarray | None = None

    def __call__(self, image: UInt8[np.ndarray, "h w 3"], changed: Box | None) -> av.VideoFrame:
        """The frame in yuv420p; `changed` holds all that differs from the one before."""
        if changed is None:
            self._last = None
            return _tagged(_converted(image))
        if self._last is None:
            self._last = _converted(image).to_ndarray()
        else:
            self._change(self._last, image, changed)
        return _tagged(av.VideoFrame.from_ndarray(self._last, format="yuv420p"))

    def _change(self, last: np.ndarray, image: np.ndarray, changed: Box) -> None:
        """Converts the changed part and puts it into the array of the last frame."""
        inner, outer = self._around(changed, _REACH), self._around(changed, 2 * _REACH)
        left, top, right, bottom = outer
        part = _converted(image[top:bottom, left:right]).to_ndarray()
        for whole, new, unit in zip(
            _planes(last, self._height, self._width),
            _planes(part, bottom - top, right - left),
            (1, 2, 2),
            strict=True,
        ):
            x, y, end_x, end_y = (edge // unit for edge in inner)
            rows = slice(y - top // unit, end_y - top // unit)
            columns = slice(x - left // unit, end_x - left // unit)
            whole[y:end_y, x:end_x] = new[rows, columns]

    def _around(self, box: Box, reach: int) -> Box:
        """The box with even edges, so much larger, within the image."""
        left, top, right, bottom = box
        return (
            max(0, left - left % 2 - reach),
            max(0, top - top % 2 - reach),
            min(self._width, right + right % 2 + reach),
            min(self._height, bottom + bottom % 2 + reach),
        )


def _converted(image: UInt8[np.ndarray, "h w 3"]) -> av.VideoFrame:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return frame.reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        threads=1,
    )


def _tagged(frame: av.VideoFrame) -> av.VideoFrame:
    frame.color_primaries = ColorPrimaries.BT709
    frame.color_trc = ColorTrc.BT709
    frame.colorspace = Colorspace.ITU709
    frame.color_range = ColorRange.MPEG
    return frame


def _planes(yuv: np.ndarray, height: int, width: int) -> tuple[np.ndarray, ...]:
    """Luma and the two chroma planes as views of PyAV's array (3 h / 2, w), whose chroma rows lie
    end to end."""
    flat = yuv.reshape(-1)
    luma, chroma = height * width, height * width // 4
    return (
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(height // 2, width // 2),
        flat[luma + chroma :].reshape(height // 2, width // 2),
    )
