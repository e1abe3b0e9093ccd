"""Profile of preparation: seconds of one core per second of video, for each stage.

    OMP_NUM_THREADS=1 python benchmarks/prepare_stages.py talking.mp4 [...] --weights demo

Each stage runs alone over the first seconds of each video, on one thread (the variable above limits
XLA too). Their sum is the time that one worker needs; a machine with n cores runs n workers.
Processor time is measured, which other work on the machine does not change.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from playmate_jax.faces.follow import FaceFollower
from playmate_jax.faces.scenes import scenes
from playmate_jax.media import audio_blocks, open_video
from playmate_jax.motion.layout import FPS
from playmate_jax.prepare.clips import ClipMaker, load_maker, speech
from playmate_jax.prepare.config import PrepareConfig
from playmate_jax.prepare.crops import crops, jpeg
from playmate_jax.prepare.pieces import Piece
from playmate_jax.prepare.quality import scores
from playmate_jax.prepare.silences import Samples


def measure(make: ClipMaker, path: str, seconds: float) -> dict[str, float]:
    """Seconds of processor time per second of video, by stage."""
    spent: dict[str, float] = {}

    def timed(name: str, stage: Callable[[], Any]) -> Any:
        began = time.process_time()
        made = stage()
        spent[name] = time.process_time() - began
        return made

    def decoded():
        return islice(open_video(path).stills_at(FPS), round(seconds * FPS))

    images = timed("decode", lambda: [still.image() for still in decoded()])
    length = len(images) / FPS
    timed("scenes", lambda: list(scenes(iter(images))))
    follower = FaceFollower(make.landmarker, lambda _, found: found[0] if found else None)
    faces = timed("follow", lambda: [follower(image) for image in images])
    timed("look for others", lambda: [make.landmarker.detect(i) for i in images[::25]])
    if not any(faces):
        return {name: value / length for name, value in spent.items()}
    piece = Piece(0, faces, [1])
    audio = timed("sound", lambda: speech(Samples(audio_blocks(path)), piece))
    sizes = make.extractor.input_size, make.config.image_size, make.config.frames_per_clip
    seen = timed("decode again, crop", lambda: crops(decoded(), piece, make.framing, *sizes))
    timed("scores", lambda: scores(piece, seen, audio))
    make.extractor.motion_and_keypoints(seen.driving[: make.config.batch])  # compiles
    timed("motion by M", lambda: make.extractor.motion_and_keypoints(seen.driving))
    heard = audio.astype(np.float32) / 32768
    make.encoder(heard)
    timed("speech features", lambda: make.encoder(heard))
    timed("JPEG", lambda: [jpeg(frame) for frame in seen.frames])
    return {name: value / length for name, value in spent.items()}


def main(argv: list[str] | None = None) -> None:
    """Command line: prints a profile of every video."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", nargs="+", help="videos of talking heads, with sound")
    parser.add_argument("--weights", default="demo", help="weights that contain M (demo)")
    parser.add_argument("--speech", default="log_mel", help="speech features (log_mel)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each video, at most (10)")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    given = parser.parse_args(argv)
    cv2.setNumThreads(1)
    make = load_maker(PrepareConfig(motion_weights=given.weights, speech=given.speech))
    figures = {}
    for path in given.videos:
        spent = measure(make, path, given.seconds)
        print(f"{Path(path).name} {open_video(path).size}: {sum(spent.values()):.3f} s per second")
        for name, value in spent.items():
            print(f"  {name:20} {value:.4f}")
        figures[Path(path).name] = spent
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
