"""`playmate weights`: get, list, where, remove and card, as a user types them."""

import json

from playmate_jax.hub import bundles


def test_get_list_where_remove(command, tiny):
    code, out, _ = command("get", "tiny")
    assert code == 0 and "licence MIT" in out.splitlines()[0]
    folder = bundles.cache_directory() / "tiny"

    code, out, _ = command("list")
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines()[:-1]}
    assert rows["demo"] == "shipped" and rows["tiny"] == "fetched"
    assert rows["liveportrait"] == "available"

    assert command("where", "tiny")[:2] == (0, f"{folder}\n")
    code, out, _ = command("remove", "tiny")
    assert code == 0 and str(folder) in out and not folder.exists()
    assert command("where", "tiny")[0] == 2


def test_get_says_when_there_is_nothing_to_do(command, tiny):
    command("get", "tiny")
    code, out, _ = command("get", "tiny")
    assert code == 0 and "already there" in out


def test_shipped_weights_are_not_removed(command):
    code, _, err = command("remove", "demo")
    assert code == 2 and "ships with the package" in err and bundles.find_folder("demo").is_dir()


def test_names_that_are_not_there_are_reported_with_the_nearest(command, tiny):
    code, _, err = command("get", "liveportrate")
    assert code == 2 and "did you mean 'liveportrait'?" in err
    command("get", "tiny")
    code, _, err = command("remove", "tini")
    assert code == 2 and "did you mean 'tiny'?" in err


def test_a_revision_is_of_one_name(command, tiny):
    code, _, err = command("get", "tiny", "liveportrait", "--revision", "main")
    assert code == 2 and "one by one" in err


def test_a_card_is_json_or_a_page(command):
    code, out, _ = command("card")
    assert code == 0 and json.loads(out)["generator"]["name"] == "demo"
    code, out, _ = command("card", "demo", "--markdown")
    assert code == 0 and out.startswith("---\nlicense: apache-2.0\n") and "\n# demo\n" in out
