"""Jobs over HTTP: their life, their limits, and what the server says about each."""

import concurrent.futures
import io
import json
import wave

import numpy as np
import pytest

from playmate_jax.media import open_video
from playmate_jax.serve.jobs import Job, JobStore
from tests.serve.stub_child import DIES, FAILS, REFUSES, WAITS
from tests.serve.waiting import wait_for


def post(client, files, **options):
    """Sends a job; an option of None leaves a file out."""
    sent = {name: (f"../{name}", content) for name, content in files.items() if content is not None}
    return client.post("/v1/jobs", files=sent, data=options)


def accepted(client, files, **options):
    answer = post(client, files, **options)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    return answer.json()["id"]


def test_a_job_from_upload_to_video(client, files, tmp_path):
    id = accepted(client, files, emotion="happy=0.8", seed=9)
    with client.stream("GET", f"/v1/jobs/{id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line[6:] for line in answer.iter_lines() if line.startswith("data: ")]
    seen = [json.loads(line) for line in lines]
    assert seen[-1]["state"] == "done" and seen[-1]["progress"] == 1
    assert [j["progress"] for j in seen] == sorted(j["progress"] for j in seen)
    job = wait_for(client, id, "done")
    assert job["facts"]["frames"] == 10 and job["error"] is None
    video = client.get(f"/v1/jobs/{id}/video")
    assert video.headers["content-type"] == "video/mp4"
    (tmp_path / "v.mp4").write_bytes(video.content)
    assert len(list(open_video(tmp_path / "v.mp4"))) == 10
    part = client.get(f"/v1/jobs/{id}/video", headers={"range": "bytes=0-99"})
    assert part.status_code == 206 and part.content == video.content[:100]
    left = {p.name for p in client.app.state.runner.store.folder(id).iterdir()}
    assert left == {"job.json", "video.mp4"}  # uploads are not kept
    assert client.delete(f"/v1/jobs/{id}?forget=true").status_code == 204
    assert client.get(f"/v1/jobs/{id}").status_code == 404
    assert not client.app.state.runner.store.folder(id).exists()


def test_reenactment_takes_a_driving_image(client, files):
    id = accepted(client, files | {"speech": None, "driving": files["portrait"]}, region="lips")
    assert wait_for(client, id, "done", "failed")["state"] == "done"


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        (REFUSES, "expected a face in the image, found none in 'portrait': give one"),
        (FAILS, "unexpected RuntimeError; the server's log has more"),
        (DIES, "the process that worked on it died of signal SIGSEGV"),
    ],
)
def test_a_job_that_goes_wrong_says_how_and_takes_no_other_with_it(client, files, seed, says):
    job = wait_for(client, accepted(client, files, seed=seed), "failed")
    assert job["error"] == says
    assert client.get(f"/v1/jobs/{job['id']}/video").status_code == 409
    assert wait_for(client, accepted(client, files), "done", "failed")["state"] == "done"


def test_the_gaze_reaches_the_portrait_that_speaks_and_no_other(client, files):
    def options_of(answer):
        return client.app.state.runner.store.jobs[answer.json()["id"]].options

    looks = {"gaze_x": -0.5, "gaze_y": 0.25}
    assert options_of(post(client, files, **looks))["gaze"] == [-0.5, 0.25]
    assert options_of(post(client, files))["gaze"] is None
    driven = {"portrait": files["portrait"], "driving": files["portrait"]}
    refused = post(client, driven, **looks)
    assert refused.status_code == 422
    assert "expected gaze with speech only" in refused.json()["error"]
    assert "gaze" not in options_of(post(client, driven))


def test_the_queue_is_bounded_and_jobs_can_be_cancelled(client, files):
    running = accepted(client, files, seed=WAITS)
    wait_for(client, running, "running")
    waiting = [accepted(client, files) for _ in range(2)]
    assert [wait_for(client, id, "queued")["place"] for id in waiting] == [0, 1]
    refused = post(client, files)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0
    assert client.delete(f"/v1/jobs/{waiting[0]}").status_code == 204
    assert wait_for(client, waiting[0], "cancelled")
    assert client.delete(f"/v1/jobs/{running}").status_code == 204
    assert wait_for(client, running, "cancelled")["error"] is None
    assert wait_for(client, waiting[1], "done")
    assert client.delete(f"/v1/jobs/{running}").status_code == 204  # once more changes nothing


def test_a_job_that_takes_too_long_is_ended(serve, files, tmp_path):
    with serve(tmp_path, job_s=1.0) as client:
        job = wait_for(client, accepted(client, files, seed=WAITS), "failed")
        assert job["error"].startswith("it took longer than")


def recording(seconds):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.ones(int(16000 * seconds), np.int16).tobytes())
    return out.getvalue()


def picture(side):
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (side, side)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("changed", "options", "status", "says"),
    [
        ({"speech": None}, {}, 422, "speech or driving"),
        ({"portrait": None}, {}, 422, "portrait"),
        ({"portrait": b"<svg onload=alert(1)>"}, {}, 415, "as portrait"),
        ({"speech": b"MZ" + bytes(2000)}, {}, 415, "as speech"),
        ({"speech": b"#EXTM3U\nfile:///etc/passwd\n"}, {}, 415, "as speech"),
        ({"speech": b""}, {}, 415, "as speech"),
        ({"speech": recording(0.01)}, {}, 422, "0.1 s"),
        ({"speech": recording(3)}, {}, 422, "at most 2 s"),
        ({"portrait": picture(600)}, {}, 422, "at most 512 pixels"),
        ({"portrait": picture(8)}, {}, 422, "16x16"),
        ({"portrait": bytes(1_500_000)}, {}, 413, "at most 1 MB"),
        ({}, {"emotion": "hapy"}, 422, "did you mean 'happy'"),
        ({}, {"emotion": "/etc/passwd"}, 422, "expected an emotion"),
        ({}, {"seed": "-1"}, 422, "seed"),
        ({}, {"steps": "1000000"}, 422, "steps"),
        ({}, {"head_motion": "nan"}, 422, "head_motion"),
        ({}, {"gaze_x": "1.1"}, 422, "gaze_x"),
        ({}, {"sampler": "magic"}, 422, "sampler"),
        ({}, {"region": "lips"}, 422, "region without speech"),
    ],
)
def test_what_is_wrong_with_a_request_has_its_status_and_a_sentence(
    client, files, changed, options, status, says
):
    before = set(client.app.state.runner.store.jobs)
    answer = post(client, files | changed, **options)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"] and "Traceback" not in answer.text
    store = client.app.state.runner.store
    assert set(store.jobs) == before == {p.name for p in store.folder(".").iterdir()}


def test_a_portrait_of_sound_is_refused_as_such(client, files):
    answer = post(client, {"portrait": files["speech"], "speech": files["speech"]})
    assert answer.status_code == 415 and "found audio" in answer.json()["error"]


def test_a_body_that_lies_about_its_length_is_cut_off(client):
    def endless():
        for _ in range(40):
            yield bytes(100_000)

    answer = client.post(
        "/v1/jobs", content=endless(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )  # fmt: skip
    assert answer.status_code in (400, 413)  # 413, unless the parser gives up before
    assert client.post("/v1/jobs", content=b"{}").status_code == 422


def test_real_files_that_people_send(client, files, shared):
    """Kinds that other programs fail at: here each has an answer, and the server goes on."""
    portraits = sorted((shared / "data" / "portraits").glob("*"))[:3]
    speech = shared / "data" / "speech" / "speech_4s_44k.wav"
    for path in portraits:
        if path.stat().st_size < 900_000:
            answer = post(client, files | {"portrait": path.read_bytes()})
            assert answer.status_code in (202, 422, 429), answer.text
    assert post(client, files | {"speech": speech.read_bytes()}).status_code == 422  # 4 s of 2
    for path in (shared / "data" / "motion").glob("*.pkl"):
        if path.stat().st_size < 900_000:
            assert post(client, files | {"portrait": path.read_bytes()}).status_code == 415
    assert client.get("/health").json()["status"] == "ok"


def test_many_clients_at_once_lose_nothing(serve, files, tmp_path):
    with serve(tmp_path, queue=100, uploads=100) as client:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            ids = list(pool.map(lambda _: accepted(client, files), range(20)))
        assert len(set(ids)) == 20
        assert {wait_for(client, id, "done", "failed")["state"] for id in ids} == {"done"}
        counted = client.get("/metrics").text
    assert 'playmate_jobs_total{state="done"} 20.0' in counted
    assert 'playmate_requests_total{method="POST",status="202"} 20.0' in counted


def stored(store, state, **more):
    id = store.new_id()
    job = Job(id, 1.0, {}, {"portrait": "portrait"}, state=state, **more)
    (store.folder(id) / "portrait").write_bytes(b"1")
    if state == "done":
        (store.folder(id) / "video.mp4").write_bytes(b"video")
    store.add(job)
    return id


def test_after_a_kill_finished_jobs_are_there_and_others_are_told(serve, tmp_path):
    """What kill -9 leaves on disk is what these jobs look like."""
    store = JobStore(tmp_path, 10, 24.0)
    done = stored(store, "done", finished=4e9)
    left = [stored(store, "running", started=2.0), stored(store, "queued")]
    half = store.new_id()
    (store.folder(half) / "portrait").write_bytes(b"1")
    with serve(tmp_path) as client:
        assert client.get(f"/v1/jobs/{done}").json()["state"] == "done"
        assert client.get(f"/v1/jobs/{done}/video").content == b"video"
        for id in left:
            job = client.get(f"/v1/jobs/{id}").json()
            assert job["state"] == "failed" and job["error"].startswith("interrupted")
        assert client.get(f"/v1/jobs/{half}").status_code == 404
        assert not store.folder(half).exists()


def test_a_shutdown_hands_back_what_it_does_not_finish(serve, files, tmp_path):
    with serve(tmp_path) as client:
        running = accepted(client, files, seed=WAITS)
        wait_for(client, running, "running")
        waiting = accepted(client, files)
    kept = json.loads((tmp_path / "jobs" / waiting / "job.json").read_text())
    assert kept["state"] == "queued" and kept["handed_back"]
    with serve(tmp_path) as client:
        wait_for(client, running, "running")
        client.delete(f"/v1/jobs/{running}")
        assert wait_for(client, waiting, "done", "failed")["state"] == "done"


def test_old_jobs_and_too_many_are_deleted(tmp_path):
    store = JobStore(tmp_path, 2, 24.0)
    ids = [stored(store, "done", finished=4e9 + i) for i in range(3)]
    old, waits = stored(store, "failed", finished=1.0), stored(store, "queued")
    store.expire()
    assert set(store.jobs) == {ids[1], ids[2], waits} and not store.folder(old).exists()


def test_folders_of_others_are_left_alone(tmp_path):
    (tmp_path / "jobs" / "photographs").mkdir(parents=True)
    (tmp_path / "jobs" / ("0" * 32)).mkdir()  # an upload that was never complete
    assert JobStore(tmp_path, keep=1, keep_h=1).load() == []
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["photographs"]
