"""Ids and splits of sources, assigned by one rule for all data sets.

Ids come from the data set's own names; they are unique and fit for a file name on any system. A
name of ASCII letters, digits and `. _ -` is its own id; folders are joined by `--`. Anything else
in a name becomes `-`, and eight digits of the name's hash keep it distinct. The id then depends on
the name alone, so that a file keeps its id when others come and go. Only where two names still
meet (`a.mp4` beside `a.mov`) do both get their hash.

Splits never share a speaker. What a data set publishes is kept where it holds out speakers
(AVSpeech's test set, Acappella's unseen singers). Everyone else is placed by a hash of the data
set's and the speaker's name: 90 % train, 5 % validation, 5 % test, the same on every run and every
machine, and a speaker's split does not change when more are added. A split that the data set
publishes gets no speaker by hash. Fewer than `FEW` speakers without a published split are all in
train, as 5 % of them is less than one person and a data set needs a train split; validation and
test are then empty. A person with several names (two accounts, two videos) counts as several
speakers, since names do not show it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

VALIDATION_SHARE = 0.05
TEST_SHARE = 0.05
FEW = 20  # 1 / share
_LONGEST = 100  # clips add a number, frames another; file systems end at 255


def identify(names: Sequence[str]) -> list[str]:
    """A unique id for every name, in the order of the names."""
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


def assign(dataset: str, speakers: Iterable[str], official: Mapping[str, str]) -> dict[str, str]:
    """The split of every speaker.

    Args:
      dataset: its name, which is hashed with the speaker's.
      speakers: all of them, in any order.
      official: the split of speakers whom the data set itself places.
    """
    speakers = set(speakers)
    found = {speaker: official[speaker] for speaker in speakers & official.keys()}
    free = speakers - official.keys()
    published = set(official.values())
    for speaker in free:
        split = "train" if len(free) < FEW else by_hash(dataset, speaker)
        found[speaker] = "train" if split in published else split
    return found


def by_hash(dataset: str, speaker: str) -> str:
    """The split of a speaker whom the data set does not place: 90, 5 and 5 % of hashes."""
    digest = hashlib.sha256(f"{dataset}/{speaker}".encode()).digest()
    at = int.from_bytes(digest[:8], "big") / 2**64
    if at < TEST_SHARE:
        return "test"
    return "validation" if at < TEST_SHARE + VALIDATION_SHARE else "train"
