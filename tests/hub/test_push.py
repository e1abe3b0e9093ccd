"""`playmate weights push`: what arrives on the hub is whole, is fetched again, and nothing else."""

import shutil

import pytest

from playmate_jax.hub import bundles, download, upload
from tests.hub.hub_uploads import TOKEN


@pytest.fixture
def token(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture
def folder(tiny_weights, tmp_path):
    """Weights with what else may lie in such a folder."""
    folder = tmp_path / "meine Gewichte"
    shutil.copytree(tiny_weights, folder)
    (folder / "train.log").write_text("mine")
    (folder / "renderer" / "evil.py").write_text("print()")
    (folder / "renderer" / "old.bin").write_bytes(b"a pickle")
    (folder / "generator" / "secrets.json").write_text("{}")
    return folder


def test_what_was_pushed_is_what_is_fetched(hub, token, command, folder):
    code, out, _ = command("push", folder, "me/mine")
    assert code == 0 and "private" in out and f"{hub.url}/me/mine/commit/" in out
    sent = hub.repositories["me/mine"]
    assert set(sent) == {
        "README.md",
        *(f"{part}/{name}" for part in bundles.PARTS for name in bundles.WEIGHTS_FILES),
    }
    assert hub.private == {"me/mine"}
    fetched = download.fetch_bundle("me/mine", endpoint=hub.url, say=lambda text: None)
    for part in bundles.PARTS:
        for name in bundles.WEIGHTS_FILES:
            assert (fetched / part / name).read_bytes() == (folder / part / name).read_bytes()


def test_the_card_has_front_matter_and_names_the_repository(hub, token, command):
    assert command("push", "demo", "me/mine", "--public")[0] == 0
    card = hub.repositories["me/mine"]["README.md"].decode()
    assert card.startswith("---\nlicense: apache-2.0\nlibrary_name: playmate-jax\n")
    assert "playmate animate portrait.jpg speech.wav --weights me/mine -o out.mp4" in card
    assert hub.private == set()


def test_one_network_alone_is_sent_as_the_part_that_it_is(hub, token, command, folder):
    assert command("push", folder / "generator", "me/lips")[0] == 0
    names = {name.partition("/")[0] for name in hub.repositories["me/lips"]}
    assert names == {"generator", "README.md"}


def test_private_weights_do_not_go_to_a_public_repository(hub, token, command, folder):
    hub.repositories["me/open"] = {"README.md": b"hello"}
    code, _, err = command("push", folder, "me/open")
    assert code == 2 and "--public" in err and list(hub.repositories["me/open"]) == ["README.md"]
    assert command("push", folder, "me/open", "--public")[0] == 0


def test_without_a_token_nothing_is_asked_of_the_hub(hub, command, folder):
    code, _, err = command("push", folder, "me/mine")
    assert code == 2 and "HF_TOKEN" in err and err.count("\n") == 1 and not hub.asked


def test_weights_that_do_not_exist_or_are_incomplete(hub, token, command, folder):
    code, _, err = command("push", "demmo", "me/mine")
    assert code == 2 and "did you mean 'demo'" in err
    (folder / "renderer" / "card.json").unlink()
    code, _, err = command("push", folder, "me/mine")
    assert code == 2 and "card.json" in err and not hub.asked


@pytest.mark.parametrize(
    ("repository", "message"),
    [("mine", "owner/name"), ("me/mine@v2", "owner/name"), ("somebody/x", "rights to create")],
)
def test_names_that_are_refused(hub, token, command, folder, repository, message):
    code, _, err = command("push", folder, repository)
    assert code == 2 and message in err and err.count("\n") == 1
    assert "Traceback" not in err and not hub.repositories.get(repository)


def test_a_token_that_may_only_read_is_one_sentence(hub, command, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_may_read")
    code, _, err = command("push", folder, "me/mine")
    assert code == 2 and "may only read" in err and err.count("\n") == 1
    assert "hf_may_read" not in err


def test_a_hub_that_cannot_be_reached_is_one_sentence(hub, token, folder, command):
    hub.url = "http://127.0.0.1:9"
    code, _, err = command("push", folder, "me/mine")
    assert code == 2 and "try again" in err and err.count("\n") == 1


def test_names_in_the_repository_are_those_that_get_accepts(folder):
    files, _ = upload.contents(folder, "me/mine")
    assert all(download.LAYOUT.fullmatch(name) for name in files)
