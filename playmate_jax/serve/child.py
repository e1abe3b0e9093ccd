"""The server's child processes: they open what clients send, and may crash or hang over it.

    probe     looks at uploads: their kinds, sizes and lengths
    job       animates, one job after another, with networks that are loaded once
    stream    one live portrait after another (`stream_child.py`)
    edit      portraits edited by hand (`edit_child.py`)

Each gets its settings as the first message and answers {"ready": true}, or {"refused": sentence}.
"""

import resource
import time
import traceback
from pathlib import Path
from typing import Any

from playmate_jax.errors import UserError
from playmate_jax.parallel.end_with_parent import end_with_parent
from playmate_jax.serve.messages import Channel

_PROBE_BYTES = 4 << 30  # of memory: a look at a file needs less
_PROGRESS_S = 0.2


def main(role: str, number: int) -> None:
    """The child process of a role, over the socket of this number, until that is closed."""
    end_with_parent()
    channel = Channel(number)
    try:
        settings = channel.receive()
        assert isinstance(settings, dict)
        try:
            work = _ROLES[role](channel, settings)
        except UserError as error:
            return channel.send({"refused": str(error)})
        channel.send({"ready": True})
        while True:
            asked = channel.receive()
            if isinstance(asked, dict):
                work(asked)
    except (EOFError, OSError):
        return


def _probes(channel: Channel, settings: dict[str, Any]):
    from playmate_jax.serve.probe import Refused, probe

    resource.setrlimit(resource.RLIMIT_AS, (_PROBE_BYTES, _PROBE_BYTES))

    def work(asked: dict[str, Any]) -> None:
        try:
            found = probe(asked["files"], settings["speech_s"], settings["side"])
        except Refused as refused:
            channel.send({"refused": refused.sentence, "status": refused.status})
        except Exception as error:  # MemoryError too: whatever a decoder raises
            what = f"{type(error).__name__} while the files were read"
            channel.send({"refused": f"expected files that can be read, found {what}: give others",
                          "status": 422})  # fmt: skip
        else:
            channel.send({"found": found})

    return work


def _animator(settings: dict[str, Any]):
    from playmate_jax.inference import Animator

    return Animator.from_weights(
        settings["weights"],
        settings["generator"],
        face_models=settings["face_models"],
        batch=settings["batch"],
    )


def _jobs(channel: Channel, settings: dict[str, Any]):
    from playmate_jax.media.credentials import Credentials

    animator = _animator(settings)
    marks = {
        "mark": settings["mark"],
        "credentials": None if settings["c2pa"] is None else Credentials(*settings["c2pa"]),
    }

    def work(asked: dict[str, Any]) -> None:
        folder = Path(asked["folder"])
        try:
            channel.send({"done": _animated(animator, channel, asked, folder, marks)})
        except UserError as error:
            channel.send({"refused": str(error).replace(f"{folder}/", "")})
        except (EOFError, OSError):
            raise
        except Exception as error:
            traceback.print_exc()
            channel.send(
                {"failed": f"unexpected {type(error).__name__}; the server's log has more"}
            )

    return work


def _animated(
    animator: Any, channel: Channel, asked: dict[str, Any], folder: Path, marks: dict[str, Any]
) -> dict:
    from playmate_jax.inference.emotion import parse_emotion_text

    last_sent = [0.0]

    def progress(phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - last_sent[0] >= _PROGRESS_S or done >= total:
            last_sent[0] = now
            channel.send({"progress": [phase, done, total]})

    options, files = dict(asked["options"]), asked["files"]
    if (emotion := options.get("emotion")) is not None:
        options["emotion"] = parse_emotion_text(emotion)
    if "speech" in files:
        animation = animator.animate(
            files["portrait"], files["speech"], driving=files.get("driving"), progress=progress,
            **options,
        )  # fmt: skip
    else:
        animation = animator.reenact(files["portrait"], files["driving"], **options)
    animation.write(folder / "video.mp4", overwrite=True, progress=progress, **marks)
    summary = animation.summary()
    names = {str(path): name for name, path in files.items()}
    notices = summary.pop("notices")
    for path, name in names.items():
        notices = [notice.replace(f"'{path}'", f"the {name}") for notice in notices]
    if summary.get("driving"):
        summary["driving"] = "driving"
    return {"notices": notices, "facts": summary}


def _streams(channel: Channel, settings: dict[str, Any]):
    from playmate_jax.serve.stream_child import Streams

    return Streams(_animator(settings), channel, settings["mark"])


def _edits(channel: Channel, settings: dict[str, Any]):
    from playmate_jax.serve.edit_child import Edits

    return Edits(_animator(settings | {"batch": 1}), channel)


_ROLES = {"probe": _probes, "job": _jobs, "stream": _streams, "edit": _edits}
