"""Weights to the Hugging Face hub, in the layout that `download.fetch_bundle` reads.

    push("runs/mine", "owner/name")     renderer/, generator/, speech/ and README.md, the model card

Only configurations, cards and safetensors files are sent: whatever else lies in a folder stays on
this machine. All files arrive in one commit, so that an interrupted upload changes nothing.
`huggingface_hub` does the transfer, with the token of HF_TOKEN or of its own login.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError
from playmate_jax.hub.bundles import find_bundle, is_weights, read_card
from playmate_jax.hub.download import LAYOUT, Say, first_line, library, split_id, to_stderr
from playmate_jax.hub.model_card import markdown


def push(
    given: str | Path,
    repository: str,
    *,
    public: bool = False,
    endpoint: str | None = None,
    say: Say = to_stderr,
) -> str:
    """Uploads weights and a model card made from their cards; creates the repository if needed.

    Args:
      given: the name of shipped or fetched weights, or a folder, as in `bundles.find_folder`.
      repository: "owner/name" on the hub.
      public: whether everyone may read it. Otherwise a new repository is private, and an existing
        public one is refused.
      endpoint: a server with the hub's interface; None takes HF_ENDPOINT, or the hub.
      say: called with each progress message.

    Returns:
      The address of the commit.

    Raises:
      UserError: there are no such weights, there is no token, or the hub refuses.
    """
    if (split_id(repository) or ("", "@"))[1]:
        raise UserError(f"expected a repository as owner/name, found '{repository}': write it so")
    files, card = contents(given, repository)
    hub = library()
    if not (token := hub.get_token()):
        raise UserError(
            "expected a token with write access to the hub, found none: set HF_TOKEN, or run "
            "'hf auth login'"
        )
    api = hub.HfApi(endpoint=endpoint, token=token)
    size = sum(path.stat().st_size for path in files.values())
    with _refusals(repository):
        api.create_repo(repository, private=not public, exist_ok=True)
        # an existing repository keeps its visibility
        if not public and not api.model_info(repository).private:
            raise UserError(
                f"expected a private repository, found that {repository} is public: nothing was "
                "sent; pass --public if everyone may read these weights"
            )
        say(f"{repository}: sending {len(files)} files, {size / 1e6:.1f} MB")
        operations = [hub.CommitOperationAdd(name, str(path)) for name, path in files.items()] + [
            hub.CommitOperationAdd("README.md", card.encode())
        ]
        made = api.create_commit(repository, operations, commit_message="Weights of playmate-jax")
    return str(made.commit_url)


def contents(given: str | Path, repository: str) -> tuple[Mapping[str, Path], str]:
    """What `push` sends: the path of each file by its name in the repository, and the model card.

    Args:
      given: as in `push`.
      repository: the name that the card's examples use.

    Raises:
      UserError: there are no such weights, or a part of them is incomplete.
    """
    parts = find_bundle(given)
    for folder in parts.values():
        if not is_weights(folder):
            raise UserError(
                f"expected config.json, params.safetensors and card.json in '{folder}', found not "
                "all of them: give complete weights"
            )
    files = {
        name: path
        for part, folder in parts.items()
        for path in sorted(folder.iterdir())
        if path.is_file() and LAYOUT.fullmatch(name := f"{part}/{path.name}")
    }
    return files, markdown({part: read_card(folder) for part, folder in parts.items()}, repository)


@contextmanager
def _refusals(repository: str) -> Iterator[None]:
    """Turns the errors of huggingface_hub into `UserError`s of one sentence."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError as error:
        raise UserError(
            f"expected a repository as owner/name, found '{repository}' ({first_line(error)}): "
            "write it so"
        ) from None
    except errors.HfHubHTTPError as error:
        raise UserError(
            f"expected the hub to accept {repository}, found that it refused "
            f"({_reason(error)}): use a token that may write there, or another name"
        ) from None
    except Exception as error:
        # Errors of the library's transport (httpx) do not derive from OSError.
        if not isinstance(error, OSError) and not type(error).__module__.startswith("httpx"):
            raise
        raise UserError(
            f"expected to send weights to {repository}, but that failed ({first_line(error)}): "
            "nothing was changed there, try again"
        ) from None


def _reason(error: Any) -> str:
    """The hub's status code with its own words, where it sent some."""
    words = getattr(error, "server_message", None) or first_line(error)
    return f"{error.response.status_code}: {' '.join(str(words).split())[:160]}"
