"""What the clients of a stream send as text, with its limits."""

from typing import Any, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from playmate_jax.serve.schemas import check_emotion


class StreamSettings(BaseModel):
    """How a portrait is shown in a stream; as `Animator.stream` has it."""

    model_config = ConfigDict(extra="forbid")
    emotion: str | None = Field(None, max_length=2000)
    head_motion: float = Field(1.0, ge=0, le=10)
    gaze_x: float = Field(0.0, ge=-1, le=1, description="sideways")
    gaze_y: float = Field(0.0, ge=-1, le=1, description="down")
    seed: int = Field(0, ge=0, lt=2**31)
    hop: int = Field(5, ge=1, le=25)
    lookahead: int = Field(5, ge=0, le=50)
    steps: int | None = Field(None, ge=1, le=100)
    face: int = Field(0, ge=0, le=100)
    paste: bool = True
    max_side: int = Field(1024, ge=64, le=2048)


class Start(StreamSettings):
    """The first message of a client of the WebSocket."""

    type: Literal["start"]
    token: str = ""
    portrait: Literal["bundled", "upload"] = "bundled"
    format: Literal["s16le", "f32le"] = "s16le"
    quality: int = Field(85, ge=10, le=100)


class Offer(StreamSettings):
    """The form of a client of WebRTC."""

    sdp: str = Field(max_length=1 << 16, description="the session description of the offer")
    portrait: UploadFile | None = Field(None, description="an image; the bundled one if empty")


class Answer(BaseModel):
    """What a client of WebRTC gets: the session description, and what will be sent."""

    id: str
    type: Literal["answer"] = "answer"
    sdp: str
    width: int
    height: int
    fps: int
    audio_hz: int
    hop: int
    lookahead: int
    notices: list[str]


class Control(BaseModel):
    """Any later text message of a client."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["interrupt", "utterance_end", "emotion", "head_motion", "gaze", "end"]
    emotion: str | None = Field(None, max_length=2000)
    gain: float = Field(1.0, ge=0, le=10)
    x: float = Field(0.0, ge=-1, le=1)
    y: float = Field(0.0, ge=-1, le=1)

    def to_child(self) -> dict[str, Any]:
        """The same for the child process; raises `UserError` for an unknown emotion."""
        if self.type == "emotion":
            return {"emotion": check_emotion(self.emotion)}
        if self.type == "gaze":
            return {"gaze": [self.x, self.y]}
        return {self.type: self.gain if self.type == "head_motion" else True}


def first_problem(error: Exception) -> str:
    """One line of what is wrong with a message."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc'])) or 'message'}: {found['msg']}"
