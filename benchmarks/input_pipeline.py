"""Throughput of the input pipeline compared with training, and a profile of its time.

    python benchmarks/input_pipeline.py          (some minutes; `--only stage1` or `face_space`)

Writes a data set of noise to a temporary folder and prints Markdown tables:

1. face space: images per second, against decoding alone of the same JPEG files by OpenCV and PyAV
   with as many threads or processes,
2. a profile of both pipelines, and memory over an epoch,
3. stage 1: batches per second of the pipeline, against those of the paper-size train step.

The two sides of a ratio alternate within one run; results are medians.
"""

import argparse
import dataclasses
import io
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import av
import cv2
import numpy as np

import playmate_jax.data as d
from playmate_jax.data.frame_pairs import PAIRS, pair_of
from playmate_jax.data.motion_windows import Cut, Windows
from playmate_jax.data.records import Clip
from playmate_jax.data.shards import ShardWriter, shard_name, write_checksums, write_metadata
from playmate_jax.data.shared_batches import SharedMemoryReader, SharedMemoryWriter, made, stacked
from playmate_jax.data.statistics import STATISTICS_FILE, SetStatistics, statistics_text
from playmate_jax.motion.layout import SAMPLES_PER_FRAME

SECONDS, PICTURES, SIZE = 10, 16, 256  # of a clip; preparation keeps 16 images
DIFFERENT = 2048  # images; with fewer, caches and branch prediction would help
STEP_BATCH, BATCH = 8, 32
ROUNDS = 3
BUFFERED = 8  # batches ready at most, with two threads or workers


def image(rng: np.random.Generator) -> bytes:
    """Smooth shapes with a little noise, as JPEG: the size of a photographed face."""
    soft = cv2.resize(
        rng.random((16, 16, 3), np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC
    )
    pixels = np.clip(200 * soft + rng.normal(0, 3, soft.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def clip(number: int, images: list[bytes]) -> Clip:
    """A clip of noise in the shapes of a real clip."""
    rng, frames = np.random.default_rng(number), 25 * SECONDS
    return Clip(
        id=f"clip-{number:05d}",
        source="",
        speaker=f"speaker-{number}",
        dataset="folder",
        split="train",
        audio=rng.integers(-3000, 3000, SAMPLES_PER_FRAME * frames).astype(np.int16),
        motion=rng.standard_normal((frames, 70), np.float32),
        features=rng.standard_normal((frames, 768), np.float32).astype(np.float16),
        identity=rng.standard_normal(63, np.float32),
        frames=tuple(images[(number * 7 + n) % len(images)] for n in range(PICTURES)),
        rows=np.arange(PICTURES, dtype=np.int32) * (frames // PICTURES),
        landmarks=np.zeros((PICTURES, 468, 2), np.float16),
    )


def write_data(root: Path, count: int) -> list[bytes]:
    """Writes data sets of both kinds; returns the JPEG files in them."""
    rng = np.random.default_rng(0)
    images = [image(rng) for _ in range(DIFFERENT)]
    for kind in ("talking_clips", "portrait_pairs"):
        folder, found = root / kind / "1.0.0", []
        with ShardWriter(folder / shard_name(kind, "train", 0, 1), kind, image_size=SIZE) as writer:
            for number in range(count):
                made = clip(number, images)
                writer.write(made)
                found.append(SetStatistics.of(made))
        write_metadata(folder, kind, {"train": [writer.shard]}, image_size=SIZE)
        text = statistics_text({"train": SetStatistics.merged(found)})
        (folder / STATISTICS_FILE).write_text(text, "utf-8")
        write_checksums(folder)
    return images


def seconds_per_call(call: Callable[[], object], at_least: float = 1.0) -> float:
    """Mean time of a call, over at least one call and `at_least` seconds."""
    start, calls = time.perf_counter(), 0
    while True:
        call()
        calls += 1
        taken = time.perf_counter() - start
        if taken >= at_least:
            return taken / calls


def batches_per_s(batches) -> float:
    """Batches per second once the buffers are empty; lets them fill again at the end."""
    for _ in range(BUFFERED):
        next(batches)
    rate = 1 / seconds_per_call(lambda: next(batches), 2.0)
    time.sleep(1.0)
    return rate


def alternated(sides: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median of each side, where sides are measured in turn."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            found[name].append(measure())
    return {name: statistics.median(values) for name, values in found.items()}


# ------------------------------------------------------------------ stage 1


def train_step(folder: Path) -> Callable[[], object]:
    """One step of configs/paper_stage1.py, on a batch that is already in memory."""
    import jax

    from playmate_jax.training import load_config

    config = load_config(Path(__file__).parents[1] / "configs" / "paper_stage1.py")
    stage = dataclasses.replace(config, clips=str(folder), batch_size=STEP_BATCH).stage()
    with stage.batches(0, 0) as batches:
        batch = jax.device_put(next(batches))
    carry = [jax.jit(stage.init)(jax.random.key(0))]
    step = jax.jit(stage.step, donate_argnums=0)

    def run() -> object:
        carry[0], metrics = step(carry[0], batch, jax.random.key(1))
        return jax.block_until_ready(metrics)

    run()
    return run


def stage1_table(folder: Path) -> None:
    """Prints batches per second of the pipeline with 0, 1 and 2 workers, and of the train step."""
    step = train_step(folder)
    with (
        warm(d.stage1(str(folder), STEP_BATCH)) as threads,
        warm(d.stage1(str(folder), STEP_BATCH, loading=d.Loading(1))) as one,
        warm(d.stage1(str(folder), STEP_BATCH, loading=d.Loading(2))) as two,
    ):
        sides = {"threads": threads, "1 worker": one, "2 workers": two}
        measured = {name: partial(batches_per_s, batches) for name, batches in sides.items()}
        measured["train step"] = lambda: 1 / seconds_per_call(step, 0.0)
        found = alternated(measured)
    print(f"\n| stage 1, batch {STEP_BATCH} | batches/s | of the train step |\n|---|---:|---:|")
    for name, rate in found.items():
        print(f"| {name} | {rate:.2f} | {rate / found['train step']:.1f} x |")


@contextmanager
def warm(batches) -> Iterator:
    """An iterator of batches with running workers and buffers that were emptied once."""
    with batches:
        batches_per_s(batches)
        yield batches


# ------------------------------------------------------------------ face space


def with_opencv(image: bytes) -> object:
    """Decodes a JPEG to RGB pixels, (h, w, 3)."""
    return cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)


def with_pyav(image: bytes) -> object:
    """Decodes a JPEG to RGB pixels, (h, w, 3)."""
    with av.open(io.BytesIO(image), format="jpeg_pipe") as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def decoding_rate(decode: Callable, images: list[bytes]) -> float:
    """Images per second, decoded by one thread."""

    def all_of_them() -> None:
        for one in images:
            decode(one)

    return len(images) / seconds_per_call(all_of_them)


def rate_of_threads(decode: Callable, images: list[bytes], count: int) -> float:
    """Images per second, decoded by several threads."""
    with ThreadPoolExecutor(count) as threads:
        return sum(threads.map(lambda _: decoding_rate(decode, images), range(count)))


def face_space_table(folder: Path, images: list[bytes]) -> None:
    """Prints images per second of the pipeline, and of decoding alone with as many processes."""
    cores = min(os.cpu_count() or 1, 8)
    with (
        multiprocessing.get_context("spawn").Pool(2) as pool,
        warm(d.face_space(str(folder), BATCH)) as threads,
        warm(d.face_space(str(folder), BATCH, loading=d.Loading(1))) as one,
        warm(d.face_space(str(folder), BATCH, loading=d.Loading(2))) as two,
    ):

        def bare(decode: Callable, count: int) -> Callable[[], float]:
            jobs = [(decode, images)] * count
            return lambda: sum(pool.starmap(decoding_rate, jobs, chunksize=1))

        def fed(batches) -> Callable[[], float]:
            return lambda: 2 * BATCH * batches_per_s(batches)

        rows = {
            f"{cores} threads": (lambda: rate_of_threads(with_opencv, images, cores),
                                 lambda: rate_of_threads(with_pyav, images, cores), fed(threads)),
            "1 process": (bare(with_opencv, 1), bare(with_pyav, 1), fed(one)),
            "2 processes": (bare(with_opencv, 2), bare(with_pyav, 2), fed(two)),
        }  # fmt: skip
        print(
            f"\n| face space, {SIZE} x {SIZE}, batch {BATCH} | OpenCV alone | PyAV alone "
            "| pipeline | of the faster |\n|---|---:|---:|---:|---:|"
        )
        for name, sides in rows.items():
            found = alternated(dict(zip(("opencv", "pyav", "pipeline"), sides, strict=True)))
            share = found["pipeline"] / max(found["opencv"], found["pyav"])
            rates = " | ".join(f"{rate:.0f}" for rate in found.values())
            print(f"| {name} | {rates} | {share:.0%} |", flush=True)


# ------------------------------------------------------------------ where time goes


def profile_table(folder: Path, kind: str) -> None:
    """Prints the milliseconds per example of each part, in one thread, and their shares."""
    if kind == "stage1":
        batches, rows = d.stage1(str(folder), BATCH), 1
        cut = Cut(Windows(), batches.statistics)
        records = d.open_records(folder, kinds=("talking_clips",))
        records.fields = ("motion", "features", "identity", "emotion", "intensity")
        make, name = cut, "window, normalise"
    else:
        records = d.open_records(folder, kinds=("portrait_pairs",))
        records.fields = ("motion", "frames", "rows", "landmarks", "identity")
        rows = PAIRS  # pairs of a clip that was read

        def make(record, rng):
            return {name: made(value) for name, value in pair_of(record, rng).items()}

        name = "decode two images"
    rng = np.random.default_rng(0)
    data = [records._source[n] for n in range(min(len(records), 50))]
    record = records.parse(data[0])
    examples = [make(record, rng) for _ in range(BATCH)]
    lender, receiver = SharedMemoryWriter(), SharedMemoryReader()

    def read() -> object:
        return records._source[int(rng.integers(len(records)))]

    parts = {
        "read": seconds_per_call(read) / rows,
        "parse": seconds_per_call(lambda: records.parse(data[int(rng.integers(len(data)))])) / rows,
        name: seconds_per_call(lambda: make(record, rng)),
        "stack": seconds_per_call(lambda: stacked(examples)) / BATCH,
        "hand over (workers: instead of stack)": seconds_per_call(
            lambda: receiver.unpacked(lender.stacked(examples))
        )
        / BATCH,
    }
    receiver.close()
    whole = sum(list(parts.values())[:4])
    print(f"\n| {kind}, one thread | ms an example | share |\n|---|---:|---:|")
    for part, seconds in parts.items():
        print(f"| {part} | {1e3 * seconds:.3f} | {seconds / whole:.0%} |")


def memory_table(folder: Path, count: int) -> None:
    """Prints the resident memory over an epoch, and segments in /dev/shm before and after."""
    pages = Path("/proc/self/statm")
    shm = Path("/dev/shm")
    before, sizes = len(list(shm.glob("psm_*"))), []
    with warm(d.stage1(str(folder), BATCH, loading=d.Loading(1))) as batches:
        for _ in range(max(count * SECONDS * 25 // 100 // BATCH, 20)):
            next(batches)
            sizes.append(int(pages.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20)
        during = len(list(shm.glob("psm_*")))
    after = len(list(shm.glob("psm_*")))
    print(
        f"\n{len(sizes)} batches: resident {sizes[0]:.0f} MiB at first, {max(sizes):.0f} at most, "
        f"{sizes[-1]:.0f} at last; segments in /dev/shm {before} before, {during} during, "
        f"{after} after"
    )


def main() -> None:
    """Command line: prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--clips", type=int, default=1000, help="clips in the data set (1000)")
    parser.add_argument("--only", choices=("stage1", "face_space", "profile", "memory"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        images = write_data(folder, options.clips)
        size = np.mean([len(one) for one in images]) / 1024
        print(
            f"{os.cpu_count()} CPUs, {options.clips} clips of {SECONDS} s, JPEG of {size:.0f} KiB"
        )
        # XLA last: its memory slows down the threads of this process, but not the workers
        if options.only in (None, "face_space"):
            face_space_table(folder, images)
        if options.only in (None, "profile"):
            profile_table(folder, "stage1")
            profile_table(folder, "face_space")
        if options.only in (None, "memory"):
            memory_table(folder, options.clips)
        if options.only in (None, "stage1"):
            stage1_table(folder)


if __name__ == "__main__":
    main()
