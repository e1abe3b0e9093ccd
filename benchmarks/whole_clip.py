"""The whole pipeline on short and long speech: time, frames per second and peak memory.

    python benchmarks/whole_clip.py --json whole_clip.json        (10 s and 300 s; some minutes)
    python benchmarks/whole_clip.py --lengths 10,30               (a quick look)

The bundled portrait speaks the bundled speech, repeated to each length, and is written as mp4 with
sound: everything that `playmate animate` does. Every length runs in a new process, which first
makes one second of video to load or compile the programs (`first_s`: from the start of the process
until that video is written); only what follows is timed. More than 25 frames per second is faster
than real time. Generation and rendering are timed separately; `frames_per_s` includes both.
`peak_mib` is the peak memory of the process. `cpu_s` shows whether other work disturbed the
measurement: on an idle machine with n cores it is up to n times the wall time, else less.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# No heavy imports here: a process inherits the peak memory of the process that started it.
FPS = 25
COLUMNS = {
    "first_s": 1, "generate_s": 1, "render_s": 1, "wall_s": 1, "cpu_s": 1, "frames_per_s": 1,
    "times_real_time": 2, "peak_mib": 0,
}  # fmt: skip


def measure(seconds: float, weights: str, folder: Path) -> dict[str, float]:
    """Measures one length of speech, in this process."""
    began = time.perf_counter()
    import numpy as np

    from playmate_jax.cli.animate import PORTRAIT, SPEECH
    from playmate_jax.inference import Animator
    from playmate_jax.media import read_audio, write_wav
    from playmate_jax.motion.layout import AUDIO_HZ

    bundled, hz = read_audio(SPEECH, AUDIO_HZ), AUDIO_HZ
    speech, short = folder / "speech.wav", folder / "short.wav"
    write_wav(speech, np.resize(bundled, round(seconds * hz)), hz)
    write_wav(short, bundled[:hz], hz)
    animator = Animator.from_weights(weights)
    animator.animate(PORTRAIT, short).write(folder / "short.mp4")
    first_s = time.perf_counter() - began

    began, cpu = time.perf_counter(), time.process_time()
    animation = animator.animate(PORTRAIT, speech)
    animation.write(folder / "whole.mp4")
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    taken = animation.seconds
    return {"frames": len(animation), "first_s": first_s, "wall_s": wall_s, "cpu_s": cpu_s} | (
        rates(len(animation), taken["generate"], taken["render"]) | {"peak_mib": peak_mib()}
    )


def rates(frames: int, generate_s: float, render_s: float) -> dict[str, float]:
    """Frames per second, and multiples of real time (25 frames per second)."""
    rate = frames / (generate_s + render_s)
    return {
        "generate_s": generate_s,
        "render_s": render_s,
        "generate_frames_per_s": frames / generate_s,
        "render_frames_per_s": frames / render_s,
        "frames_per_s": rate,
        "times_real_time": rate / FPS,
    }


def peak_mib() -> float:
    """The peak memory of this process, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def in_fresh_process(seconds: float, weights: str) -> dict[str, float]:
    """Runs `measure` in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, __file__, "--weights", weights, "--json", str(result)]
        subprocess.run([*command, "--alone", str(seconds)], check=True)
        return json.loads(result.read_text("utf-8"))


def main() -> None:
    """Command line: prints a table, and writes the results as JSON on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--lengths", default="10,300", help="seconds of speech, with commas (10,300)"
    )
    parser.add_argument("--weights", default="demo", help="a shipped name or a folder (demo)")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument(
        "--card", action="store_true", help="also write them to the card of the generator"
    )
    parser.add_argument("--alone", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone is not None:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(given.alone, given.weights, Path(folder))
        given.json.write_text(json.dumps(figures), "utf-8")
        return
    figures: dict[str, Any] = {"cpus": os.cpu_count()}
    print(f"{figures['cpus']} CPUs; real time is {FPS} frames/s")
    print(f"{'speech s':>10}" + "".join(f"{name:>16}" for name in COLUMNS), flush=True)
    for seconds in map(float, given.lengths.split(",")):
        found = figures[f"{seconds:g}_s"] = in_fresh_process(seconds, given.weights)
        print(
            f"{seconds:10g}" + "".join(f"{found[name]:16.{n}f}" for name, n in COLUMNS.items()),
            flush=True,
        )

    from playmate_jax.hub.bundles import find_parts
    from playmate_jax.metrics.figures import deliver

    generator = find_parts(given.weights)["generator"]
    deliver({"whole_clip": figures}, given.json, generator if given.card else None)


if __name__ == "__main__":
    main()
