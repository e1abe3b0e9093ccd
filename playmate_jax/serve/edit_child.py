"""Portraits edited by hand, in a process of their own: amounts come in, an image goes out.

In: {"portrait": path, "amounts": {...}}. Out: the image as JPEG, or {"refused": sentence}. The
portraits of the last visitors stay encoded, so that only the first image of each takes long.
"""

import traceback
from collections import OrderedDict
from typing import Any

import cv2

from playmate_jax.errors import UserError
from playmate_jax.inference.animator import Animator
from playmate_jax.inference.editing import Editor
from playmate_jax.serve.messages import Channel

MAX_SIDE = 1024  # of the image that is sent
_KEPT, _QUALITY = 4, [cv2.IMWRITE_JPEG_QUALITY, 90]


class Edits:
    """Draws portraits with the amounts that are asked for."""

    def __init__(self, animator: Animator, channel: Channel):
        self._animator, self._channel = animator, channel
        self._editors: OrderedDict[str, Editor] = OrderedDict()

    def __call__(self, asked: dict[str, Any]) -> None:
        path = asked["portrait"]
        try:
            image = self._editor(path).draw(asked["amounts"])
            _, jpeg = cv2.imencode(".jpg", image[..., ::-1], _QUALITY)
            self._channel.send(jpeg.tobytes())
        except UserError as error:
            self._channel.send({"refused": str(error).replace(f"'{path}'", "the portrait")})
        except (EOFError, OSError):
            raise
        except Exception as error:
            traceback.print_exc()
            refused = f"unexpected {type(error).__name__}; the server's log has more"
            self._channel.send({"refused": refused})

    def _editor(self, path: str) -> Editor:
        found = self._editors.pop(path, None) or self._animator.editor(path, max_side=MAX_SIDE)
        self._editors[path] = found
        if len(self._editors) > _KEPT:
            self._editors.popitem(last=False)
        return found
