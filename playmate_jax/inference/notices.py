"""Sentences about a result that the user should read."""

from collections.abc import Sequence

Spans = Sequence[tuple[float, float]]

LONG_GAP_S = 0.5  # a shorter loss of a driving face is not worth a sentence
PLAYABLE_SIDE = 4096  # many players and graphics cards decode H.264 up to here
_LISTED = 4


def driving_gaps(spans: Spans) -> list[str]:
    """Where a driving video does not show its face for long, if anywhere."""
    long = [(start, stop) for start, stop in spans if stop - start > LONG_GAP_S]
    if not long:
        return []
    return [
        f"the driving video does not show its first face at {at(long)}: the motion is held there "
        "and eased into what follows"
    ]


def left_alone(spans: Spans, frames: int, count: int) -> str | None:
    """Where a source video does not show the face that is animated."""
    if not spans:
        return None
    return (
        f"{frames} of {count} frames do not show the face that is animated, at {at(spans)}: they "
        "stay as they are"
    )


def video_ends(result_s: float) -> str:
    """A source video is shorter than what moves it."""
    return f"the source video ends after {result_s:.1f} s, and the result with it"


def video_goes_on(whole_s: float, result_s: float, mover: str) -> str | None:
    """A source video is longer than what moves it ("the speech")."""
    if whole_s - result_s < LONG_GAP_S:
        return None
    return (
        f"the source video lasts {whole_s:.1f} s: the result ends after {result_s:.1f} s, where "
        f"{mover} ends"
    )


def large(size: tuple[int, int]) -> str | None:
    """Frames that many players refuse."""
    if max(size) <= PLAYABLE_SIDE:
        return None
    return (
        f"frames of {size[0]}x{size[1]} are more than many players show: --max-side "
        f"{PLAYABLE_SIDE} reduces them"
    )


def at(spans: Spans) -> str:
    """Spans of seconds as words, the first few of many."""
    listed = ", ".join(f"{start:.2f}-{stop:.2f}" for start, stop in spans[:_LISTED])
    more = len(spans) - _LISTED
    return f"{listed} s" + (f" and {more} more times" if more > 0 else "")
