"""A talking portrait for LiveKit's agents: a `VideoGenerator` for their `AvatarRunner`.

    video = await PlaymateVideoGenerator.open(animator, "portrait.jpg")
    audio = QueueAudioOutput(sample_rate=16_000)
    runner = AvatarRunner(room, audio_recv=audio, video_gen=video, options=video.options)
    await runner.start()                    # and session.output.audio = audio
    ...
    await runner.aclose(); await video.aclose()

Gives out an image every 40 ms, with the 640 samples that belong to it while it speaks, and
`AudioSegmentEnd` after the last of them. Between utterances there are images alone, so that the
runner's playback position counts speech only.
"""

from collections.abc import AsyncIterator
from typing import Any

from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator

from playmate_jax.inference import Animator
from playmate_jax.inference.async_live import AsyncLiveStream, UtteranceEnd

AUDIO_HZ, FPS = 16_000, 25


class PlaymateVideoGenerator(VideoGenerator):
    """See the module.

    Args:
      live: the portrait's stream; belongs to the generator, which closes it.
    """

    def __init__(self, live: AsyncLiveStream):
        self._live = live

    @classmethod
    async def open(
        cls, animator: Animator, portrait: Any, **options: Any
    ) -> "PlaymateVideoGenerator":
        """Opens a stream with the options of `Animator.stream`; raises `UserError` as it does."""
        return cls(await AsyncLiveStream.open(animator, portrait, **options))

    @property
    def options(self) -> AvatarOptions:
        """What the `AvatarRunner` has to know of the images and the sound."""
        width, height = self._live.size
        return AvatarOptions(width, height, FPS, AUDIO_HZ, 1)

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Takes speech of any rate; the end of a segment ends the utterance."""
        if isinstance(frame, AudioSegmentEnd):
            self._live.end_utterance()
        else:
            self._live.push(bytes(frame.data), frame.sample_rate, frame.num_channels)

    def clear_buffer(self) -> None:
        """Interrupts: all speech is dropped, and images of the portrait at rest follow."""
        self._live.interrupt()

    async def aclose(self) -> None:
        """Ends the stream and its threads; the iterator ends too."""
        await self._live.close()

    def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        return self._frames()

    async def _frames(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        width, height = self._live.size
        async for item in self._live:
            if isinstance(item, UtteranceEnd):
                yield AudioSegmentEnd()
                continue
            rgb = item.frame.image.tobytes()
            yield rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, rgb)
            if item.frame.speaking and not self._live.is_stale(item):
                yield rtc.AudioFrame(item.pcm, AUDIO_HZ, 1, len(item.pcm) // 2)
