"""A prepared folder of a few synthetic people, as `playmate prepare drawn` leaves it."""

from playmate_jax.data.shards import ShardWriter, shard_name, write_checksums, write_metadata
from playmate_jax.prepare.synthetic import SyntheticConfig


def write_drawn(folder, people=3, size=64, frames=3, split="test"):
    """`people` clips of a second each, all in one split."""
    config = SyntheticConfig(
        seed=5, identities=people, hours=people / 3600, seconds=1, image_size=size, frames=frames
    )
    home = folder / "drawn_faces" / "1.0.0"
    path = home / shard_name("drawn_faces", split, 0, 1)
    with ShardWriter(path, "drawn_faces", config.speech_size, size) as writer:
        for source in config.sources().sources:
            for clip in config.maker()(source):
                writer.write(clip)
    write_metadata(home, "drawn_faces", {split: [writer.shard]}, config.speech_size, size)
    write_checksums(home)
    return folder
