"""The file names of a data set's folder, listed once; whole downloads from YouTube among them.

One pass with `os.scandir` and not a single `stat` per file, so that millions of files are listed in
seconds. Nothing is opened: the content of a file is checked when it is prepared.
"""

import os
import posixpath
import re
from dataclasses import dataclass, field

from playmate_jax.data.records import Dropped
from playmate_jax.errors import UserError

VIDEOS = frozenset(
    ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .webm .wmv".split()
)
SOUNDS = frozenset(".aac .flac .m4a .mp3 .ogg .opus .wav".split())
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_TITLED = re.compile(r".*\[([A-Za-z0-9_-]{11})\]", re.DOTALL)  # yt-dlp's own: Title [id].mp4
_IN_ADDRESS = re.compile(r"(?:v=|youtu\.be/|/embed/|/shorts/)([A-Za-z0-9_-]{11})")


@dataclass(frozen=True)
class Tree:
    """The names of all files under a folder.

    Attributes:
      root: the folder, absolute.
      files: relative to the root, with `/`, sorted.
      dropped: folders and files that could not be read.
    """

    root: str
    files: list[str]
    dropped: list[Dropped] = field(default_factory=list)

    def path(self, file: str) -> str:
        """The absolute path of a file of the tree."""
        return os.path.join(self.root, file)

    def videos(self) -> list[str]:
        """The files whose extension is one of `VIDEOS`."""
        return [file for file in self.files if suffix(file) in VIDEOS]

    def named(self, *names: str) -> dict[str, str]:
        """Files with one of these names, by name; of several, the one nearest to the root."""
        found: dict[str, str] = {}
        for file in sorted(self.files, key=lambda file: file.count("/")):
            name = posixpath.basename(file)
            if name in names:
                found.setdefault(name, file)
        return {name: found[name] for name in names if name in found}


def suffix(file: str) -> str:
    """The extension of a file in lower case, with its dot."""
    return posixpath.splitext(file)[1].lower()


def stem(file: str) -> str:
    """The name of a file without folders and extension."""
    return posixpath.splitext(posixpath.basename(file))[0]


def by_stem(files: list[str]) -> dict[str, str]:
    """Files by their stem; of several with one stem, the first."""
    found: dict[str, str] = {}
    for file in files:
        found.setdefault(stem(file), file)
    return found


def whole_videos(tree: Tree) -> dict[str, str]:
    """Files named `ID.mp4` or `Title [ID].mp4`, by YouTube's id of eleven characters."""
    found: dict[str, str] = {}
    for file in tree.videos():
        name = stem(file)
        titled = _TITLED.fullmatch(name)
        if titled:
            found.setdefault(titled[1], file)
        elif _YOUTUBE_ID.fullmatch(name):
            found[name] = file  # the plain name goes first
    return found


def video_id(address: str) -> str:
    """YouTube's id in an address of it, or "" if there is none."""
    found = _IN_ADDRESS.search(address)
    return found[1] if found else ""


def scan(root: str | os.PathLike) -> Tree:
    """Every file under a folder, hidden ones left out; links are followed, loops are not.

    Raises:
      UserError: `root` is no folder, or cannot be read.
    """
    root = os.path.abspath(os.path.expanduser(root))
    files: list[str] = []
    dropped: list[Dropped] = []
    seen: set[tuple[int, int]] = set()
    folders: list[str] = [""]
    links: list[str] = []  # after all folders: a link then adds only what has no other way
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        where = os.path.join(root, folder)
        try:
            status = os.stat(where)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(where) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            if not folder:
                raise UserError(_no_folder(root, error)) from None
            dropped.append(_left_out(folder, where, f"this folder cannot be read ({_why(error)})"))
            continue
        for entry in found:
            name = posixpath.join(folder, entry.name)
            if entry.name.startswith("."):
                continue
            if not name.isascii() and not _is_text(name):
                dropped.append(_left_out(ascii(name), where, "its name is not valid UTF-8"))
                continue
            kind = _kind(entry)
            if kind == "folder":
                (links if entry.is_symlink() else folders).append(name)
            elif kind == "file":
                files.append(name)
            elif suffix(name) in VIDEOS:
                dropped.append(
                    _left_out(name, where, "it is no file, or a link that leads nowhere")
                )
    return Tree(root, sorted(files), dropped)


def _kind(entry: os.DirEntry) -> str:
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else ""
    except OSError:  # a link to itself
        return ""


def _left_out(id: str, source: str, reason: str) -> Dropped:
    return Dropped(id, source, "listing", reason)


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _no_folder(root: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"expected a folder, found nothing at '{root}': check the path"
    if isinstance(error, NotADirectoryError):
        return f"expected a folder, found the file '{root}': give the folder it lies in"
    return f"expected a folder, but '{root}' cannot be read ({_why(error)}): check its permissions"
