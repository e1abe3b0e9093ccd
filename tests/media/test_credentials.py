"""Content credentials: c2pa reads again what was signed, and what cannot sign is told at once."""

import datetime
import json

import numpy as np
import pytest

pytest.importorskip("c2pa", reason="c2pa-python is not installed")
pytest.importorskip("cryptography")

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from playmate_jax.errors import UserError
from playmate_jax.media import VideoWriter, open_video
from playmate_jax.media.credentials import SOURCE_TYPE, Credentials

MAKERS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def named(text):
    return x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, text),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"),
    ])  # fmt: skip


def certificate(subject, key, issuer, issuer_key, is_ca):
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False,
    ) | {"digital_signature": not is_ca, "key_cert_sign": is_ca, "crl_sign": is_ca}  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject)).issuer_name(named(issuer)).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
    )  # fmt: skip
    if not is_ca:
        usages = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    algorithm = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(issuer_key, algorithm)


def pair(folder, make):
    """A certificate with its issuer's, and its key, in a folder with a space and an umlaut."""
    folder = folder / "schlüssel 1"
    folder.mkdir(exist_ok=True)
    root, own = make(), make()
    chain = [
        certificate("signer", own, "root", root, False),
        certificate("root", root, "root", root, True),
    ]
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(b"".join(c.public_bytes(pem) for c in chain))
    plain = serialization.NoEncryption()
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


def write(path, **options):
    with VideoWriter(path, 25, (64, 48), np.zeros(6400, np.float32), **options) as out:
        for i in range(10):
            out.write(np.full((48, 64, 3), 20 * i, np.uint8))
    return path


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_the_manifest_is_read_again_and_the_video_plays(tmp_path, kind, suffix):
    credentials = Credentials(*pair(tmp_path, MAKERS[kind]))
    path = write(tmp_path / f"signed{suffix}", seal=credentials.sign)
    with c2pa.Reader(path) as reader:
        found = json.loads(reader.json())
        state = reader.get_validation_state()
    manifest = found["manifests"][found["active_manifest"]]
    actions = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    created = actions["data"]["actions"][0]
    assert created["action"] == "c2pa.created" and created["digitalSourceType"] == SOURCE_TYPE
    assert manifest["claim_generator_info"][0]["name"] == "playmate_jax"
    assert state in ("Valid", "Trusted")  # whose root is known is the reader's own decision
    frames = [frame.image for frame in open_video(path)]
    plain = [frame.image for frame in open_video(write(tmp_path / f"plain{suffix}"))]
    assert len(frames) == 10 and all((a == b).all() for a, b in zip(frames, plain, strict=True))
    assert sorted(p.suffix for p in tmp_path.iterdir() if p.is_file()) == [suffix] * 2


def test_a_video_that_was_changed_afterwards_is_found_out(tmp_path):
    path = write(tmp_path / "signed.mp4", seal=Credentials(*pair(tmp_path, MAKERS["p256"])).sign)
    content = bytearray(path.read_bytes())
    at = content.index(b"mdat") + 200
    content[at] ^= 255
    path.write_bytes(content)
    with c2pa.Reader(path) as reader:
        assert reader.get_validation_state() == "Invalid"


def test_what_cannot_sign_is_told_at_once(tmp_path):
    cert, key = pair(tmp_path, MAKERS["p256"])
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = pair(other, MAKERS["p256"])
    (tmp_path / "none.pem").write_text("no certificate")
    alone = MAKERS["p256"]()
    untold = certificate("self", alone, "self", alone, True)  # an authority's: it may not sign
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(untold.public_bytes(pem))
    (tmp_path / "ca.key").write_bytes(alone.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
    for files, says in (
        ((tmp_path / "absent.pem", key), "cannot be read"),
        ((tmp_path / "none.pem", key), "both PEM"),
        ((cert, foreign), "is another"),
        ((tmp_path / "ca.pem", tmp_path / "ca.key"), "C2PA allows"),
    ):
        with pytest.raises(UserError, match=says):
            Credentials(*files)
