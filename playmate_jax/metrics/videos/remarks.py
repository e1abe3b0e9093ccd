"""What a reader of the numbers has to know: sides that do not fit, and sets that are too small."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from playmate_jax.metrics.videos.pairs import REFERENCE, System
from playmate_jax.metrics.videos.protocol import Protocol

LEAST_IMAGES = 1000  # for a FID that says something; published ones take 2048 and more
LEAST_WINDOWS = 256  # for FVD; the usual protocol takes 2048
_SAME_LENGTH_S, _SAME_RATE = 0.1, 0.01

Facts = Callable[[str, str], Mapping[str, Any]]  # system and clip -> what the file is


def remarks(
    systems: Sequence[System],
    measured: Mapping[str, Sequence[str]],
    found: Mapping[str, Any],
    facts: Facts,
    protocol: Protocol,
) -> list[str]:
    """A sentence for everything that weakens the numbers.

    Args:
      measured: names of the clips that were, by system.
      found: the summaries, by system.
    """
    sentences: list[str] = []
    for system in systems:
        clips = measured[system.name]
        if system.alone:
            sentences.append(
                f"{system.name}: {_videos(len(system.alone))} without a reference of the same name "
                f"({_first(system.alone)}) left out"
            )
        sentences += _mismatches(system.name, clips, facts, protocol)
        sentences += _too_few(system.name, found.get(system.name))
    sets = {name: frozenset(clips) for name, clips in measured.items()}
    if len(set(sets.values())) > 1:
        common = frozenset.intersection(*sets.values())
        sentences.append(
            f"the systems were measured on different clips ({len(common)} are common to all): "
            "compare them on the same ones"
        )
    return sentences


def _mismatches(system: str, clips: Sequence[str], facts: Facts, protocol: Protocol) -> list[str]:
    """Clips whose files differ from their references, a sentence for each way."""
    differ: dict[str, list[tuple[str, str]]] = {}
    for name in clips:
        made, true = facts(system, name), facts(REFERENCE, name)
        if abs(made["fps"] - true["fps"]) > _SAME_RATE:
            _add(differ, "frame rates differ", name, f"{made['fps']:g} and {true['fps']:g} fps")
        length, other = (f["frames"] / protocol.fps for f in (made, true))
        if abs(length - other) > _SAME_LENGTH_S:
            _add(differ, "lengths differ", name, f"{length:.2f} and {other:.2f} s")
        sizes = [f"{f['width']}x{f['height']}" for f in (made, true)]
        if sizes[0] != sizes[1]:
            _add(differ, "sizes differ", name, " and ".join(sizes))
        if made["codec"] != true["codec"]:
            _add(differ, "codecs differ", name, f"{made['codec']} and {true['codec']}")
    done = {
        "frame rates differ": f"both sides were brought to {protocol.fps} fps",
        "lengths differ": "the common beginning was compared",
        "sizes differ": f"both sides were brought to {protocol.size} pixels ({protocol.crop})",
        "codecs differ": "nothing was encoded again",
    }
    return [
        f"{system}: {what} in {len(found)} of {_videos(len(clips))} ('{found[0][0]}': "
        f"{found[0][1]}); {done[what]}"
        for what, found in differ.items()
    ]


def _too_few(system: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"{system}: no clip could be measured"]
    sentences = []
    scores = found["scores"]
    for key, title, least, what in (
        ("fid", "FID", LEAST_IMAGES, "images"),
        ("kid", "KID", LEAST_IMAGES, "images"),
        ("fvd", "FVD", LEAST_WINDOWS, "windows"),
    ):
        if key in scores and scores[key]["samples"] < least:
            sentences.append(
                f"{system}: {title} of {scores[key]['samples']} {what} a side; under {least:,} it "
                "is far too high, and says little"
            )
    if found["clips"] == 1:
        sentences.append(f"{system}: one clip, so there is no confidence interval")
    return sentences


def _add(found: dict[str, list[tuple[str, str]]], what: str, name: str, how: str) -> None:
    found.setdefault(what, []).append((name, how))


def _videos(count: int) -> str:
    return f"{count} video{'' if count == 1 else 's'}"


def _first(names: Sequence[str]) -> str:
    return f"'{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
