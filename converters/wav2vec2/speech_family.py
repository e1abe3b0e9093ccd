"""A row of the registry for wav2vec 2.0 or HuBERT, which are one network under two names."""

import functools

from playmate_jax.converters.family import Family, Metadata
from playmate_jax.converters.sizes import Shapes
from playmate_jax.converters.wav2vec2 import config, files, parity, rules, run
from playmate_jax.errors import UserError
from playmate_jax.models.wav2vec2 import Wav2Vec2Config


def speech_family(name: str, title: str) -> Family:
    """The row of one of the two; `name` is transformers' model_type."""

    def config_of(metadata: Metadata, _: Shapes) -> Wav2Vec2Config:
        if "transformers" not in metadata:
            raise UserError(
                f"expected transformers' config.json beside the weights of {name}, found none: "
                "give the folder that holds both"
            )
        return config.config_of(metadata["transformers"])

    return Family(
        name,
        title,
        name,
        "Apache-2.0",
        Wav2Vec2Config,
        run.TINY,
        config.sizes,
        rules.table,
        rules.leaf_shapes,
        run.runs,
        ports={f"{name}_base": parity.port(f"{name}_base")},
        rename=functools.partial(rules.present_name, prefix=f"{name}."),
        config_from_metadata=config_of,
        layout=files.layout(name),
    )
