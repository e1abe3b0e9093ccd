"""What the system refuses, in one sentence; a full disk above all, which is no source's fault."""

import errno
import os

from playmate_jax.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException) -> bool:
    """Whether an error is that of a full disk."""
    told = isinstance(error, RuntimeError) and os.strerror(errno.ENOSPC) in str(error)
    return told or (isinstance(error, OSError) and error.errno in _FULL)  # ArrayRecord or Python


def refusal(error: BaseException, root: str) -> UserError:
    """What the system refused, in one sentence."""
    if is_full(error):
        return UserError(
            f"expected room in {root}, found the disk full: free some; the same command goes on "
            "from here"
        )
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return UserError(
        f"expected to read and write in {root}, found: {reason}; check the folder and its rights, "
        "and for an address such as gs:// that Beam's extra for it is installed"
    )
