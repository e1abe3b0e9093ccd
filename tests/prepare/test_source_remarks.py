"""What a source lacks is listed beside its clips, which stay."""

from pathlib import Path

import av
import numpy as np

from playmate_jax.data.records import Clip, Dropped
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.probe import probe
from tests.prepare.conftest import speech_like, video_frame


def _source(path: Path, **more) -> Source:
    return Source("a", str(path), "folder", "a", root=str(path.parent), **more)


def test_a_damaged_packet_is_listed_and_the_clip_stays(tmp_path: Path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", [video_frame(60)] * 100, audio=speech_like(4))
    with av.open(str(path)) as container:
        packet = [bytes(p) for p in container.demux(audio=0) if p.size][30]
    content = path.read_bytes()
    assert content.count(packet) == 1
    path.write_bytes(content.replace(packet, b"\xff" * len(packet)))
    clip, remark = make_clips()(_source(path))
    assert isinstance(clip, Clip) and len(clip.motion) == 100
    assert isinstance(remark, Dropped) and (remark.id, remark.stage) == ("a", "decode")
    assert "'a.mp4'" in remark.reason and "cannot be decoded" in remark.reason
    assert str(tmp_path) not in remark.reason


def test_a_video_cut_short_is_listed_and_the_clip_stays(tmp_path: Path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", [video_frame(60)] * 150, audio=speech_like(6))
    whole = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(whole), "w") as out:
        streams = {old.index: out.add_stream_from_template(old) for old in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 8 // 10])
    clip, remark = make_clips()(_source(whole))
    assert isinstance(clip, Clip) and 80 < len(clip.motion) < 145
    assert remark.reason.startswith("'b.mkv' is cut short: its last ")


def test_a_guessed_length_refuses_nothing(tmp_path: Path, write_video):
    """A video that was written into a pipe declares no length."""
    path = write_video(tmp_path / "a.mp4", [video_frame(60)] * 10, audio=speech_like(1))
    piped = tmp_path / "a.ts"
    with av.open(str(path)) as source, av.open(str(piped), "w") as out:
        streams = {old.index: out.add_stream_from_template(old) for old in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    assert probe(_source(piped, start_s=100.0, end_s=104.0)).start == 2500


def test_opposite_channels_are_heard_and_listed(tmp_path: Path, write_video, make_clips):
    mute = write_video(tmp_path / "a.mp4", [video_frame(60)] * 100)
    speech = speech_like(4)
    with av.open(str(tmp_path / "a.mka"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16000, layout="stereo")
        both = np.rint(np.stack([speech, -speech], 1) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, "s16", "stereo")
        frame.sample_rate, frame.pts = 16000, 0
        out.mux(stream.encode(frame))
    clip, remark = make_clips()(_source(mute, audio=str(tmp_path / "a.mka")))
    assert np.corrcoef(clip.audio[: len(speech)], speech[: len(clip.audio)])[0, 1] > 0.99
    assert remark.reason.startswith("the two channels of 'a.mka' cancel each other")
