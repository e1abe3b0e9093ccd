"""What clients send and get, with examples: the server's OpenAPI description is made of this."""

from typing import Annotated, Any, Literal

from fastapi import Form
from pydantic import BaseModel, ConfigDict, Field

from playmate_jax.diffusion import SAMPLER_NAMES
from playmate_jax.errors import UserError
from playmate_jax.inference.emotion import parse_emotion_text
from playmate_jax.serve.jobs import Job

_ID = "5f0c1f5e0f6f4d0e9b0c7b1f2a3d4e5f"


class Problem(BaseModel):
    """Every error: one sentence with what was expected, what was found, and what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"error": "expected an image or a video as portrait, found audio"}]
        }
    )
    error: str


class Created(BaseModel):
    """The answer to a job that was accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": _ID}]})
    id: str


class JobView(BaseModel):
    """A job as clients see it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _ID, "state": "running", "progress": 0.42, "phase": "render",
                    "place": None, "error": None, "notices": [], "facts": {},
                    "created": 1764450000.0, "started": 1764450001.5, "finished": None,
                }
            ]
        }
    )  # fmt: skip
    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    phase: str = Field(description="generate or render; empty before")
    place: int | None = Field(description="jobs before it in the queue")
    error: str | None
    notices: list[str]
    facts: dict[str, Any] = Field(description="seed, sizes, weights ... of a job that is done")
    created: float
    started: float | None
    finished: float | None

    @classmethod
    def of(cls, job: Job, place: int | None) -> "JobView":
        """The view of a job."""
        shown = {name: getattr(job, name) for name in cls.model_fields if name != "place"}
        shown["progress"] = round(job.progress, 3)
        return cls(place=place, **shown)


class Health(BaseModel):
    """Whether the server works, and how busy it is."""

    status: Literal["ok", "closing"]
    version: str
    waiting: int
    running: int
    streams: int


Emotion = Annotated[
    str | None,
    Form(max_length=2000, description="speech only", examples=["happy=0.8,surprised=0.2"]),
]
Gain = Annotated[float, Form(ge=0, le=10, description="of the head's motion")]
Look = Annotated[float, Form(ge=-1, le=1, description="of the eyes, with speech and an image only")]
Scale = Annotated[float | None, Form(ge=0, le=20, description="guidance; empty: the weights' own")]
Sampler = Annotated[Literal[tuple(SAMPLER_NAMES)] | None, Form()]
Steps = Annotated[int | None, Form(ge=1, le=1000)]
Seed = Annotated[int, Form(ge=0, lt=2**31)]
Pose = Annotated[Literal["relative", "absolute"], Form(description="of the driving head")]
Region = Annotated[
    Literal["all", "expression", "pose", "lips", "eyes"] | None,
    Form(description="what a driving source moves, where there is no speech"),
]
FaceNumber = Annotated[int, Form(ge=0, le=100, description="by size from 1; 0 is the largest")]
MaxSide = Annotated[int | None, Form(ge=64, le=8192, description="reduce a larger image")]


class JobOptions(BaseModel):
    """The fields of a job's form that are no files, for clients within the server."""

    model_config = ConfigDict(extra="forbid")
    emotion: Emotion = None
    seed: Seed = 0
    head_motion: Gain = 1.0
    gaze_x: Look = 0.0
    gaze_y: Look = 0.0
    audio_scale: Scale = None
    emotion_scale: Scale = None
    sampler: Sampler = None
    steps: Steps = None
    pose: Pose = "relative"
    region: Region = None
    face: FaceNumber = 0
    paste: bool = True
    max_side: MaxSide = None


def check_emotion(text: str | None) -> str | None:
    """An emotion in words, or None; raises `UserError` for one that is not known."""
    if text is None or not text.strip():
        return None
    parse_emotion_text(text)
    return text


def job_options(has_speech: bool, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Animator.animate`, or of `reenact` where there is no speech.

    Raises:
      UserError: an option that would do nothing.
    """
    gaze = [given["gaze_x"], given["gaze_y"]]
    given = {name: value for name, value in given.items() if not name.startswith("gaze_")}
    given["gaze"] = gaze if any(gaze) else None
    only = ("region",) if has_speech else ("emotion", "gaze", "audio_scale", "emotion_scale",
                                           "sampler", "steps", "seed")  # fmt: skip
    unset = {"seed": 0}
    for name in only:
        if given[name] != unset.get(name):
            other = "without speech" if has_speech else "with speech"
            raise UserError(f"expected {name} {other} only, found it: leave it out")
    options = {name: value for name, value in given.items() if name not in only}
    if not has_speech:
        options["region"] = options["region"] or "all"
    return options
