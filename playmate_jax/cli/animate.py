"""`playmate animate [PORTRAIT [SPEECH]]`: the command around `inference.Animator`.

With speech the portrait talks; with a driving source alone it makes that face (reenactment).

Everything that can be checked early is checked before the heavy libraries are imported: options,
the emotion, the output paths.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from playmate_jax.errors import UserError
from playmate_jax.paths import check_names, shortened

DEFAULT_OUTPUT = "playmate-demo.mp4"
ASSETS = Path(__file__).resolve().parents[1] / "assets"
PORTRAIT, SPEECH = ASSETS / "portrait.png", ASSETS / "speech.wav"
OTHERS = {"cartoon": ASSETS / "cartoon.png", "painting": ASSETS / "painting.jpg"}


def command(args: argparse.Namespace) -> int:
    """Runs `playmate animate`; returns its exit code."""
    began = time.perf_counter()
    bundled = args.portrait is None
    overwrite = args.overwrite or (bundled and args.output is None)
    files = checked(args, overwrite)
    output, credentials = files.output, credentials_of(args)

    from playmate_jax.cli.progress import ProgressBar
    from playmate_jax.inference.animation import no_progress
    from playmate_jax.inference.animator import Animator

    bar = None if args.quiet else ProgressBar()
    say = (lambda text: None) if args.quiet else _say
    progress = bar or no_progress
    try:
        animator = Animator.from_weights(
            args.weights, generator=args.generator, face_models=args.face_models, batch=args.batch,
            renderer_form=args.renderer_form,
        )  # fmt: skip
        loaded = time.perf_counter() - began
        animation = animation_of(animator, args, files, progress)
        for notice in animation.notices:
            # The bundled portrait is a drawing, as these weights expect.
            if not (bundled and notice == animator.domain_notice):
                say(notice)
        animation.write(
            output, overwrite=overwrite, progress=progress, keep_stopped=True, mark=args.mark,
            credentials=credentials,
        )  # fmt: skip
        if args.save_motion:
            animation.save_motion(args.save_motion)
    finally:
        if bar is not None:
            bar.close()

    animation.seconds = {"load": loaded, **animation.seconds}
    animation.seconds["total"] = took = time.perf_counter() - began
    if args.json:
        facts = {"output": str(output), **animation.summary()}
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        width, height = animation.size
        alone = animation.facts.get("frames_left_alone", 0)
        print(
            f"{output.resolve() if bundled else output}: {len(animation)} frames, "
            f"{float(len(animation) / animation.fps):.1f} s, {width}x{height}, made in "
            f"{took:.1f} s" + (f"; {alone} frames without the face left as they are" * bool(alone))
        )
    return 0


class Files(NamedTuple):
    """Inputs that are there, and an output that can be written; without speech: reenactment."""

    portrait: Path
    speech: Path | None
    output: Path


def checked(args: argparse.Namespace, overwrite: bool) -> Files:
    """The files of `playmate animate`'s options, after all checks that need no networks.

    Raises:
      UserError: options that contradict each other, an unknown emotion, files that are not there.
    """
    from playmate_jax.inference.emotion import parse_emotion

    _check_face(args)
    files = _files(args)
    _check_combination(args, files.speech)
    if args.emotion is not None:
        args.emotion = parse_emotion(args.emotion)
    _check_places(args, *files, overwrite)
    return files


def credentials_of(args: argparse.Namespace) -> Any:
    """What videos are signed with, tried already; None without --c2pa."""
    from playmate_jax.media.credentials import Credentials

    return None if args.c2pa is None else Credentials(*args.c2pa)


def animation_of(animator: Any, args: argparse.Namespace, files: Files, progress: Any) -> Any:
    """The `Animation` that the options ask for, by an `Animator`; `args` went through `checked`."""
    shown = {
        "face": args.face, "face_box": args.face_box, "crop": not args.no_crop,
        "paste": not args.no_paste, "max_side": args.max_side,
    }  # fmt: skip
    if files.speech is None:
        return animator.reenact(
            files.portrait, args.driving, pose=args.pose, region=args.region or "all",
            head_motion=args.head_motion, smooth_s=args.smooth or 0.0, retarget=args.retarget,
            **shown,
        )  # fmt: skip
    return animator.animate(
        files.portrait, files.speech, emotion=args.emotion, driving=args.driving, pose=args.pose,
        head_motion=args.head_motion, gaze=args.gaze, audio_scale=args.audio_scale,
        emotion_scale=args.emotion_scale, sampler=args.sampler, steps=args.steps,
        seed=args.seed, progress=progress, **shown,
    )  # fmt: skip


def _check_face(args: argparse.Namespace) -> None:
    """Refuses two answers to the question where the face is."""
    other = "--no-crop" if args.no_crop else f"--face {args.face}" if args.face != 1 else None
    if args.face_box is not None and other:
        raise UserError(
            f"expected --face-box or {other}, found both: each says where the face is, leave one "
            "of them out"
        )
    if args.no_crop and args.face != 1:
        raise UserError(
            f"expected --face {args.face} or --no-crop, found both: without detection there are no "
            "faces to choose from"
        )


def _files(args: argparse.Namespace) -> Files:
    """The bundled files where none are given."""
    if args.portrait is None:
        portrait = OTHERS.get(args.example, PORTRAIT)
        return Files(portrait, SPEECH, Path(args.output or DEFAULT_OUTPUT))
    if args.example is not None:
        raise UserError(
            f"expected a portrait or --example, found '{args.portrait}' and --example "
            f"{args.example}: leave one of them out"
        )
    portrait = Path(args.portrait)
    if args.speech is None and args.driving is None:
        raise UserError(
            "expected a portrait and a speech recording, or a portrait and a driving source, found "
            f"only '{portrait}': playmate animate PORTRAIT SPEECH -o OUT.mp4, or "
            "playmate animate PORTRAIT --driving FILE -o OUT.mp4"
        )
    speech = None if args.speech is None else Path(args.speech)
    second = speech or Path(args.driving)
    default = shortened([portrait.stem, second.stem], ".mp4")
    return Files(portrait, speech, Path(args.output or default))


def _check_combination(args: argparse.Namespace, speech: Path | None) -> None:
    """Refuses options that would do nothing."""
    if speech is None and args.emotion is not None:
        raise UserError(
            "expected speech with --emotion, found only a driving source, which has its own: give "
            "a recording or leave --emotion out"
        )
    if speech is None and args.gaze is not None:
        raise UserError(
            "expected speech with --gaze, found only a driving source, which has its own: give a "
            "recording or leave --gaze out"
        )
    for option in ("region", "smooth", "retarget"):
        if speech is not None and getattr(args, option) is not None:
            raise UserError(
                f"expected --{option} with a driving source and no speech, found speech, which "
                "moves the face: leave one of them out"
            )


def _check_places(args, portrait: Path, speech: Path | None, output: Path, overwrite: bool) -> None:
    """Refuses inputs that are not there and outputs that could not be written later."""
    from playmate_jax.media.container import check_readable
    from playmate_jax.media.writer import check_writable

    inputs = [check_readable(portrait, "a portrait")]
    if speech is not None:
        inputs.append(check_readable(speech, "speech"))
    if args.driving is not None:
        inputs.append(check_readable(args.driving, "a driving video, image or motion file"))
    check_writable(output, overwrite)
    _check_apart(output, inputs)
    if args.save_motion is not None:
        _check_motion_place(Path(args.save_motion), inputs, overwrite=args.overwrite)


def _check_apart(output: Path, inputs: list[Path]) -> None:
    if output.exists() and any(os.path.samefile(output, path) for path in inputs):
        raise UserError(
            f"expected an output beside the inputs, found that '{output}' is one of them: "
            "choose another name"
        )


def _check_motion_place(path: Path, inputs: list[Path], overwrite: bool) -> None:
    check_names(path)
    _check_apart(path, inputs)
    if path.suffix.lower() != ".npz":
        raise UserError(f"expected a motion file ending in .npz, found '{path}': rename it")
    if path.exists() and not overwrite:
        raise UserError(
            f"expected a new motion file, found that '{path}' exists: choose another name or pass "
            "--overwrite"
        )
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UserError(
            f"expected a folder that can be written for '{path}', found none: choose another"
        )


def _say(text: str) -> None:
    print(f"playmate: {text}", file=sys.stderr)
