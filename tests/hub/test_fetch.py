"""Published weights: fetched whole and right, or not at all."""

import dataclasses
import json
import pickle

import numpy as np
import pytest

from playmate_jax.converters import fetch
from playmate_jax.errors import UserError
from playmate_jax.hub import bundles
from playmate_jax.hub.published import NOT_FETCHED, PUBLISHED
from playmate_jax.hub.weights import load_weights
from tests.hub.hub_server import COMMIT, git_hash, sha256


def get(hub, name="tiny", **options):
    return fetch.get(name, endpoint=hub.url, say=lambda text: None, **options)


def leftovers():
    """Whatever lies in the cache of weights."""
    cache = bundles.cache_directory()
    return sorted(p.name for p in cache.iterdir()) if cache.is_dir() else []


def test_get_converts_and_records_where_it_came_from(hub, tiny):
    directory = get(hub)
    config, params, card = load_weights(directory)
    assert config == {"kind": "renderer", "width": 3000}
    np.testing.assert_array_equal(params["numbers"], np.arange(3000, dtype=np.float32))
    files = hub.repositories["owner/tiny"]
    assert card["name"] == "tiny" and card["title"] == tiny.title and card["licence"] == "MIT"
    assert card["source"].endswith("owner/tiny") and card["revision"] == COMMIT
    assert card["source_sha256"] == {
        name: sha256(files[name]) for name in ("parts/weights.safetensors", "config.json")
    }
    assert leftovers() == ["tiny"]


def test_only_what_the_table_names_is_downloaded(hub, tiny):
    get(hub)
    assert not [path for _, path, _ in hub.asked if "insightface" in path]


def test_the_licence_is_shown_before_anything_is_asked_of_the_hub(hub, tiny):
    messages = []
    fetch.get("tiny", endpoint=hub.url, say=lambda text: messages.append((text, len(hub.asked))))
    text, asked = messages[0]
    assert "MIT" in text and "owner/tiny" in text and asked == 0


def test_another_licence_at_the_source_is_said_and_kept(hub, tiny):
    hub.licence, messages = "cc-by-nc-4.0", []
    directory = fetch.get("tiny", endpoint=hub.url, say=messages.append)
    assert any("cc-by-nc-4.0" in text for text in messages)
    assert bundles.read_card(directory)["licence_stated_by_source"] == "cc-by-nc-4.0"


def test_what_is_there_is_not_fetched_again(hub, tiny):
    directory, messages = get(hub), []
    before = (directory / "params.safetensors").stat().st_mtime_ns
    hub.asked.clear()
    assert fetch.get("tiny", endpoint=hub.url, say=messages.append) == directory
    assert hub.asked == [] and "already there" in messages[0]
    assert (directory / "params.safetensors").stat().st_mtime_ns == before


def test_a_cut_connection_is_resumed(hub, tiny, monkeypatch):
    """The library counts in pieces of 10 MB, and waits a second before it asks for the rest."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.cut_at = 5000
    directory = get(hub)
    assert hub.ranges == ["bytes=5000-"]
    assert len(load_weights(directory)[1]["numbers"]) == 3000


def test_files_that_are_whole_are_not_downloaded_twice(hub, tiny, monkeypatch):
    def fail(folder, directory):
        raise UserError("no")

    with monkeypatch.context() as patch:
        patch.setitem(fetch.CONVERTERS, "tiny", fail)
        with pytest.raises(UserError):
            get(hub)
    hub.asked.clear()
    get(hub)
    assert not [path for method, path, _ in hub.asked if method == "GET" and "/cdn/" in path]


def test_contents_that_changed_on_the_way_are_refused(hub, tiny):
    large = sha256(hub.repositories["owner/tiny"]["parts/weights.safetensors"])
    hub.garbled.add(large)
    with pytest.raises(UserError, match=rf"parts/weights.safetensors.*{large[:12]}.*removed"):
        get(hub)
    assert leftovers() == []
    hub.garbled.clear()  # the bad file is gone: the next one is downloaded
    assert bundles.is_weights(get(hub))


def test_small_files_are_checked_by_gits_hash(hub, tiny, monkeypatch):
    """Of a small file the hub keeps sha1("blob SIZE\\0" + contents) alone."""
    from playmate_jax.hub.download import _checked

    path = bundles.cache_directory() / "config.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}")
    assert _checked(path, "config.json", "", git_hash(b"{}")) == sha256(b"{}")
    with pytest.raises(UserError, match="config.json"):
        _checked(path, "config.json", "", git_hash(b"[]"))


def test_a_file_that_is_not_the_known_one_is_not_even_downloaded(hub, tiny):
    hub.repositories["owner/tiny"]["parts/weights.safetensors"] = b"of someone else"
    with pytest.raises(UserError, match="nothing was downloaded"):
        get(hub)
    assert not [path for _, path, _ in hub.asked if "resolve" in path]


def test_a_revision_of_ones_own_is_taken_as_the_hub_has_it(hub, tiny):
    hub.repositories["owner/tiny"]["parts/weights.safetensors"] = np.ones(4, np.float32).tobytes()
    card = bundles.read_card(get(hub, revision="main"))
    assert card["revision"] == COMMIT
    assert len(load_weights(bundles.cache_directory() / "tiny")[1]["numbers"]) == 4


def test_without_a_pin_the_newest_commit_is_said_and_recorded(hub, tiny, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "tiny", dataclasses.replace(tiny, revision=""))
    messages = []
    directory = fetch.get("tiny", endpoint=hub.url, say=messages.append)
    assert any(COMMIT in text for text in messages)
    assert bundles.read_card(directory)["revision"] == COMMIT


def test_the_hubs_cache_is_enough_offline(hub, tiny):
    directory = get(hub)
    bundles.remove("tiny")
    hub.asked.clear()
    assert get(hub, offline=True) == directory and hub.asked == []
    assert bundles.read_card(directory)["revision"] == COMMIT


def test_the_environment_can_forbid_the_network(hub, tiny, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="hub's cache"):
        get(hub)
    assert hub.asked == []


def test_a_damaged_cache_is_noticed_offline(hub, tiny):
    get(hub)
    bundles.remove("tiny")
    blob = next(
        bundles.cache_directory().parents[2].glob("hub/models--*/snapshots/*/parts/*.safetensors")
    )
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    with pytest.raises(UserError, match="parts/weights.safetensors"):
        get(hub, offline=True)
    assert leftovers() == []


def test_a_renamed_repository_is_followed(hub, tiny, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "tiny", dataclasses.replace(tiny, repository="before/tiny"))
    hub.renamed["before/tiny"] = "owner/tiny"
    assert len(load_weights(get(hub))[1]["numbers"]) == 3000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repository": "owner/none"}, "owner/none.*found none"),
        ({"revision": "f" * 40}, "no such revision"),
        ({"files": (fetch.PUBLISHED["joyvasa"].files)}, r"motion_generator/\*.pt"),
    ],
)
def test_what_the_hub_does_not_have_is_reported(hub, tiny, monkeypatch, change, message):
    monkeypatch.setitem(PUBLISHED, "tiny", dataclasses.replace(tiny, **change))
    monkeypatch.setattr(fetch, "find_spec", lambda name: True)  # torch or not is another question
    with pytest.raises(UserError, match=message):
        get(hub)
    assert leftovers() == []


def test_no_connection_is_reported(hub, tiny):
    with pytest.raises(UserError, match="expected to fetch owner/tiny"):
        fetch.get("tiny", endpoint="http://127.0.0.1:9", say=lambda text: None)


def test_an_interrupted_download_leaves_nothing(hub, tiny, monkeypatch):
    import huggingface_hub.file_download as library

    def stop_half_way(url, temp_file, **_):
        temp_file.write(b"half of it")
        temp_file.flush()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(library, "http_get", stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            get(hub)
    assert leftovers() == []
    assert not list(bundles.cache_directory().parents[2].glob("hub/**/weights.safetensors"))
    assert bundles.is_weights(get(hub))


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, UserError, OSError])
def test_an_interrupted_conversion_leaves_nothing(hub, tiny, monkeypatch, end):
    def stop_half_way(folder, directory):
        directory.mkdir()
        (directory / "config.json").write_text("{}")
        raise end("stopped")

    monkeypatch.setitem(fetch.CONVERTERS, "tiny", stop_half_way)
    with pytest.raises(UserError if end is OSError else end):
        get(hub)
    assert leftovers() == []


def test_a_killed_conversion_is_no_weights_and_is_swept(hub, tiny, monkeypatch):
    left = bundles.cache_directory() / ".tiny.part-killed" / "tiny"
    left.mkdir(parents=True)
    (left / "config.json").write_text("{}")
    assert bundles.cached_names() == []
    monkeypatch.setattr(fetch, "HOUR_S", -1)
    get(hub)
    assert leftovers() == ["tiny"]


def test_a_missing_library_names_the_extra(hub, tiny, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"playmate-jax\[speech\]"):
        get(hub)


def test_missing_torch_is_reported_before_the_download(hub, tiny, monkeypatch):
    joyvasa = PUBLISHED["joyvasa"].files  # .pt, which torch alone reads
    monkeypatch.setitem(PUBLISHED, "tiny", dataclasses.replace(tiny, files=joyvasa))
    monkeypatch.setattr(fetch, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"playmate-jax\[convert\]"):
        get(hub)
    assert hub.asked == []


@pytest.mark.parametrize("name", [*NOT_FETCHED, "InsightFace/buffalo_l"])
def test_models_without_a_free_licence_are_refused_by_name(hub, name):
    why = "playmate convert syncnet" if name == "syncnet" else "non-commercial"
    with pytest.raises(UserError, match=why):
        get(hub, name)
    assert hub.asked == []


def test_pins_are_commits_and_hashes_are_sha256():
    for row in PUBLISHED.values():
        assert len(row.revision) == 40 and int(row.revision, 16)
        for file in row.files:
            assert (len(file.sha256) == 64) == bool(file.size) == bool(file.sha256)


def test_liveportrait_is_converted_from_what_the_hub_sends(hub, monkeypatch, tmp_path):
    """The real converter, at the size of the recordings; animals come without stitching."""
    pytest.importorskip("torch")
    from playmate_jax.converters import synthetic_weights, torch_files
    from playmate_jax.converters.liveportrait import files
    from playmate_jax.converters.liveportrait.rules import PARTS
    from tests.converters import test_liveportrait as small

    folder, states = (
        tmp_path / "published",
        {f: synthetic_weights.state_dict(small.manifest(f), 3) for f in PARTS},
    )
    for part in ("liveportrait", "liveportrait_animals"):
        for field, name in files.FILES.items():
            torch_files.write(folder / part / "base_models" / name, states[field])
    retargeting = {
        key: {f"module.{name}": value for name, value in states[field].items()}
        for key, field in files.RETARGETING_KEYS.items()
    }
    name = files.RETARGETING
    torch_files.write(folder / "liveportrait" / "retargeting_models" / name, retargeting)
    hub.repositories["KlingTeam/LivePortrait"] = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.pth")
    }
    for name in ("liveportrait", "liveportrait-animals"):
        directory = get(hub, name, revision=COMMIT)
        config, params, card = load_weights(directory)
        assert card["name"] == name and config["kind"] == "renderer"
        assert ("stitching" in params) == (name == "liveportrait")
        assert len(card["source_sha256"]) == (5 if name == "liveportrait" else 4)
        assert bundles.find_bundle(name) == {"renderer": directory}
    assert json.loads((directory / "card.json").read_text())["domain"] == "animals"


def test_joyvasa_is_converted_from_what_the_hub_sends(hub, monkeypatch, tmp_path):
    """The real converter, at the size of the recordings."""
    pytest.importorskip("torch")
    from playmate_jax.converters.joyvasa import config as joyvasa
    from tests.converters import test_joyvasa as small

    monkeypatch.setattr(joyvasa, "BASE_ENCODER", small.ENCODER)
    checkpoint = small.save(tmp_path / "motion_generator" / "m.pt").read_bytes()
    template = pickle.dumps(small.template())
    hub.repositories["jdh-algo/JoyVASA"] = {
        "motion_generator/m.pt": checkpoint, "motion_template/motion_template.pkl": template,
    }  # fmt: skip
    directory = get(hub, "joyvasa", revision=COMMIT)
    config, params, card = load_weights(directory)
    assert config["kind"] == card["name"] == "joyvasa" and "statistics" in params
    hashes = {"motion_generator/m.pt": sha256(checkpoint)}
    hashes |= {"motion_template/motion_template.pkl": sha256(template)}
    assert card["source_sha256"] == hashes and card["iteration"] == 20_000


def test_every_published_name_has_a_converter():
    assert PUBLISHED.keys() == fetch.CONVERTERS.keys()
