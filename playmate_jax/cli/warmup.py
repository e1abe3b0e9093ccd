"""`playmate warmup`: compiles what a first job would have to, and keeps it in the cache."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playmate_jax.cli.animate import PORTRAIT, SPEECH
from playmate_jax.errors import UserError

SPEECH_S = 5.0  # a window of every generator is shorter


def command(args: argparse.Namespace) -> int:
    """Runs `playmate warmup`; returns its exit code."""
    import jax

    from playmate_jax.cli.progress import ProgressBar

    found: dict[str, Any] = {"seconds": {}, "left_out": {}}
    bar = None if args.quiet else ProgressBar()
    began = time.perf_counter()
    try:
        jobs = list(_jobs(args))
        for done, (name, job) in enumerate(jobs):
            if bar:
                bar(f"compile {name}", done, len(jobs))
            start = time.perf_counter()
            try:
                job()
            except UserError as error:  # these weights cannot do this
                found["left_out"][name] = str(error)
            else:
                found["seconds"][name] = round(time.perf_counter() - start, 2)
    finally:
        if bar:
            bar.close()
    found["cache"] = jax.config.jax_compilation_cache_dir
    found["total_s"] = round(time.perf_counter() - began, 2)
    if args.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return 0
    for name, seconds in found["seconds"].items():
        print(f"{name:22}{seconds:8.1f} s")
    for name, reason in found["left_out"].items():
        print(f"{name:22}left out: {reason}")
    kept = f"kept in {found['cache']}" if found["cache"] else "not kept: no folder can be written"
    print(f"{found['total_s']:.1f} s in all; compiled programs are {kept}")
    return 0


def _jobs(args: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names of short jobs that together compile what others need, and the jobs."""
    from playmate_jax.inference.animator import Animator
    from playmate_jax.media import read_audio

    speech = read_audio(SPEECH)[: int(SPEECH_S * 16_000)]

    def animator(form: str) -> Animator:
        return Animator.from_weights(
            args.weights, args.generator, face_models=args.face_models, batch=args.batch,
            renderer_form=form,
        )  # fmt: skip

    def written(animation: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            animation.write(Path(folder) / "warmup.mp4")

    first = animator("plain" if args.renderer_form == "auto" else args.renderer_form)
    if first.generator is not None:
        yield "speech", lambda: written(first.animate(PORTRAIT, speech))
        yield "speech and emotion", lambda: first.animate(PORTRAIT, speech, emotion="happy")
    yield "reenactment", lambda: written(first.reenact(PORTRAIT, PORTRAIT))
    if args.renderer_form == "auto":
        yield "folded renderer", lambda: written(animator("folded").reenact(PORTRAIT, PORTRAIT))
    if args.stream:
        yield "stream", lambda: [frame.number for frame in first.stream(PORTRAIT, [speech[:8000]])]
