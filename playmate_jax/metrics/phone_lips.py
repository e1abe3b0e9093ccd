"""Do the lips close, open and round where the phones of real speech ask for it?

    python -m playmate_jax.metrics.phone_lips playmate_jax/weights/demo/generator FOLDER --json F

A folder holds recordings and, for those whose words are known, a file `transcription`
(`phone_alignment`). Motion is generated for the training set's average face, with several seeds;
nothing is compared with recorded motion, only with what each phone needs. Beside it stands what a
mouth that follows the loudness scores (`mouth_by_loudness`): a figure no better than that says
nothing about phones.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from playmate_jax.errors import UserError
from playmate_jax.inference.generate import GenerateOptions, MotionModel, load_motion_model
from playmate_jax.media.audio import read_audio
from playmate_jax.metrics.figures import add_arguments, deliver, rounded, show
from playmate_jax.metrics.lips import (
    CLOSE,
    JAW,
    ROUND,
    WIDE,
    energy_envelope,
    lips_against_sound,
    silent_frames,
)
from playmate_jax.metrics.phone_alignment import (
    SILENCE,
    Phone,
    align,
    decode_phones,
    read_transcripts,
)
from playmate_jax.metrics.speech_motion import (
    add_generate_options,
    drawn_units,
    generate_options,
    recordings_in,
)
from playmate_jax.motion.layout import FPS
from playmate_jax.synthetic import phonemes
from playmate_jax.synthetic.expression import LIPS, UNIT

CLOSED = 0.5  # of the `close` unit
LIP_UNITS = [UNIT[name] for name in LIPS]
SHUT_JAW = 0.1
STILL = 0.1  # change of a lip unit from frame to frame
LOUD = 0.3  # of the speech level, 0 ... 1: the mouth by loudness shuts below
STRETCH = FPS  # frames in a row depend on each other: they are resampled a second at a time
LEAST_RECORDINGS = 5  # fewer cannot be resampled: phones are, in their place
RESAMPLES = 1000

BILABIAL = {"P", "B", "M"}
NEAR_CLOSURE = BILABIAL | {"F", "V", SILENCE}
OPEN = {"AA", "AE", "AO", "AY", "AW"}
SHUT = {"S", "Z", "T", "D", "N", "IY", "IH", "SH", "CH", "JH", "L"}
ROUNDED = {"UW", "OW", "W", "AO", "UH", "OY"}
SPREAD = {"IY", "EH", "AE", "EY", "IH", "S", "Z"}

OF_FRAMES = ("false_closures", "silence_shut", "silence_still")  # groups of frames, not of phones
Groups = dict[str, Float[np.ndarray, "draws _"]]


class Spoken(NamedTuple):
    """A recording: its name, sound (s) at 16 kHz, phones, and whether its words were known."""

    name: str
    audio: Float[np.ndarray, " s"]
    phones: Sequence[Phone]
    transcribed: bool


def read_folder(folder: Path) -> list[Spoken]:
    """All recordings of a folder with the times of their phones.

    Raises:
      UserError: there are none, pocketsphinx is missing, or a transcript does not fit.
    """
    words, found = read_transcripts(folder), recordings_in(folder)
    if lost := sorted(words.keys() - {path.stem for path in found}):
        raise UserError(
            f"expected a recording for each line of the transcription in '{folder}', found none "
            f"for {', '.join(lost)}: put the name of a recording, without suffix, in the brackets"
        )
    result = []
    for path in found:
        audio = np.asarray(read_audio(path), np.float32)
        try:
            said = align(audio, words[path.stem]) if path.stem in words else decode_phones(audio)
        except UserError as error:
            raise UserError(f"{path.name}: {error}") from None
        result.append(Spoken(path.name, audio, said, path.stem in words))
    return result


def frames_of(phone: Phone, n: int) -> tuple[int, int]:
    """First frame that a phone touches, and the one behind its last, of n at 25 fps."""
    return max(0, int(phone.start * FPS)), min(n, int(np.ceil(phone.end * FPS)))


def far_from_closures(phones: Sequence[Phone], n: int) -> Bool[np.ndarray, " n"]:
    """Frames two or more away from p, b, m, f, v and pauses: lips have no reason to shut."""
    far = np.ones(n, bool)
    for phone in phones:
        if phone.name in NEAR_CLOSURE:
            first, last = frames_of(phone, n)
            far[max(0, first - 2) : last + 2] = False
    return far


def phone_groups(units: Float[np.ndarray, "draws n 18"], phones: Sequence[Phone]) -> Groups:
    """What the measures are made of, by name; items are phones, or frames.

    Returns:
      closures: 1 where the `close` unit passes 0.5 between the frame before a p, b or m and the one
      behind it; false_closures: 1 where it does in `far_from_closures`; open, shut: the jaw in the
      middle of open vowels, and of phones with a nearly shut jaw; rounded, spread: round minus wide
      in the middle of rounded phones, and of spread ones; silence_shut: 1 in frames of silence
      (`silent_frames`) where the jaw is under 0.1; silence_still: 1 in those in which no lip unit
      has moved by more than 0.1 since the frame before.
    """
    draws, n = units.shape[:2]
    seen = [phone for phone in phones if frames_of(phone, n)[1] > frames_of(phone, n)[0]]
    closures = []
    for phone in seen:
        if phone.name in BILABIAL:
            first, last = frames_of(phone, n)
            closures.append(units[:, max(0, first - 1) : last + 1, CLOSE].max(1) > CLOSED)

    def middle(values: np.ndarray, names: set[str]) -> np.ndarray:
        at = [int((p.start + p.end) / 2 * FPS) for p in seen if p.name in names]
        return values[:, np.minimum(at, n - 1).astype(int)]

    shape = units[..., ROUND] - units[..., WIDE]
    silence = [phonemes.Segment(phonemes.SILENCE, *p[1:3]) for p in seen if p.name == SILENCE]
    lips = units[..., LIP_UNITS]
    silent = silent_frames(silence, n)
    moved = np.abs(np.diff(lips, axis=1, prepend=lips[:, :1])).max(-1)
    return {
        "closures": np.reshape(closures, (-1, draws)).T.astype(float),
        "false_closures": (units[:, far_from_closures(seen, n), CLOSE] > CLOSED).astype(float),
        "open": middle(units[..., JAW], OPEN),
        "shut": middle(units[..., JAW], SHUT),
        "rounded": middle(shape, ROUNDED),
        "spread": middle(shape, SPREAD),
        "silence_shut": (np.abs(units[:, silent, JAW]) < SHUT_JAW).astype(float),
        "silence_still": (moved[:, silent] <= STILL).astype(float),
    }


def separation(high: Float[np.ndarray, "draws k"], low: Float[np.ndarray, "draws l"]) -> float:
    """Area under the ROC curve, mean over draws: how often one of `high` is above one of `low`."""
    if not high.shape[1] or not low.shape[1]:
        return float("nan")
    a, b = high[:, :, None], low[:, None]
    return float((a > b).mean() + (a == b).mean() / 2)


def measures(groups: Groups) -> dict[str, float]:
    """The figures of one recording's groups, or of several put together; NaN where one is empty."""
    share = lambda x: float(x.mean()) if x.size else float("nan")  # noqa: E731
    return dict(
        closures=share(groups["closures"]),
        false_closures=share(groups["false_closures"]),
        jaw_separation=separation(groups["open"], groups["shut"]),
        rounding_separation=separation(groups["rounded"], groups["spread"]),
        silence_shut=share(groups["silence_shut"]),
        silence_still=share(groups["silence_still"]),
    )


def put_together(parts: Sequence[Groups]) -> Groups:
    """The groups of several recordings as one."""
    return {key: np.concatenate([part[key] for part in parts], 1) for key in parts[0]}


def intervals(parts: Sequence[Groups], seed: int = 0) -> dict[str, list[float]]:
    """95 % bootstrap intervals of `measures`: recordings are drawn with replacement, or, of fewer
    than five, phones and seconds of frames."""
    rng = np.random.default_rng(seed)
    whole = put_together(parts)
    found = []
    for _ in range(RESAMPLES):
        if len(parts) >= LEAST_RECORDINGS:
            drawn = put_together([parts[i] for i in rng.integers(len(parts), size=len(parts))])
        else:
            drawn = {key: _resampled(key, values, rng) for key, values in whole.items()}
        found.append(measures(drawn))
    result = {}
    for key in found[0]:
        values = np.array([one[key] for one in found])
        values = values[np.isfinite(values)]
        ends = np.percentile(values, (2.5, 97.5)) if len(values) else (float("nan"),) * 2
        result[key] = [float(end) for end in ends]
    return result


def _resampled(key: str, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = values.shape[1]
    if not n:
        return values
    length = min(n, STRETCH) if key in OF_FRAMES else 1
    starts = rng.integers(n - length + 1, size=-(-n // length))
    return values[:, (starts[:, None] + np.arange(length)).ravel()[:n]]


def mouth_by_loudness(audio: Float[np.ndarray, " s"], n: int) -> Float[np.ndarray, "1 n 18"]:
    """Units of the simplest mouth: the jaw is the speech level; low levels shut the lips."""
    units = np.zeros((1, n, len(UNIT)))
    units[0, :, JAW] = energy_envelope(audio, n)
    units[0, :, CLOSE] = units[0, :, JAW] < LOUD
    return units


def folder_figures(
    spoken: Sequence[Spoken], units: Sequence[Float[np.ndarray, "draws n 18"]]
) -> dict[str, Any]:
    """Figures of units for the recordings of a folder: each, and all phones pooled with intervals.

    Beside `measures`: jaw_energy (`lips_against_sound`), a mean over draws; the pooled one is the
    mean over recordings.
    """
    parts = [phone_groups(u, one.phones) for u, one in zip(units, spoken, strict=True)]
    by_recording = {}
    for one, drawn, part in zip(spoken, units, parts, strict=True):
        energy = [lips_against_sound(u, one.audio)["jaw_energy"] for u in drawn]
        by_recording[one.name] = {
            "phones_from": "transcript" if one.transcribed else "decoded without transcript",
            "bilabials": part["closures"].shape[1],
            **measures(part),
            "jaw_energy": float(np.mean(energy)),
        }
    whole, every = put_together(parts), by_recording.values()
    return {
        "recordings": by_recording,
        "pooled": {
            "bilabials": whole["closures"].shape[1],
            **measures(whole),
            "jaw_energy": float(np.mean([one["jaw_energy"] for one in every])),
        },
        "interval": intervals(parts),
        "interval_over": "recordings" if len(parts) >= LEAST_RECORDINGS else "phones",
    }


def measure(
    model: MotionModel, spoken: Sequence[Spoken], options: GenerateOptions, draws: int = 4
) -> dict[str, Any]:
    """`folder_figures` of generated motion over `draws` seeds, with those of `mouth_by_loudness`
    under "by_loudness"."""
    units = [drawn_units(model, one.audio, options, draws) for one in spoken]
    plain = [mouth_by_loudness(one.audio, u.shape[1]) for one, u in zip(spoken, units)]
    loudness = folder_figures(spoken, plain)
    return folder_figures(spoken, units) | {
        "by_loudness": loudness["pooled"] | {"interval": loudness["interval"]}
    }


def main(argv: list[str] | None = None) -> None:
    """Command line: the figures of each folder of recordings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, help="a generator's weights directory")
    parser.add_argument("folders", type=Path, nargs="+", help="folders of recordings")
    parser.add_argument("--draws", type=int, default=4, help="seeds that are averaged (4)")
    add_arguments(parser)
    add_generate_options(parser)
    given = parser.parse_args(argv)
    spoken = {folder.name: read_folder(folder) for folder in given.folders}
    model, figures = load_motion_model(given.weights), {}
    for name, recordings in spoken.items():
        figures[name] = measure(model, recordings, generate_options(given), given.draws)
        show(name, rounded(figures[name]))
    deliver({"phone_lips": figures}, given.json, given.weights if given.card else None)


if __name__ == "__main__":
    main()
