"""Who is trained on and who is held out: splits that never share a speaker.

What a data set publishes is kept where it holds out speakers (AVSpeech's test set, Acappella's
unseen singers). Everyone else is placed by a hash of the data set's and the speaker's name: 90 %
train, 5 % validation, 5 % test, the same on every run and every machine, and a speaker stays where
he is when more are added. A split that the data set publishes gets nobody by hash.

Fewer than `FEW` speakers without a published split all train: of so few, a share of 5 % is less
than one person, and a run without a train split would be worth nothing. Validation and test are
then empty.

Speakers are told apart by the data set's own names. That one person has several (two accounts, two
videos) cannot be known from them.
"""

import hashlib
from collections.abc import Iterable, Mapping

VALIDATION_SHARE = 0.05
TEST_SHARE = 0.05
FEW = 20  # 1 / share


def assign(dataset: str, speakers: Iterable[str], official: Mapping[str, str]) -> dict[str, str]:
    """The split of every speaker.

    Args:
      dataset: its name, a part of what is hashed.
      speakers: all of them, in any order.
      official: the split of those whom the data set itself places.
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
    """The split of a speaker whom the data set does not place."""
    digest = hashlib.sha256(f"{dataset}/{speaker}".encode()).digest()
    at = int.from_bytes(digest[:8], "big") / 2**64
    if at < TEST_SHARE:
        return "test"
    return "validation" if at < TEST_SHARE + VALIDATION_SHARE else "train"
