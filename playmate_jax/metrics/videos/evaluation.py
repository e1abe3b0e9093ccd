"""Generated videos of one or more systems against real ones, from folders to figures.

Reads top to bottom: pairs -> networks that are there -> every reference, generated video and pair,
kept on disk as soon as it is measured -> figures of each system. A clip that cannot be measured is
listed with its sentence, and costs no other one its scores.
"""

import dataclasses
import functools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker
from playmate_jax.hub.bundles import read_card
from playmate_jax.metrics.videos import baseline, remarks, store
from playmate_jax.metrics.videos.networks import find_networks, identity
from playmate_jax.metrics.videos.one_pair import LPIPS, PairMeter, Side
from playmate_jax.metrics.videos.one_video import Meter, needs_faces
from playmate_jax.metrics.videos.pairs import REFERENCE, System, find_systems, videos_in
from playmate_jax.metrics.videos.protocol import find_protocol
from playmate_jax.metrics.videos.request import Request, possible
from playmate_jax.metrics.videos.scores import EMOTIONS_OF, Metric, find_metrics
from playmate_jax.metrics.videos.summary import Measured, of_reference, summary
from playmate_jax.metrics.videos.video import Video

MEASURED, PAIRS, BASELINE = "measured", "pairs", "baseline"  # folders in the one of the report
Progress = Callable[[str, int, int], None]


class Evaluation:
    """One run: what is looked for when it is made, and measured by `run`.

    Raises:
      UserError: folders without videos or pairs, unknown names, damaged weights.
    """

    def __init__(self, request: Request):
        self.request = request
        self.protocol = find_protocol(request.protocol)
        asked = find_metrics(list(request.metrics))
        references = request.references or videos_in(request.reference)
        self.systems, self.references = find_systems(
            request.generated, references, request.clips, request.made
        )
        self._writers: dict[str, Callable[[Video, Path], Path]] = {}  # of baselines, by system
        if request.baseline:
            self._add_baseline(baseline.NAME, baseline.write_still)
        if (lips := request.loudness) is not None:
            self._add_baseline(
                lips.system,
                functools.partial(baseline.write_loudness, lips=lips),
                f"{lips.system}, ",
            )
        self.folders = find_networks(request.networks, self.protocol.lpips)
        self.metrics, self.left_out = possible(asked, self.folders, request.labels)
        if not self.metrics:
            raise UserError(
                f"expected a metric that can be measured, found none: {self.left_out[0]}"
            )
        self.faults = [dict(fault) for fault in request.faults]

    @property
    def needs_faces(self) -> bool:
        """Whether `run` has to find faces."""
        return needs_faces(self.protocol, {g for m in self.metrics.values() for g in m.groups})

    def run(
        self, landmarker: Landmarker | None, progress: Progress = lambda *_: None
    ) -> dict[str, Any]:
        """Measures what is missing, and returns what report.json holds.

        Args:
          landmarker: finds the faces; None where `needs_faces` is false.
          progress: is called with ("videos", done, total).

        Raises:
          UserError: no clip of any system could be measured.
        """
        done = self._measure_all(landmarker, progress)
        systems = {
            s.name: [name for name in s.videos if name in done[s.name]] for s in self.systems
        }
        if not any(systems.values()):
            first = self.faults[0]["sentence"] if self.faults else "no pairs"
            raise UserError(f"expected a clip that can be measured, found none: {first}")
        found = {
            system.name: {"folder": str(system.folder), "without_reference": len(system.alone)}
            | summary(systems[system.name], self._reader(system), self.metrics, self.request.labels)
            for system in self.systems
            if systems[system.name]
        }
        kept = [
            name for name in self.references if any(name in clips for clips in systems.values())
        ]
        own = summary(kept, self._reference_reader(), self._own_metrics(), self.request.labels)
        return {
            "reference": str(self.request.reference),
            "protocol": {"name": self.request.protocol} | dataclasses.asdict(self.protocol),
            "seconds": self.request.seconds,
            "networks": {
                kind: {"folder": str(folder), "identity": identity(folder), "title": _title(folder)}
                for kind, folder in self.folders.items()
                if kind in {metric.network for metric in self.metrics.values()}
            },
            "metrics": list(self.metrics),
            "systems": found,
            "of_reference": of_reference(own, self.metrics),
            "left_out": self.left_out,
            "remarks": [
                *remarks.remarks(self.systems, systems, found, self._facts, self.protocol),
                *self._unlabelled(kept),
            ],
            "faults": self.faults,
        }  # fmt: skip

    def _unlabelled(self, clips: list[str]) -> list[str]:
        """A sentence about clips whose emotion nobody asked for, where Emo-A is measured."""
        alone = [name for name in clips if name not in self.request.labels]
        if not set(EMOTIONS_OF) & set(self.metrics) or not alone:
            return []
        return [
            f"{len(alone)} of {len(clips)} clips have no label ('{alone[0]}'): no Emo-A of them"
        ]

    def _add_baseline(
        self, name: str, write: Callable[[Video, Path], Path], folder: str = ""
    ) -> None:
        """A baseline as a system of its own; its videos are written when they are measured."""
        if any(system.name == name for system in self.systems):
            raise UserError(f"expected no system '{name}' beside the baseline: rename it")
        seconds = self.request.seconds
        length = "whole" if seconds is None else f"{seconds:g} s"
        place = self.request.out / BASELINE / f"{folder}{length}"
        videos = {clip: place / f"{clip}.mp4" for clip in self.references}
        self._writers[name] = write
        self.systems.append(System(name, place, videos, []))

    def _measure_all(
        self, landmarker: Landmarker | None, progress: Progress
    ) -> dict[str, set[str]]:
        """Names of the clips that were measured, by system."""
        metrics = self.metrics.values()
        groups = list(dict.fromkeys(g for metric in metrics for g in metric.groups))
        pair_groups = list(dict.fromkeys(g for metric in metrics for g in metric.pair_groups))
        seconds = self.request.seconds
        meter = Meter(self.protocol, self.folders, landmarker, groups, seconds)
        lpips = self.folders[LPIPS] if LPIPS in pair_groups else None
        pair_meter = PairMeter(self.protocol, pair_groups, lpips, seconds)
        done: dict[str, set[str]] = {system.name: set() for system in self.systems}
        total = len(self.references) + sum(len(system.videos) for system in self.systems)
        count = 0
        progress("videos", 0, total)
        for name, path in self.references.items():
            true = self._kept(REFERENCE, name, functools.partial(meter.measure, path), meter.groups)
            count += 1
            progress("videos", count, total)
            for system in self.systems:
                if name not in system.videos:
                    continue
                count += 1
                if true is not None and self._measure_one(system, name, true, meter, pair_meter):
                    done[system.name].add(name)
                progress("videos", count, total)
        return done

    def _measure_one(
        self, system: System, name: str, true: store.Record, meter: Meter, pair_meter: PairMeter
    ) -> bool:
        """A generated video, alone and against its reference; whether it was measured."""
        path, reference = system.videos[name], self.references[name]

        def measure(kept: store.Record) -> store.Record:
            if system.name in self._writers:
                video = Video(reference, self.protocol, self.request.seconds)
                self._writers[system.name](video, path)
            return meter.measure(path, kept)

        made = self._kept(system.name, name, measure, meter.groups)
        if made is None:
            return False
        compare = functools.partial(pair_meter.measure, Side(path, made), Side(reference, true))
        return self._kept(system.name, name, compare, pair_meter.groups, PAIRS) is not None

    def _kept(
        self,
        system: str,
        name: str,
        measure: Callable[[store.Record], store.Record],
        groups: Collection[str],
        what: str = "",
    ) -> store.Record | None:
        """What was measured, kept on disk; None where the clip cannot be measured at all.

        Args:
          groups: those that this run asks for; an earlier one may have kept others.
          what: PAIRS, or "" for a video by itself.
        """
        path = self._path(system, name, what)
        kept = store.Record() if self.request.fresh else store.read(path)
        before = dict(kept.keys)
        try:
            record = measure(kept)
        except UserError as error:
            self._fault(system, name, str(error))
            return None
        except Exception as error:  # a defect met in one clip must not cost the others' results
            self._fault(system, name, f"unexpected {type(error).__name__}: {error}")
            return None
        if record.keys != before:
            store.write(path, record)
        for sentence in dict.fromkeys(
            record.faults[group] for group in groups if group in record.faults
        ):
            if what != PAIRS or not any(f["sentence"] == sentence for f in self.faults):
                self._fault(system, name, sentence)
        return record

    def _fault(self, system: str, name: str, sentence: str) -> None:
        self.faults.append({"system": system, "clip": name, "sentence": sentence})

    def _path(self, system: str, name: str, what: str = "") -> Path:
        folder = self.request.out / MEASURED / (f"{system}.{what}" if what else system)
        return folder / f"{name}.npz"

    def _facts(self, system: str, name: str) -> dict[str, Any]:
        return store.read(self._path(system, name)).numbers.get("facts", {})

    def _reader(self, system: System) -> Callable[[str], Measured]:
        def read(name: str) -> Measured:
            places = ((system.name, ""), (REFERENCE, ""), (system.name, PAIRS))
            return Measured(*(store.read(self._path(place, name, what)) for place, what in places))

        return read

    def _reference_reader(self) -> Callable[[str], Measured]:
        def read(name: str) -> Measured:
            record = store.read(self._path(REFERENCE, name))
            return Measured(record, record, store.Record())

        return read

    def _own_metrics(self) -> dict[str, Metric]:
        """The metrics that a real video has by itself."""
        return {
            name: metric for name, metric in self.metrics.items()
            if name in EMOTIONS_OF or any(c.group and not c.pair for c in metric.columns)
        }  # fmt: skip


def _title(folder: Path) -> str:
    card = read_card(folder)
    return ", from ".join(str(card[key]) for key in ("title", "source") if card.get(key))
