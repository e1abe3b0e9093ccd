"""Files that cannot be read at all, before anyone asks what is in them."""

from pathlib import Path

import pytest

from playmate_jax.errors import UserError
from playmate_jax.media.container import check_readable


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Path.touch, "expected speech, found the empty file 'FILE': give another"),
        (Path.mkdir, "expected speech, found the folder 'FILE': give a file"),
        (lambda path: None, "expected speech, found no file 'FILE': check the path"),
    ],
    ids=["empty", "folder", "missing"],
)
def test_what_cannot_be_read_is_said_once(tmp_path: Path, make, sentence: str):
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(UserError) as error:
        check_readable(path, "speech")
    assert str(error.value) == sentence.replace("FILE", str(path))
