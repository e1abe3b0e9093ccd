"""Files of a repository on the Hugging Face hub: downloaded into its own cache, and checked.

    found = fetch("KlingTeam/LivePortrait", files, revision="82a4fa6...")
    found.paths["liveportrait/base_models/warping_module.pth"]

`huggingface_hub` does the transfer: it resumes after a broken connection, keeps every complete
file, and honours HF_ENDPOINT, HF_HUB_OFFLINE, HF_HUB_CACHE and HF_TOKEN. Every file is checked
against its known sha256, or else against the hub's own record (for small files the hub records
git's hash only). A file that fails the check is removed from the cache.
"""

import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError
from playmate_jax.hub.published import File

HUB_ID = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>[\w./-]+))?")
Say = Callable[[str], None]  # called with each progress message
_SHA256, _GIT = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


LAYOUT = re.compile(
    r"((renderer|generator|speech)/)?(config\.json|card\.json|\w+\.safetensors)|README\.md"
)


def to_stderr(text: str) -> None:
    """Prints a progress message on standard error."""
    print(text, file=sys.stderr)


@dataclass(frozen=True)
class Commit:
    """A repository at one commit.

    Attributes:
      repository: its id, "owner/name".
      revision: the commit's hash.
      licence: as the repository states it; "" where it states none, and offline.
      recorded: the hub's hash of each file: sha256, git's hash for a small file, or "".
      folder: its folder in the hub's cache when offline, else None.
    """

    repository: str
    revision: str
    licence: str
    recorded: dict[str, str]
    folder: Path | None = None

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision[:12]}"


@dataclass(frozen=True)
class Download:
    """Files of one commit, downloaded and checked.

    Attributes:
      folder: contains the files under their names in the repository, and possibly others.
      paths: the path of each file, by its name in the repository.
      sha256: the sha256 of each file, by the same names.
    """

    commit: Commit
    folder: Path
    paths: dict[str, Path]
    sha256: dict[str, str]


def split_id(text: str) -> tuple[str, str] | None:
    """(repository, revision) of "owner/name@revision", the revision "" if absent; None if `text` is
    not of that form."""
    found = HUB_ID.fullmatch(text)
    return (found["repository"], found["revision"] or "") if found else None


def fetch(
    repository: str,
    files: Sequence[File],
    revision: str = "",
    *,
    pinned: bool = True,
    offline: bool = False,
    endpoint: str | None = None,
    say: Say = to_stderr,
) -> Download:
    """Downloads the files that are not in the hub's cache yet, and checks all of them.

    Args:
      files: the files to fetch; all of them must exist.
      revision: a commit, branch or tag; "" takes the newest commit.
      pinned: whether the hashes in `files` are valid at this revision.
      offline: uses the hub's cache only.
      endpoint: a mirror with the hub's interface; None takes HF_ENDPOINT, or the hub.
      say: called with each progress message.

    Raises:
      UserError: the repository, revision or a file does not exist, there is no connection, or the
        content of a file is not the expected one.
    """
    commit = look_up(repository, revision, offline=offline, endpoint=endpoint)
    if not revision:
        say(f"{repository}: the newest commit is {commit.revision}")
    chosen = {_choose(file, commit): file.sha256 if pinned else "" for file in files}
    return download(commit, chosen, endpoint)


def fetch_bundle(
    text: str, *, offline: bool = False, endpoint: str | None = None, say: Say = to_stderr
) -> Path:
    """Downloads a repository in this project's layout, and returns its folder.

    Args:
      text: "owner/name" or "owner/name@revision".
      offline, endpoint, say: as in `fetch`.

    Raises:
      UserError: as `fetch`, or the repository has no weights in this project's layout.
    """
    repository, revision = split_id(text) or (text, "")
    say(f"{text}: asking the hub")
    commit = look_up(repository, revision, offline=offline, endpoint=endpoint)
    names = [name for name in commit.recorded if LAYOUT.fullmatch(name)]
    if not any(name.endswith("params.safetensors") for name in names):
        raise UserError(
            f"expected weights in this project's layout in {commit}, found none among its "
            f"{len(commit.recorded)} files: convert others with 'playmate convert'"
        )
    cached = library().try_to_load_from_cache
    if not all(cached(repository, name, revision=commit.revision) for name in names):
        say(f"{commit}: fetching {len(names)} files; licence {commit.licence or 'not stated'}")
    return download(commit, dict.fromkeys(names, ""), endpoint).folder


def look_up(
    repository: str, revision: str = "", *, offline: bool = False, endpoint: str | None = None
) -> Commit:
    """A repository at a revision, with its list of files: on the hub, or offline in its cache.

    Raises:
      UserError: it does not exist, or there is no connection.
    """
    hub = library()
    where = f"{repository}@{revision}" if revision else repository
    if offline or hub.constants.HF_HUB_OFFLINE:
        return _cached(Path(hub.constants.HF_HUB_CACHE), repository, revision or "main")
    with _hub_errors(where):
        info = hub.HfApi(endpoint=endpoint).model_info(
            repository, revision=revision or None, files_metadata=True
        )
    recorded = {
        sibling.rfilename: sibling.lfs.sha256 if sibling.lfs else sibling.blob_id or ""
        for sibling in info.siblings or []
    }
    licence = re.sub(r"[^\w .+-]", "", str((info.card_data or {}).get("license") or ""))
    return Commit(repository, info.sha, licence, recorded)


def _cached(cache: Path, repository: str, revision: str) -> Commit:
    """A commit from the hub's cache, which names its files by their hashes."""
    home = cache / f"models--{repository.replace('/', '--')}"
    if (home / "refs" / revision).is_file():
        revision = (home / "refs" / revision).read_text().strip()
    folder = home / "snapshots" / revision
    if not folder.is_dir():
        raise UserError(
            f"expected {repository} at {revision} in the hub's cache '{cache}', found none: run "
            "once with a connection, or copy the cache of another machine"
        )
    recorded = {
        str(path.relative_to(folder)): path.resolve().name
        for path in folder.rglob("*")
        if path.is_file()
    }
    return Commit(repository, revision, "", recorded, folder)


def download(commit: Commit, wanted: Mapping[str, str], endpoint: str | None = None) -> Download:
    """Downloads files of a commit, and checks them.

    Args:
      wanted: the known sha256 of each file by name, or "".
      endpoint: as in `fetch`.

    Raises:
      UserError: there is no connection, or the content of a file is not the expected one.
    """
    for name, known in wanted.items():
        recorded = commit.recorded[name]
        if known and _SHA256.fullmatch(recorded) and recorded != known:
            raise UserError(
                f"expected '{name}' of {commit} with sha256 {known[:12]}..., found that the hub "
                f"has {recorded[:12]}... there: nothing was downloaded; try another --endpoint"
            )
    paths = {}
    for name in wanted:
        if commit.folder:
            paths[name] = commit.folder / name
            continue
        with _hub_errors(str(commit)):
            path = library().hf_hub_download(
                commit.repository, name, revision=commit.revision, endpoint=endpoint
            )
        paths[name] = Path(path)
    sha256 = {
        name: _checked(paths[name], name, known, commit.recorded[name])
        for name, known in wanted.items()
    }
    name, path = next(iter(paths.items()))
    return Download(commit, path.parents[name.count("/")], paths, sha256)


def _choose(file: File, commit: Commit) -> str:
    for pattern in file.patterns:
        if found := [name for name in commit.recorded if fnmatchcase(name, pattern)]:
            return max(found)
    raise UserError(
        f"expected '{' or '.join(file.patterns)}' in {commit}, found none among its "
        f"{len(commit.recorded)} files: ask for another revision"
    )


def _checked(path: Path, name: str, known: str, recorded: str) -> str:
    """The sha256 of a file, after comparing it with the known and the recorded hash."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    passed = not known or found == known
    if _SHA256.fullmatch(recorded):
        passed = passed and found == recorded
    elif _GIT.fullmatch(recorded):
        content = path.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        passed = passed and git.hexdigest() == recorded
    if not passed:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise UserError(
            f"expected '{name}' with the hash {(known or recorded)[:12]}..., found sha256 "
            f"{found[:12]}...: it was removed from the hub's cache, fetch it again"
        )
    return found


def library() -> Any:
    """The module huggingface_hub, imported on first use.

    Raises:
      UserError: it is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.constants
    except ImportError:
        raise UserError(
            "weights on the hub need huggingface_hub: pip install 'playmate-jax[speech]'"
        ) from None
    return huggingface_hub


@contextmanager
def _hub_errors(where: str) -> Iterator[None]:
    """Turns the errors of huggingface_hub into `UserError`s of one sentence."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise UserError(
            f"expected access to {where} on the hub, found that its owner asks for consent first: "
            "give it on its page and set HF_TOKEN"
        ) from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"expected the repository {where} on the hub, found none, or it is private: check the "
            "name, or set HF_TOKEN"
        ) from None
    except (errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError) as error:
        raise UserError(
            f"expected {where} on the hub, found no such revision or file "
            f"({first_line(error)}): check the revision"
        ) from None
    except errors.HFValidationError as error:
        raise UserError(
            f"expected a repository as owner/name, found '{where}' ({first_line(error)}): check it"
        ) from None
    except Exception as error:
        # Errors of the library's transport (httpx) do not derive from OSError.
        if not isinstance(error, OSError) and not type(error).__module__.startswith("httpx"):
            raise
        raise UserError(
            f"expected to fetch {where}, but that failed ({first_line(error)}): try again, "
            "complete files are kept; without a connection copy the hub's cache and use --offline"
        ) from None


def first_line(error: BaseException) -> str:
    """The first line of an error's message, 160 characters at most, or else the error's type."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
