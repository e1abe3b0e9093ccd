"""What a user asks to be measured, and what of it can be."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from playmate_jax.metrics.videos.baseline import Lips
from playmate_jax.metrics.videos.networks import HOW
from playmate_jax.metrics.videos.pairs import System
from playmate_jax.metrics.videos.protocol import DEFAULT
from playmate_jax.metrics.videos.scores import DEMO, EMOTIONS_OF, Metric
from playmate_jax.motion.layout import Emotion


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be measured, as a user says it.

    Attributes:
      generated: folders, as NAME=DIR or DIR.
      metrics: names of `scores.METRICS`; none: all but those of the demo world.
      networks: folders of converted weights, preferred to fetched ones.
      labels: the emotion that was asked for, by clip; without it there is no Emo-A.
      made: systems whose videos are known already, with `references` by name, of all of them; then
        `reference` only says where those are listed.
      faults: of clips that could not be made: system, clip and sentence of each.
      clips, seconds: at most so many of each system, and of each video.
      baseline: also measures the first frame of each reference, still.
      loudness: draws lips; also measures that frame with a mouth that opens with the speech.
      fresh: nothing that an earlier run measured is used.
    """

    generated: Sequence[str]
    reference: Path
    out: Path
    metrics: Sequence[str] = ()
    protocol: str = DEFAULT
    networks: Sequence[str] = ()
    labels: Mapping[str, Emotion] = dataclasses.field(default_factory=dict)
    clips: int | None = None
    seconds: float | None = None
    baseline: bool = False
    fresh: bool = False
    loudness: Lips | None = None
    made: Sequence[System] = ()
    references: Mapping[str, Path] | None = None
    faults: Sequence[Mapping[str, str]] = ()


def possible(
    asked: dict[str, Metric], folders: Mapping[str, Path], labels: Mapping[str, Emotion]
) -> tuple[dict[str, Metric], list[str]]:
    """The metrics that can be measured, and a sentence for each that cannot."""
    possible, left_out = {}, []
    missing: dict[str, list[str]] = {}
    for name, metric in asked.items():
        if metric.network and metric.network not in folders:
            missing.setdefault(metric.network, []).append(name)
        elif name in EMOTIONS_OF and not labels:
            left_out.append(
                f"{name} is left out: the emotion that was asked for is not known; give --labels"
            )
        else:
            possible[name] = metric
    for network, names in missing.items():
        left_out.append(
            f"{', '.join(names)} left out, found no weights of {network}: {HOW[network]}, "
            "then give --networks DIR"
        )
    if "sync" in missing.get("syncnet", ()) and not set(DEMO) & set(asked):
        left_out.append("of synthetic faces alone: --metrics demo-sync needs no download")
    return possible, left_out
