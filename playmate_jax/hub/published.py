"""Table of weights published by others: their name here, repository, files and licence.

Revisions are pinned to commits, so that everyone gets the same bytes. A sha256 is given where more
than one source confirms it; otherwise the hub's own is used. `playmate weights get NAME` downloads
and converts them (`converters/fetch.py`).

InsightFace's models and X-Pose, which LivePortrait's repository also contains, are left out on
purpose: they are licensed for non-commercial research only. Faces are found with other models here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One file of a repository on the hub.

    Attributes:
      patterns: glob patterns of its name. The first pattern that matches is used, and of several
        files that match it the last one in alphabetical order.
      sha256: its hash, or "" where it is not known.
      size: its size in bytes, or 0 where it is not known.
    """

    patterns: tuple[str, ...]
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True)
class Published:
    """One row of the table: weights that can be fetched.

    Attributes:
      title: a description of one line.
      kind: "renderer", "generator" or "speech encoder".
      repository: its id on the hub, "owner/name".
      licence: the licence under which its owner published it.
      revision: the pinned commit; "" takes the newest, which the card then records.
      files: the files to download.
    """

    title: str
    kind: str
    repository: str
    licence: str
    revision: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes to download; files of unknown size are counted as 0."""
        return sum(file.size for file in self.files)


def _file(*patterns: str, sha256: str = "", size: int = 0) -> File:
    return File(patterns, sha256, size)


LIVEPORTRAIT = "KlingTeam/LivePortrait"  # was KwaiVGI/LivePortrait
LIVEPORTRAIT_REVISION = "82a4fa6735ca58432b6ce39301b4b9ee066dea47"
_RETARGETING = _file(
    "liveportrait/retargeting_models/stitching_retargeting_module.pth",
    sha256="3652d5a3f95099141a56986aaddec92fadf0a73c87a20fac9a2c07c32b28b611",
    size=2_393_098,
)
_SETTINGS = (_file("config.json"), _file("preprocessor_config.json"))

PUBLISHED = {
    "liveportrait": Published(
        "LivePortrait's renderer for people, with stitching and retargeting",
        "renderer", LIVEPORTRAIT, "MIT", LIVEPORTRAIT_REVISION,
        (
            _file(
                "liveportrait/base_models/appearance_feature_extractor.pth",
                sha256="5279bb8654293dbdf327030b397f107237dd9212fb11dd75b83dfb635211ceb5",
                size=3_387_959,
            ),
            _file(
                "liveportrait/base_models/motion_extractor.pth",
                sha256="251e6a94ad667a1d0c69526d292677165110ef7f0cf0f6d199f0e414e8aa0ca5",
                size=112_545_506,
            ),
            _file(
                "liveportrait/base_models/warping_module.pth",
                sha256="2f61a6f265fe344f14132364859a78bdbbc2068577170693da57fb96d636e282",
                size=182_180_086,
            ),
            _file(
                "liveportrait/base_models/spade_generator.pth",
                sha256="4780afc7909a9f84e24c01d73b31a555ef651521a1fe3b2429bd04534d992aee",
                size=221_813_590,
            ),
            _RETARGETING,
        ),
    ),
    "liveportrait-animals": Published(
        "LivePortrait's renderer for cats and dogs",
        "renderer", LIVEPORTRAIT, "MIT", LIVEPORTRAIT_REVISION,
        (
            _file(
                "liveportrait_animals/base_models_v1.1/appearance_feature_extractor.pth",
                "liveportrait_animals/base_models/appearance_feature_extractor.pth",
            ),
            _file(
                "liveportrait_animals/base_models_v1.1/motion_extractor.pth",
                "liveportrait_animals/base_models/motion_extractor.pth",
            ),
            _file(
                "liveportrait_animals/base_models_v1.1/warping_module.pth",
                "liveportrait_animals/base_models/warping_module.pth",
            ),
            _file(
                "liveportrait_animals/base_models_v1.1/spade_generator.pth",
                "liveportrait_animals/base_models/spade_generator.pth",
            ),
        ),
    ),
    "joyvasa": Published(
        "JoyVASA's motion generator, with its own speech encoder",
        "generator", "jdh-algo/JoyVASA", "MIT", "b8f13fe9c23679c56f21b1baafb92ed00dc087c3",
        (
            _file(
                "motion_generator/motion_generator_hubert_chinese.pt",
                "motion_generator/*.pt",
            ),
            _file("motion_template/motion_template.pkl"),
        ),
    ),
    "wav2vec2": Published(
        "wav2vec 2.0 base, English speech",
        "speech encoder", "facebook/wav2vec2-base-960h", "Apache-2.0",
        "22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
        (
            *_SETTINGS,
            _file(
                "model.safetensors",
                sha256="8aa76ab2243c81747a1f832954586bc566090c83a0ac167df6f31f0fa917d74a",
                size=377_607_901,
            ),
        ),
    ),
    "hubert": Published(
        "HuBERT base, English speech",
        "speech encoder", "facebook/hubert-base-ls960", "Apache-2.0",
        "dba3bb02fda4248b6e082697eee756de8fe8aa8a",
        (
            *_SETTINGS,
            _file(
                "pytorch_model.bin",
                sha256="062249fffb353eab67547a2fbc129f7c31a2f459faf641b19e8fb007cc5c48ad",
                size=377_569_754,
            ),
        ),
    ),
    "hubert-chinese": Published(
        "HuBERT base, Chinese speech",
        "speech encoder", "TencentGameMate/chinese-hubert-base", "MIT",
        "fce0375452b1dd6c080ac3248d423d4d037bc831",
        (*_SETTINGS, _file("model.safetensors", "pytorch_model.bin")),
    ),
}  # fmt: skip

NOT_FETCHED = {
    name: "its licence allows non-commercial research only, and it is not needed: faces are found "
    "with MediaPipe's models (Apache-2.0)"
    for name in ("insightface", "buffalo_l", "antelopev2", "inswapper", "xpose")
} | {
    "syncnet": "the licence of its weights could not be established (its code is MIT); "
    "download https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model (sha256 "
    "961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442) and run 'playmate convert "
    "syncnet syncnet_v2.model DIR'"
}
