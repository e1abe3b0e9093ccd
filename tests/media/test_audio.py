"""Sound: any container and rate, right length, right place, and one sentence for what is none."""

import wave
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.media import kind, read_audio, read_sound, write_wav


def _speech_like(hz: int, seconds: float = 1.0) -> np.ndarray:
    """Noise bursts below 3 kHz: what every codec keeps, with a sharp autocorrelation."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.normal(size=int(hz * seconds)))
    spectrum[int(3000 * seconds) :] = 0
    sound = np.fft.irfft(spectrum, int(hz * seconds))
    envelope = np.sin(np.arange(len(sound)) / hz * 2 * np.pi * 3) ** 2
    return (0.25 * sound / sound.std() * envelope).clip(-0.9, 0.9).astype(np.float32)


def _lag(one: np.ndarray, other: np.ndarray) -> int:
    """By how many samples `other` comes late."""
    length = 2 * max(len(one), len(other))
    product = np.fft.rfft(other, length) * np.fft.rfft(one, length).conj()
    lag = int(np.argmax(np.fft.irfft(product, length)))
    return lag - length if lag > length // 2 else lag


@pytest.mark.parametrize(
    ("name", "codec", "form", "hz"),
    [
        ("a.wav", "pcm_s16le", "s16", 8000),
        ("a.wav", "pcm_f32le", "flt", 48000),
        ("a.flac", "flac", "s16", 44100),
        ("a.m4a", "aac", "fltp", 44100),
        ("a.mp4", "aac", "fltp", 16000),
        ("a.mp3", "libmp3lame", "fltp", 44100),
        ("a.ogg", "libopus", "flt", 48000),
        ("a.mkv", "aac", "fltp", 32000),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_any_recording_becomes_16_khz_mono(tmp_path, write_sound, name, codec, form, hz, channels):
    sound = _speech_like(hz)
    path = write_sound(tmp_path / name, np.stack([sound] * channels), hz, codec, form)
    read = read_audio(path)
    assert kind(path) == "audio"
    assert read.dtype == np.float32 and read.ndim == 1
    # the codec's padding is gone, at both ends; Matroska does not tell of it at the end
    assert abs(len(read) - 16000) <= (1024 if name == "a.mkv" else 2)
    direct = _speech_like(16000)
    if hz != 16000:
        write_wav(tmp_path / "pcm.wav", sound, hz)
        direct = read_audio(tmp_path / "pcm.wav")
    assert abs(_lag(direct, read)) <= 1
    # lossy codecs at their usual rate; Opus at 48 kHz is the coarsest here
    assert np.corrcoef(direct[: len(read)], read[: len(direct)])[0, 1] > 0.97
    assert 0.9 < read.std() / direct.std() < 1.1


def test_another_rate_can_be_asked_for(tmp_path: Path):
    write_wav(tmp_path / "a.wav", _speech_like(16000), 16000)
    assert len(read_audio(tmp_path / "a.wav", 24000)) == 24000


def test_a_sound_is_kept_as_recorded(tmp_path: Path, write_sound):
    stereo = np.stack([_speech_like(44100), np.zeros(44100, np.float32)])
    sound = read_sound(write_sound(tmp_path / "a.wav", stereo, 44100, "pcm_f32le", "flt"))
    assert sound.hz == 44100
    assert (sound.samples == stereo.T).all()


def test_silence_is_read(tmp_path: Path):
    write_wav(tmp_path / "a.wav", np.zeros(8000, np.float32))
    assert (read_audio(tmp_path / "a.wav") == 0).all()


def test_written_samples_come_back(tmp_path: Path):
    sound = _speech_like(16000)
    write_wav(tmp_path / "a.wav", sound)
    assert abs(read_audio(tmp_path / "a.wav") - sound).max() <= 1.01 / 32768 + 0.9 / 32768


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, value: float):
    from scipy.io import wavfile

    sound = _speech_like(16000)
    sound[9000] = value
    wavfile.write(tmp_path / "a.wav", 16000, sound)
    with pytest.raises(UserError, match="no numbers"):
        read_audio(tmp_path / "a.wav")


def test_recordings_that_cannot_be_are_one_sentence(tmp_path: Path, write_clip, write_sound):
    write_wav(tmp_path / "short.wav", np.zeros(800, np.float32))
    write_wav(tmp_path / "nothing.wav", np.zeros(0, np.float32))
    (tmp_path / "text.wav").write_text("not a sound\n" * 50)
    (tmp_path / "text.txt").write_text("not a sound\n" * 50)
    (tmp_path / "empty.mp3").touch()
    write_clip(tmp_path / "mute.mp4", count=5)
    for name, codec, form in (
        ("cut.wav", "pcm_s16le", "s16"),
        ("cut.flac", "flac", "s16"),
        ("cut.m4a", "aac", "fltp"),
        ("cut.mp3", "libmp3lame", "fltp"),
    ):
        path = write_sound(tmp_path / name, _speech_like(44100, 3), 44100, codec, form)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for path in [*tmp_path.iterdir(), tmp_path / "none.wav", tmp_path]:
        with pytest.raises(UserError, match="expected") as error:
            read_audio(path)
        assert "\n" not in str(error.value)


def test_a_wav_written_into_a_pipe_is_read(tmp_path: Path):
    write_wav(tmp_path / "a.wav", _speech_like(16000))
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"  # lengths that were never filled in
    (tmp_path / "a.wav").write_bytes(content)
    assert len(read_audio(tmp_path / "a.wav")) == 16000


def test_wav_is_16_bit_mono(tmp_path: Path):
    write_wav(tmp_path / "a.wav", np.array([0.0, 1.0, -1.0, 2.0]), 8000)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 32767, -32767, 32767]


def test_real_recordings_are_read(shared: Path):
    lengths_s = {
        "speech_11s_16k.wav": 10.645,
        "speech_4s_44k.wav": 4.249,
        "speech_5s_32k.wav": 5.27,
    }
    for name, seconds in lengths_s.items():
        assert abs(len(read_audio(shared / "data/speech" / name)) / 16000 - seconds) < 0.001
    video = read_audio(shared / "data/videos/face_512_25fps_audio.mp4")
    assert abs(len(video) / 16000 - 9.0) < 0.04
