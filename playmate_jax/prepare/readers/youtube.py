"""Whole downloads from YouTube, found by the video's id of eleven characters."""

import re

from playmate_jax.prepare.readers.tree import Tree, stem

_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_TITLED = re.compile(r".*\[([A-Za-z0-9_-]{11})\]", re.DOTALL)  # yt-dlp's own: Title [id].mp4
_IN_ADDRESS = re.compile(r"(?:v=|youtu\.be/|/embed/|/shorts/)([A-Za-z0-9_-]{11})")


def whole_videos(tree: Tree) -> dict[str, str]:
    """Id -> file, for files called `ID.mp4` or `Title [ID].mp4`."""
    found: dict[str, str] = {}
    for file in tree.videos():
        name = stem(file)
        titled = _TITLED.fullmatch(name)
        if titled:
            found.setdefault(titled[1], file)
        elif _ID.fullmatch(name):
            found[name] = file  # the plain name goes first
    return found


def video_id(address: str) -> str:
    """The id in an address, or ""."""
    found = _IN_ADDRESS.search(address)
    return found[1] if found else ""
