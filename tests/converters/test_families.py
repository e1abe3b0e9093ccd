"""What a checkpoint is shows in its names and shapes; what is unknown is refused."""

import numpy as np
import pytest

from playmate_jax.configuration import to_values
from playmate_jax.converters import verify
from playmate_jax.converters.detection import detect, named_state
from playmate_jax.converters.registry import FAMILIES, by_config, by_name
from playmate_jax.converters.rules import Ignored, check_table, to_flax, to_torch
from playmate_jax.converters.state_files import Checkpoint
from playmate_jax.errors import UserError

# Without what a file of ours says of itself; these two cannot be told from tensors alone.
CONFIG_IN_FILE = {"playmate", "playmate-renderer"}


def tiny_state(family) -> dict[str, np.ndarray]:
    table = family.table(family.tiny)
    return verify.synthetic_state(table, family.shapes(family.tiny))


def checkpoint(state, tmp_path, **extra) -> Checkpoint:
    return Checkpoint(tmp_path, state, {}, extra)


def metadata(family) -> dict:
    if family.name in CONFIG_IN_FILE:
        return {"config": {"kind": family.kind, **to_values(family.tiny)}}
    if family.name in ("wav2vec2", "hubert"):
        return {"transformers": {"model_type": family.name}}
    return {}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_is_recognised_and_its_sizes_are_read(family, tmp_path):
    state = tiny_state(family)
    found = detect(checkpoint(state, tmp_path, **metadata(family)))
    assert found.family is family and found.share == 1 and found.part == ""
    if family.name in CONFIG_IN_FILE | {"wav2vec2", "hubert", "joyvasa"}:
        return  # heads, which have to divide the width, are told elsewhere
    sizes = family.sizes({name: value.shape for name, value in state.items()})
    assert family.shapes(sizes) == family.shapes(family.tiny)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_leaf_of_every_family_crosses_there_and_back_to_the_bit(family):
    table, shapes, state = family.table(family.tiny), family.shapes(family.tiny), tiny_state(family)
    check_table(table)
    leaves, kept = to_flax(table, state, shapes)
    assert leaves.keys() == shapes.keys()
    back = to_torch(table, leaves, kept)
    assert list(back) == [entry.source for entry in table]
    for name, value in state.items():
        np.testing.assert_array_equal(back[name], value, strict=True)


def test_one_network_of_a_set_is_recognised_under_its_own_names(tmp_path):
    whole = by_name("liveportrait")
    for part in whole.parts:
        prefix = f"{part}."
        own = {k[len(prefix) :]: v for k, v in tiny_state(whole).items() if k.startswith(prefix)}
        found = detect(checkpoint(own, tmp_path))
        assert found.family is whole and found.share == 1
        # the three small networks have the same names; which one it is shows in no name
        same = {"stitching", "eyes", "lips"}
        assert found.part == part or {found.part, part} <= same


def test_the_prefix_tells_the_two_speech_encoders_apart(tmp_path):
    state = tiny_state(by_name("hubert"))
    prefixed = {f"hubert.{name}": value for name, value in state.items()}
    prefixed["lm_head.weight"] = np.zeros((4, 32), np.float32)
    assert detect(checkpoint(prefixed, tmp_path)).family.name == "hubert"
    assert detect(checkpoint(state, tmp_path)).family.name == "wav2vec2"


def test_a_classifier_is_left_out_by_name(tmp_path):
    family = by_name("vgg19")
    state = tiny_state(family) | {"classifier.0.weight": np.zeros((4, 4), np.float32)}
    found = detect(checkpoint(state, tmp_path))
    assert found.share == 1
    assert "classifier.0.weight" not in named_state(checkpoint(state, tmp_path), found)


def test_a_stranger_is_refused_with_the_nearest_and_what_differs(tmp_path):
    state = dict(list(tiny_state(by_name("hopenet")).items())[:30])
    state |= {f"encoder.block.{i}.weight": np.zeros(3) for i in range(40)}
    with pytest.raises(UserError) as refused:
        detect(checkpoint(state, tmp_path))
    told = str(refused.value)
    assert "the nearest is hopenet" in told and "% of the names match" in told
    assert "+ encoder.block.0.weight" in told and "- " in told


def test_a_family_that_was_asked_for_is_not_another(tmp_path):
    state = tiny_state(by_name("vgg19"))
    with pytest.raises(UserError, match="expected hopenet in .* found another"):
        detect(checkpoint(state, tmp_path), by_name("hopenet"))


def test_a_misspelt_family_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'liveportrait'"):
        by_name("liveportait")


def test_a_directory_of_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match=r"found 'hopnet' \(did you mean 'hopenet'\?\)"):
        by_config({"kind": "hopnet"}, "here")


def test_tables_name_every_tensor_that_nothing_reads():
    unread = {
        family.name: [e.source for e in family.table(family.tiny) if isinstance(e, Ignored)]
        for family in FAMILIES
    }
    assert unread["wav2vec2"] == ["masked_spec_embed"]
    assert {"fc_finetune.weight", "fc_finetune.bias"} <= set(unread["hopenet"])
    assert all(n.endswith("num_batches_tracked") for n in unread["liveportrait"])
    assert unread["playmate"] == unread["vgg19"] == unread["discriminator"] == []
