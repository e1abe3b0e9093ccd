"""Frames of a stream: what cannot be decoded is left out, counted, and reported in one sentence.

A damaged packet costs its own frames only. Where more than a tenth of the packets is damaged, the
file is refused.
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.container

from playmate_jax.errors import UserError
from playmate_jax.media.container import seconds

_FEW = 2  # damaged packets that even the shortest file may have
_SHARE = 10  # of so many packets one may be damaged
_RETRIES = 20  # reads on end that fail: nothing more comes


class DamagedPacket(Exception):
    """A packet cannot be decoded, and damaged packets are not to be left out."""


class Damage:
    """What could not be decoded of one stream.

    Args:
      leave_out: False raises `DamagedPacket` at the first one.

    Attributes:
      packets, bad: how many there were, and how many of them were left out.
      first_s: when the first of those left out would have been seen or heard.
    """

    def __init__(self, leave_out: bool = True):
        self._leave_out = leave_out
        self.packets, self.bad = 0, 0
        self.first_s: Fraction | None = None

    def add(self, at_s: Fraction | None) -> None:
        """Counts a packet that is left out."""
        if not self._leave_out:
            raise DamagedPacket
        self.bad += 1
        if self.first_s is None:
            self.first_s = at_s

    def check(self, path: str | os.PathLike, what: str) -> None:
        """Raises `UserError` where too much is damaged. `what`: "video" or "recording"."""
        if self.bad > max(_FEW, self.packets // _SHARE):
            reason = f"{self.bad} of its {self.packets} packets cannot be decoded"
            raise cut_short(path, what, reason)

    def remark(self, path: str | os.PathLike) -> str | None:
        """A notice about the packets that were left out, None where there are none."""
        if not self.bad:
            return None
        where = "" if self.first_s is None else f" at {float(self.first_s):.1f} s"
        if self.bad == 1:
            return f"a packet of '{path}'{where} cannot be decoded and is left out"
        first = where and f" (the first{where})"
        return f"{self.bad} packets of '{path}'{first} cannot be decoded and are left out"


def decode(
    container: av.container.InputContainer, stream: Any, damage: Damage, decoder: Any = None
) -> Iterator[Any]:
    """The stream's frames in order; what cannot be decoded goes to `damage`.

    Args:
      decoder: the codec context that decodes it; None: the stream's own.
    """
    decoder = decoder or stream.codec_context
    begins_s = seconds(stream.start_time, stream.time_base) or Fraction(0)
    at_s: Fraction | None = None
    for packet in _packets(container, stream, damage):
        declared_s = seconds(packet.pts, packet.time_base)
        at_s = at_s if declared_s is None else declared_s - begins_s
        try:
            frames = decoder.decode(packet)
        except (av.FFmpegError, OSError):
            damage.add(at_s)
            continue
        yield from frames


def _packets(
    container: av.container.InputContainer, stream: Any, damage: Damage
) -> Iterator[av.Packet]:
    """The packets of a stream; goes on after errors, which are counted in `damage`."""
    failed, flushed = 0, False
    while failed < _RETRIES:
        try:
            for packet in container.demux(stream):
                damage.packets += packet.size > 0 and not packet.is_discard
                failed, flushed = 0, not packet.size
                yield packet
            return
        except IndexError:  # PyAV, at the end: a stream appeared on the way
            return None if flushed else damage.add(None)
        except (av.FFmpegError, OSError):
            damage.add(None)
            failed += 1


def cut_short(path: str | os.PathLike, what: str, reason: str) -> UserError:
    """The error for a file that is refused. `what`: "video" or "recording"."""
    return UserError(
        f"expected a whole {what}, but '{path}' is damaged or cut short ({reason}): "
        "give an intact copy"
    )
