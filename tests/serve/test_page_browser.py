"""The page in a real browser, with random networks of a tiny size: what visitors see and do."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the page's package is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright import sync_api

from tests.jobs import environment, free_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
TABS = ("Speak", "Reenact", "Dub", "Edit", "Live")
WAIT_MS = 300_000
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]


@pytest.fixture(scope="module")
def address(tiny_weights, tmp_path_factory):
    """Where `playmate serve` listens, as a user starts it."""
    port, folder = free_port(), tmp_path_factory.mktemp("browser")
    command = ("serve", "--weights", tiny_weights, "--port", port, "--folder", folder / "jobs")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "playmate_jax", *map(str, command)],
            cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    found = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{found}/health").close()
                break
            except OSError:
                time.sleep(0.5)
        assert f"page at {found}/" in (folder / "log").read_text("utf-8")
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as running:
        found = running.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def page(address, browser, request):
    """The page, open and ready; at the end: nothing came from elsewhere, nothing was broken."""
    width, height = SIZES[getattr(request, "param", "desktop")]
    context = browser.new_context(viewport={"width": width, "height": height})
    found, asked, errors = context.new_page(), [], []
    found.on("request", lambda made: asked.append(made.url))
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    found.goto(address)
    found.get_by_role("button", name="Generate").first.wait_for(timeout=WAIT_MS)
    yield found
    context.close()
    own = (address, f"blob:{address}", "data:", address.replace("http", "ws"))
    assert not [url for url in asked if not url.startswith(own)]
    assert not errors


def shown(page, tab):
    page.get_by_role("tab", name=tab, exact=True).click(timeout=WAIT_MS)


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_every_tab_fits_and_has_its_controls(page):
    for tab in TABS:
        shown(page, tab)
        button = {"Edit": "Reset", "Live": "Start"}.get(tab, "Generate")
        page.locator("button:visible", has_text=button).first.wait_for(timeout=WAIT_MS)
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
    assert "random numbers of a tiny size" in page.locator(".pm-about").inner_text()


@pytest.mark.parametrize("page", ["phone"], indirect=True)
def test_the_example_speaks(page):
    page.locator("button:visible", has_text="Use the example").click()
    page.locator("img[src*='portrait.png']:visible").wait_for(timeout=WAIT_MS)
    page.locator("button:visible", has_text="Generate").click()
    page.locator("video.pm-video").wait_for(timeout=WAIT_MS)
    page.wait_for_function(
        "() => { const v = document.querySelector('video.pm-video'); "
        "return v.videoWidth > 0 && v.currentTime > 0.2 }", timeout=WAIT_MS,
    )  # fmt: skip
    with page.expect_download() as download:
        page.locator(".pm-download:visible").click()
    assert Path(download.value.path()).stat().st_size > 1000


def test_an_upload_that_is_none_is_told(page, tmp_path):
    (tmp_path / "wörds é.png").write_bytes(b"no image")
    page.locator("input[type=file][accept*=image]").first.set_input_files(tmp_path / "wörds é.png")
    page.locator("img[src*='png']:visible").first.wait_for(timeout=WAIT_MS, state="attached")
    page.locator("button:visible", has_text="Generate").click()
    page.locator(".pm-problem:visible").wait_for(timeout=WAIT_MS)
    assert page.locator(".pm-problem:visible").inner_text().startswith("expected")


def test_the_picture_follows_a_slider(page):
    shown(page, "Edit")
    page.locator("button:visible", has_text="Use the example").click()
    image = page.locator("img.pm-image")
    image.wait_for(timeout=WAIT_MS)
    before = image.get_attribute("src")
    slider = page.locator("input[type=range][aria-label*='Yaw']:visible")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('img.pm-image')?.src != before", arg=before,
        timeout=WAIT_MS,
    )  # fmt: skip


def test_the_microphone_moves_a_portrait_over_webrtc(page):
    shown(page, "Live")
    page.locator("button:visible", has_text="Start").click()
    page.wait_for_function(
        "() => Number(document.querySelector('video.pm-canvas').dataset.frames) > 20",
        timeout=WAIT_MS,
    )
    sizes = page.evaluate("(v => [v.videoWidth, v.videoHeight, v.muted])"
                          "(document.querySelector('video.pm-canvas'))")  # fmt: skip
    assert min(sizes[:2]) > 16 and sizes[2]
    page.locator(".pm-sound").check()
    assert not page.evaluate("document.querySelector('video.pm-canvas').muted")
    page.locator("button:visible", has_text="Stop").click()
    page.get_by_text("Ended.").wait_for(timeout=WAIT_MS)


def test_without_webrtc_the_microphone_moves_it_over_the_socket(page):
    page.evaluate("() => { delete window.RTCPeerConnection }")
    shown(page, "Live")
    page.locator("button:visible", has_text="Start").click()
    page.wait_for_function(
        "() => Number(document.querySelector('canvas.pm-canvas').dataset.frames) > 20",
        timeout=WAIT_MS,
    )
    page.locator("button:visible", has_text="Stop").click()
    page.get_by_text("Ended.").wait_for(timeout=WAIT_MS)
