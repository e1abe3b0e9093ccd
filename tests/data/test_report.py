"""The page about a prepared folder: what it tells, what it must not do, and that it stays small."""

import builtins
import configparser
import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.cli import run
from playmate_jax.data.records import Dropped
from playmate_jax.data.report import drops, faces, moving, pitch, plots, write_report
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import LIP_KEYPOINTS
from tests.data.made_up_folders import line_of, varied_clips, with_motion, write_prepared

HOSTILE = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>&amp;.mp4"
DROPPED = [
    Dropped("a", "v/a.mp4", "quality", "face_px 40 is under 64", {"face_px": 40.0, "yaw_deg": 3}),
    Dropped("b", "v/b.mp4", "quality", "face_px 51 is under 64", {"face_px": 51.0, "yaw_deg": 4}),
    Dropped("c", "v/c.mp4", "quality", "yaw_deg 60 is over 50", {"face_px": 99.0, "yaw_deg": 60}),
    Dropped("d", "v/d.txt", "probe", "expected a video, found 'd.txt'"),
]


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, path: Path):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def count(self, tag, kind=None):
        return sum(
            t == tag and (kind is None or kind in (a.get("class") or "").split())
            for t, a in self.elements
        )

    def says(self, name):
        return [a["title"] for t, a in self.elements if t == name and a.get("title")]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("data") / "my set", varied_clips(), DROPPED)


@pytest.fixture(scope="module")
def page(prepared):
    return Page(write_report(prepared))


def test_the_head_tells_what_the_set_is(page, prepared):
    assert (prepared / "report.html").is_file()
    assert "my set" in page.text and "clips of mead (12)" in page.text
    assert "config.quality.least_face_px" in page.text  # the settings
    assert "0:00:05" in page.text  # 12 clips of 10 frames at 25 fps are 4.8 s


def test_faces_are_shown_with_their_mesh(page):
    # 6 clips of each emotion, and 4 rows of the 3 images that a clip has
    assert page.count("figure", "face") == 12 + 4 * 3
    assert page.count("path", "lines") == page.count("path", "dots") == 24
    assert all(a["src"].startswith("data:image/jpeg") for t, a in page.elements if t == "img")


def test_every_quality_score_has_its_threshold_and_what_it_dropped(page):
    assert page.count("line", "threshold") == 2
    # two clips are under 64 pixels (two bins), one is over 50 degrees
    assert page.count("rect", "beyond") == 3
    # of face_px the one dropped for its yaw; of yaw_deg the two dropped for their size: one bin
    assert page.count("rect", "other") == 2


@pytest.mark.parametrize("pitch_hz", [95, 220])
def test_the_pitch_of_a_voice_is_that_of_its_voiced_frames(pitch_hz):
    rng, t = np.random.default_rng(0), np.arange(4 * 16_000) / 16_000
    # harmonics that fall by 6 dB an octave, as a voice's do, for half of each second; then breath
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in range(1, 15))
    sound = np.where(t % 1 < 0.5, 0.1 * voice, 0.01 * rng.standard_normal(len(t)))
    found = pitch.median_pitch_hz((32767 * sound).astype(np.int16))
    assert found == pytest.approx(pitch_hz, rel=0.006)  # pYIN's grid: a tenth of a semitone


def test_silence_and_moments_have_no_pitch():
    for samples in (32_000, 640, 0):
        assert np.isnan(pitch.median_pitch_hz(np.zeros(samples, np.int16)))


def test_a_histogram_shows_the_pitch_of_a_few_voices(prepared, tmp_path, monkeypatch):
    heard = iter(range(100, 200, 5))
    monkeypatch.setattr(pitch, "CLIPS", 5)
    monkeypatch.setattr(pitch, "median_pitch_hz", lambda audio: float(next(heard)))
    page = Page(write_report(prepared, tmp_path / "page.html"))
    assert "pitch of the voice, Hz (medians of 5 clips)" in page.text
    assert "median 110, 90 % from 101 to 119" in page.text  # of 100, 105, ... 120
    monkeypatch.setattr(pitch, "median_pitch_hz", lambda audio: np.nan)
    assert "pitch of the voice" not in Page(write_report(prepared, tmp_path / "page.html")).text


def test_drops_are_counted_by_stage_and_kind_of_reason(page):
    assert "face_px \N{HORIZONTAL ELLIPSIS} is under 64" in page.text
    for drop in DROPPED:
        assert drop.reason in page.text and drop.source in page.text
    assert page.count("details") == 3


def test_a_page_asks_no_server_and_runs_no_name(tmp_path):
    clips = varied_clips(4, source=HOSTILE, language=HOSTILE)
    clips[0] = dataclasses.replace(clips[0], id=HOSTILE, speaker=HOSTILE)
    hostile = Dropped(HOSTILE, HOSTILE, HOSTILE, f"found '{HOSTILE}' and {HOSTILE}", {HOSTILE: 1.0})
    path = write_report(write_prepared(tmp_path / "set", clips, [hostile]))
    page = Page(path)
    assert page.count("script") == 1 and "alert(1)" in page.text
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/jpeg;base64,"))
    style = path.read_text("utf-8").partition("</style>")[0]
    assert "url(" not in style and "@import" not in style


def test_the_same_set_gives_the_same_bytes(prepared, tmp_path):
    first = write_report(prepared, tmp_path / "one.html").read_bytes()
    assert write_report(prepared, tmp_path / "two.html").read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "two.html"]


def test_a_set_of_which_nothing_was_kept_has_a_page(tmp_path):
    page = Page(write_report(write_prepared(tmp_path / "none", [], DROPPED)))
    assert "No clip is left in this set" in page.text and "yaw_deg 60 is over 50" in page.text


def test_a_page_stays_small(tmp_path):
    """A hundred times the drops and clips: more rows of what is listed once, not of what recurs."""
    clips = varied_clips(6)
    many = [
        Dropped(f"{n}", f"a/rather/long/path/{n}.mp4", f"stage-{n % 7}", f"kind {'x' * (n % 100)}")
        for n in range(20_000)
    ]
    folder = write_prepared(tmp_path / "large", clips, many)
    with (folder / "clips.jsonl").open("a", encoding="utf-8") as file:
        for n in range(10_000):
            line = line_of(clips[0]) | {"id": f"more-{n}", "language": f"l{n}", "seconds": n % 27}
            file.write(json.dumps(line) + "\n")
    path = write_report(folder)
    assert path.stat().st_size < 1_500_000
    listed = sum(len(group.listed) for group in drops.group_drops(many))
    assert listed <= drops.LISTED * (drops.KINDS + 7)
    assert "20,000 of 30,006 were dropped" in Page(path).text


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda c: with_motion(c, 0.5), "clip-003 (the lips and the head)"),
        (lambda c: with_motion(c, np.nan, 4, 7), "1 of 700 numbers of motion are not finite"),
        (lambda c: dataclasses.replace(c, audio=c.audio[:-1]), "6,399 samples of audio for 10"),
        (lambda c: dataclasses.replace(c, speaker="speaker-1"), "1 speaker comes in more than one"),
        (lambda c: dataclasses.replace(c, quality={"face_px": 4e6}), "clip-003 (4,000,000)"),
        (lambda c: dataclasses.replace(c, emotion=-1), "1 of 24 clips have no emotion label"),
        (lambda c: dataclasses.replace(c, id="clip-006"), "1 id comes more than once: clip-006"),
    ],
    ids=["still", "nan", "length", "speaker", "outlier", "label", "repeated"],
)  # fmt: skip
def test_problems_are_told_on_top(tmp_path, change, told):
    clips = varied_clips(24)
    clips[3] = change(clips[3])
    text = Page(write_report(write_prepared(tmp_path / "set", clips))).text
    assert told in text.partition("show landmarks")[0]


def test_reasons_are_of_one_kind_where_numbers_and_names_differ():
    reasons = ["no face for 1.5 s in 'a.mp4'", "no face for 20 s in 'b c.mp4'", "no mp4 video"]
    groups = drops.group_drops(Dropped("i", "s", "track", reason) for reason in reasons)
    dots = "\N{HORIZONTAL ELLIPSIS}"
    assert [(g.kind, g.count) for g in groups] == [
        (f"no face for {dots} s in {dots}", 2),
        ("no mp4 video", 1),
    ]


def test_speakers_come_once_before_any_comes_twice():
    speakers = [f"{n % 5}" for n in range(50)]
    order = faces.draw_order([f"id{n}" for n in range(50)], speakers)
    assert sorted(order) == list(range(50)) and order != list(range(50))
    for start in range(0, 50, 5):
        assert len({speakers[k] for k in order[start : start + 5]}) == 5


def test_a_histogram_counts_every_finite_value():
    values = np.array([*np.linspace(0, 10, 500), 1e9, -1e9, np.nan])
    plot = plots.histogram("x", {"kept": values})
    assert sum(int(bar.says.split()[3].replace(",", "")) for bar in plot.bars) == 502
    assert plot.summary.endswith("; 2 beyond the axis")
    assert [tick.text for tick in plot.ticks] == ["0", "2", "4", "6", "8", "10"]


@pytest.mark.parametrize("low, high", [(0, 1), (-3.2, 17.5), (5, 5), (0, 0), (-4e-5, -1e-5)])
def test_an_axis_holds_its_values_between_round_numbers(low, high):
    first, last, ticks = plots.axis(low, high)
    room = 1e-9 * (last - first)
    assert first - room <= low <= high <= last + room and first < last
    assert ticks[0].at == 0 and ticks[-1].at == 100 and 2 <= len(ticks) <= 12


def test_motion_and_sound_of_one_frame_stand_above_each_other():
    """A lip that jumps in frame 50 while the sound beeps there."""
    motion, audio = np.zeros((100, 70), np.float32), np.zeros(64000, np.int16)
    motion[50, 3 * LIP_KEYPOINTS[0] + 1] = 1
    audio[50 * 640 : 51 * 640] = 20000
    trace = moving.trace_of({"motion": motion, "audio": audio}, "")
    at = [tuple(map(float, point.split(","))) for point in trace.lips[0].split()]
    lip = [x for x, y in at if y > 60]  # y points down in the image: the lip fell
    sound = [tuple(map(float, point.split(","))) for point in trace.sound.split()]
    loud = sorted({x for x, y in sound if abs(y - 50) > 40})
    assert lip == [pytest.approx(np.mean(loud), abs=0.02)]
    assert lip[0] == pytest.approx(100 * 50.5 / (moving.SHOWN_S * 25), abs=0.01)


def test_what_is_no_prepared_folder_is_told(tmp_path, prepared):
    with pytest.raises(UserError, match=r"found no prepare\.json"):
        write_report(tmp_path)
    broken = write_prepared(tmp_path / "broken", varied_clips(3))
    next(broken.glob("talking_clips/*/*.array_record-*")).unlink()
    with pytest.raises(UserError, match="1 missing"):
        write_report(broken)
    (tmp_path / "prepare.json").write_text("{}")
    with pytest.raises(UserError, match="broken off"):
        write_report(tmp_path)
    with pytest.raises(UserError, match="expected to write the report"):
        write_report(prepared, tmp_path / "nowhere" / "page.html")


def test_the_command_says_where_the_page_is(prepared, tmp_path, capsys):
    page = tmp_path / "a page.html"
    assert run(["data", "report", str(prepared), "-o", str(page)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{page}\n" and page.is_file() and "12/12 records" in err
    assert run(["data", "report", str(tmp_path / "none"), "--quiet"]) == 2


def test_without_the_extra_the_command_says_what_to_install(prepared, monkeypatch, capsys):
    whole = builtins.__import__

    def lacking(name, *rest):
        if name == "jinja2":
            raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", lacking)
    assert run(["data", "report", str(prepared), "--quiet"]) == 2
    assert "pip install 'playmate-jax[prepare]'" in capsys.readouterr().err


def test_the_template_is_installed_with_the_package():
    root = Path(__file__).resolve().parents[2]
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg")
    globs = config["options.package_data"]["playmate_jax"].split()
    shipped = {path for pattern in globs for path in (root / "playmate_jax").glob(pattern)}
    assert set((root / "playmate_jax").rglob("*.j2")) <= shipped
