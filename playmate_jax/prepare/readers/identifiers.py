"""Ids of sources: from the data set's own names, unique, and fit for a file name anywhere.

A name of ASCII letters, digits and `. _ -` is its own id; folders are joined by `--`. Anything else
in a name becomes `-`, and eight digits of the name's hash keep it apart from its like. The id then
depends on the name alone, so that a file keeps its id when others come and go. Only where two names
still meet (`a.mp4` beside `a.mov`) do both get their hash.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

_LONGEST = 100  # clips add a number, frames another; file systems end at 255


def identify(names: Sequence[str]) -> list[str]:
    """An id a name, in their order."""
    ids = [_identifier(name) for name in names]
    times = Counter(ids)
    ids = [
        f"{id}-{_digits(name)}" if times[id] > 1 else id
        for id, name in zip(ids, names, strict=True)
    ]
    if len(set(ids)) < len(ids):  # one name several times: two people in one span
        times = Counter()
        for i, id in enumerate(ids):
            times[id] += 1
            if times[id] > 1:
                ids[i] = f"{id}-{times[id]}"
    return ids


def _identifier(name: str) -> str:
    joined = name.replace("/", "--")
    id = re.sub(r"[^A-Za-z0-9._-]+", "-", joined)
    if id == joined and id[:1] not in ("", ".") and len(id) <= _LONGEST:
        return id
    return f"{id.lstrip('.-')[: _LONGEST - 9]}-{_digits(name)}".lstrip("-")


def _digits(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
