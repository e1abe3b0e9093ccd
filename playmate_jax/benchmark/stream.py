"""How fast a live portrait is: each stage, the first frame, and a long run at the pace of a clock.

fast    all speech is there at once, hops are made as fast as they can be
first   from the moment at which enough speech is there until its first frame is drawn
live    speech arrives every 20 ms as it is spoken; frames leave by the clock
"""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.benchmark import machine
from playmate_jax.inference.animator import Animator
from playmate_jax.inference.live import TICK_S, LiveStream
from playmate_jax.inference.streaming import BUNDLED_SPEECH
from playmate_jax.media import read_audio
from playmate_jax.metrics.lips import correlation
from playmate_jax.motion.layout import (
    ANGLES,
    AUDIO_HZ,
    FPS,
    LIP_KEYPOINTS,
    SAMPLES_PER_FRAME,
    unpack,
)

PORTRAIT = BUNDLED_SPEECH.with_name("portrait.png")
PORTRAIT_OPTIONS = ("face", "face_box", "crop", "paste", "max_side")  # that `animate` has too
STAGES = ("features", "generate", "draw")
_PART = AUDIO_HZ // 50  # samples that arrive at a time
_PAUSE_S = 1.5  # between utterances of the live run: lips rest
_TRIES = 10


def measure(
    animator: Animator, portrait: str | Path, speech: str | Path, live_s: float, **options: Any
) -> dict[str, Any]:
    """All figures, in plain values; times in milliseconds.

    Args:
      live_s: how long the live run lasts; 0 leaves it out.
      options: of `Animator.stream`.
    """
    audio = read_audio(speech, AUDIO_HZ)
    stream = animator.stream(portrait, **options)
    facts = {
        "machine": machine.machine(), "weights": animator.cards["renderer"].get("name"),
        "width": stream.size[0], "height": stream.size[1], "hop": stream.hop,
        "lookahead": stream.lookahead, "speech_s": round(len(audio) / AUDIO_HZ, 2),
    }  # fmt: skip
    facts["first_frame_ms"] = spread(_first(stream, audio))
    fast, motion = _fast(stream, audio)
    facts |= fast
    facts["lips_like_offline"] = _agreement(animator, portrait, speech, motion, options)
    if live_s:
        facts["live"] = _live(animator.stream(portrait, **options), audio, live_s)
    return facts


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and largest of some times, in milliseconds."""
    ms = 1e3 * np.asarray(seconds)
    found = {"p50": np.median(ms), "p95": np.quantile(ms, 0.95), "most": ms.max()}
    return {name: round(float(value), 2) for name, value in found.items()}


def table(facts: dict[str, Any]) -> str:
    """The figures as a table for a terminal or a page."""
    hop_ms = 1e3 * TICK_S * facts["hop"]
    lines = [
        f"{facts['weights']} weights, {facts['width']}x{facts['height']}, hops of {facts['hop']} "
        f"frames ({hop_ms:g} ms), look-ahead of {facts['lookahead']}; {facts['machine']['cpus']} "
        f"CPUs ({facts['machine']['cpu']}), load {facts['machine']['load'][0]}",
        "",
        "| a hop, ms | p50 | p95 | most |",
        "|---|---|---|---|",
    ]
    rows = [*((name, facts["stages_ms"][name]) for name in STAGES),
            ("first frame, once enough speech is there", facts["first_frame_ms"])]  # fmt: skip
    lines += [f"| {name} | {r['p50']} | {r['p95']} | {r['most']} |" for name, r in rows]
    lines += [
        "",
        f"as fast as it can: {facts['frames_per_s']} frames/s (25 are needed), "
        f"{facts['cpu_ms_a_frame']} ms of processor time a frame",
    ]
    like = facts["lips_like_offline"]
    lines.append(
        f"lips' correlation with `animate`: {like['stream']}; of `animate` with another seed: "
        f"{like['another_seed']}"
    )
    if live := facts.get("live"):
        lines.append(
            f"live for {live['seconds']} s: {live['ticks']} frames, {live['held']} of them held; "
            f"late by {live['late_ms']['p50']} ms (p50), {live['late_ms']['p95']} (p95), "
            f"{live['late_ms']['most']} (most); sound behind the clock at the end: "
            f"{live['drift_ms']} ms; memory {' to '.join(map(str, live['memory_mib']))} MiB; "
            f"the head's mean turn per minute: {live['mean_yaw_deg']} degrees"
        )
    return "\n".join(lines)


def _first(stream, audio: np.ndarray) -> list[float]:
    """From the push of a hop and its look-ahead to its first frame."""
    enough = (stream.hop + stream.lookahead) * SAMPLES_PER_FRAME
    taken = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        stream.push(np.resize(audio, enough))
        stream.make()
        assert stream.take() is not None
        taken.append(time.perf_counter() - began)
        stream.interrupt()
    return taken


def _fast(stream, audio: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    for times in stream.seconds.values():
        times.clear()
    began, cpu, motion = time.perf_counter(), time.process_time(), []
    stream.push(audio)
    stream.end_utterance()
    while stream.make():
        while (frame := stream.take()) is not None:
            motion.append(frame.motion)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    facts = {
        "frames_per_s": round(len(motion) / took, 1),
        "cpu_ms_a_frame": round(1e3 * cpu / len(motion), 1),
        "stages_ms": {name: spread(list(stream.seconds[name])) for name in STAGES},
    }
    return facts, np.stack(motion)


def _agreement(
    animator: Animator, portrait, speech, motion: np.ndarray, options: dict[str, Any]
) -> dict[str, float]:
    """Mean correlation of the lips' numbers, weighted by how far each moves offline."""
    shown = {name: value for name, value in options.items() if name in PORTRAIT_OPTIONS}
    offline, other = (
        animator.animate(portrait, speech, seed=seed, **shown).motion for seed in (0, 1)
    )

    def agreement(found: np.ndarray) -> float:
        a, b = (unpack(x[: len(offline)])["expression"] for x in (found, offline))
        a, b = (x[:, list(LIP_KEYPOINTS)].reshape(len(x), -1) for x in (a, b))
        weights = b.std(0)
        used = np.flatnonzero(weights > 0.05 * weights.max())
        found_each = [correlation(a[:, i], b[:, i]) for i in used]
        return round(float(np.average(found_each, weights=weights[used])), 3)

    return {"stream": agreement(motion), "another_seed": agreement(other)}


def _live(stream, audio: np.ndarray, live_s: float) -> dict[str, Any]:
    yaw: list[float] = []
    shown: list[float] = []

    def deliver(frame, held: bool) -> None:
        shown.append(time.perf_counter())
        yaw.append(float(frame.motion[ANGLES][1]))

    live, stop = LiveStream(stream, deliver), threading.Event()
    live.start()
    before = machine.host_resident_mib()
    speaker = threading.Thread(target=_speak, args=(stream, audio, stop), daemon=True)
    speaker.start()
    time.sleep(live_s)
    stop.set()
    speaker.join()
    live.stop()
    if live.error is not None:
        raise live.error
    minute = 60 * FPS
    means = [np.mean(yaw[i : i + minute]) for i in range(0, len(yaw), minute)]
    return {
        "seconds": live_s, "ticks": live.ticks, "held": live.held,
        "late_ms": spread(list(live.late_s)),
        "drift_ms": round(1e3 * (shown[-1] - shown[0] - TICK_S * (len(shown) - 1)), 2),
        "memory_mib": [round(mib or 0) for mib in (before, machine.host_resident_mib())],
        "mean_yaw_deg": [round(float(mean), 2) for mean in means],
    }  # fmt: skip


def _speak(stream, audio: np.ndarray, stop: threading.Event) -> None:
    """Pushes the recording again and again as if it were spoken now, with pauses."""
    due = time.perf_counter()
    while True:
        for start in range(0, len(audio), _PART):
            due += _PART / AUDIO_HZ
            if stop.wait(max(0.0, due - time.perf_counter())):
                return
            stream.push(audio[start : start + _PART])
        stream.end_utterance()
        due += _PAUSE_S
