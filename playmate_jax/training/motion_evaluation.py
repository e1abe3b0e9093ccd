"""What stages 1 and 2 are worth on clips of the validation split, while they train.

Two parts, both with the EMA of the parameters, without dropout, with fixed keys and windows, so
that two evaluations differ by the parameters alone. The loss by its parts, and in four bands of the
noise schedule: a falling loss says little where most of its weight is noise that nothing could
predict. And motion generated for the clips' speech, in a few sampling steps: do its lips follow
this clip and no other, does the head move as far as it should, is the emotion the one asked for.

Every process evaluates its block of the windows in pieces of equal number; the sums are merged.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from playmate_jax.data.motion_batch import Cut, MotionBatch, Windows, emotions_of
from playmate_jax.data.motion_data import MotionData
from playmate_jax.data.shared_batches import stacked
from playmate_jax.inference.generate import GenerateOptions, MotionModel
from playmate_jax.losses.motion import LossConfig, loss_at
from playmate_jax.losses.motion_draws import draws
from playmate_jax.losses.readouts import Readout
from playmate_jax.metrics.held_out import generated
from playmate_jax.metrics.window_motion import Figures, compare_window, shown_emotion, values
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.normalization import Statistics
from playmate_jax.training.stage import Params, State

BANDS = 4  # of the noise schedule
SAMPLING = GenerateOptions(steps=8)
Pause = Callable[[], None]
Evaluation = Callable[[State, Pause], Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What is evaluated, and how.

    Attributes:
      windows: of the validation clips, (n, ...).
      clips: the same clips' records, of which the beginning is generated.
      emotional: stage 2: pose does not count, emotions are asked for.
    """

    loss: LossConfig
    model: MotionModelConfig
    statistics: Statistics
    windows: MotionBatch
    clips: Sequence[Mapping[str, Any]]
    readout: Readout | None
    emotional: bool

    def __call__(self, params: Params, pause: Pause) -> dict[str, float]:
        """Figures by name.

        Args:
          params: {"generator"} and, after stage 2, "emotion".
          pause: called between the pieces; it may raise.
        """
        sums: Figures = {}
        for found in (*self._losses(params, pause), *self._motion(params, pause)):
            for name, (total, count) in found.items():
                before = sums.get(name, (0.0, 0.0))
                sums[name] = (before[0] + total, before[1] + count)
        means = values(over_processes(sums))
        weights = self.loss.weights(self.emotional)
        return {"loss": sum(weight * means[name] for name, weight in weights.items()), **means}

    def _losses(self, params: Params, pause: Pause) -> Iterator[Figures]:
        """Terms of the loss, the windows of a piece at every band of the schedule."""
        size = self.model.schedule.n_steps // BANDS
        for rows, counts in self._pieces():
            batch: Any = {name: np.asarray(value)[rows] for name, value in self.windows.items()}
            batch["valid"] = batch["valid"] & counts[:, None]
            for band in range(BANDS):
                terms = jax.device_get(self._terms(params, batch, rows, band))
                found = {k: (float(t.total), float(t.count)) for k, t in terms.items()}
                at = f"diffusion_at_{band * size}_to_{(band + 1) * size - 1}"
                yield found | {at: found["diffusion"]}
                pause()

    @functools.cached_property
    def _terms(self) -> Callable:
        """(params, batch, row numbers, band) -> terms, compiled once."""
        model, size = self.model, self.model.schedule.n_steps // BANDS

        @jax.jit
        def terms(params, batch, rows, band):
            keys = jax.vmap(lambda row: jax.random.fold_in(jax.random.key(0), row))(rows)
            drawn = draws(keys, size, model.generator.window)
            drawn = drawn.replace(  # every condition is kept, nothing is dropped
                step=band * size + drawn.step, chances=drawn.chances + 1, seed=None
            )
            return loss_at(self.loss, model, params, batch, drawn, self.readout, self.emotional)

        return terms

    def _motion(self, params: Params, pause: Pause) -> Iterator[Figures]:
        """Generated motion of a window from the beginning of each clip against the truth."""
        model = MotionModel(self.model, dict(params), self.statistics)
        length, n = self.model.generator.window.length, len(self.clips)
        synthetic = all("truth" in record for record in self.clips)
        for rows, counts in self._pieces():
            clips = stacked([_beginning(self.clips[row], length) for row in rows])
            asked = clips["emotion"] if self.emotional else None
            sampling = dataclasses.replace(SAMPLING, seed=int(rows[0]))
            made = generated(model, clips, sampling, asked)
            pause()
            plain = generated(model, clips, sampling) if self.emotional else made
            pause()
            for i, row in enumerate(rows):
                t = min(length, len(self.clips[row]["motion"]))
                other = self.clips[(row + 1) % n]["motion"][:length]
                found = compare_window(made[i, :t], clips["motion"][i, :t], other, synthetic)
                if self.emotional and synthetic:
                    found |= shown_emotion(made[i, :t], plain[i, :t], clips["emotion"][i, :t])
                # by the same names everywhere, also of a window that only fills a piece up
                yield {k: (x * counts[i], c * counts[i]) for k, (x, c) in found.items()}

    def _pieces(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """This process's pieces: numbers of the windows (k,), and whether each counts. Pieces are
        the same for any number of processes; every process has equally many, filled up with windows
        that do not count."""
        n = len(self.clips)
        k = min(n, piece_size(self.model))
        each = -(-n // (k * jax.process_count()))
        for piece in range(jax.process_index() * each, (jax.process_index() + 1) * each):
            rows = np.arange(piece * k, (piece + 1) * k)
            yield rows % n, rows < n


def piece_size(model: MotionModelConfig) -> int:
    """How many windows a piece has, so that sampling them takes a CPU about a second: 8 at demo
    size, one of the paper's."""
    work = model.generator.layers * model.generator.width**2
    return int(np.clip(2**19 // work, 1, 8))


def over_processes(sums: Figures) -> Figures:
    """The sums of all processes added up."""
    if jax.process_count() == 1:
        return sums
    names = sorted(sums)
    mine = np.array([sums[name] for name in names], np.float64)
    # float64 would be rounded on the way: its bits travel as they are
    every = np.asarray(multihost_utils.process_allgather(mine.view(np.uint32))).view(np.float64)
    return {name: tuple(pair) for name, pair in zip(names, every.sum(0).tolist(), strict=True)}


def held_out(
    loss: LossConfig,
    model: MotionModelConfig,
    statistics: Statistics,
    clips: MotionData,
    readout: Readout | None,
    count: int,
    emotional: bool = False,
) -> HeldOut | None:
    """The evaluation on `count` clips of the validation split; None where there are none, which is
    said once."""
    records = clips.held_out(count, emotional) if count else []
    if not records:
        if count and isinstance(clips.data, str):
            kind = (
                "a validation split with labelled emotions" if emotional else "a validation split"
            )
            print(
                f"expected {kind} in {clips.data}, found none: training goes on without held-out "
                "evaluation (playmate prepare makes one of more people)",
                file=sys.stderr,
            )
        return None
    cut = Cut(Windows(model.generator.window), statistics)
    windows: Any = stacked(
        [cut(record, np.random.default_rng(n)) for n, record in enumerate(records)]
    )
    # As in generating, unrolled layers would only be compiled longer.
    model = dataclasses.replace(model, generator=dataclasses.replace(model.generator, unroll=1))
    return HeldOut(loss, model, statistics, windows, records, readout, emotional)


def _beginning(record: Mapping[str, Any], length: int) -> dict[str, np.ndarray]:
    """The first `length` frames of a record, the last one repeated where it is shorter."""
    n = min(len(record["motion"]), len(record["features"]))
    rows = np.minimum(np.arange(length), n - 1)
    return {
        "motion": np.asarray(record["motion"])[rows],
        "features": np.asarray(record["features"], np.float32)[rows],
        "identity": np.asarray(record["identity"]),
        "emotion": emotions_of(record, n)[rows],
    }
