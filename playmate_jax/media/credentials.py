"""Content credentials: a signed C2PA manifest in an mp4, which says that a model made the video.

The manifest holds one action, "created", with IPTC's source type for composites of recorded and
generated media, and this program's name and version; nothing of the portrait, the speech or the
user. No server is asked for a time stamp. (https://spec.c2pa.org, version 2)
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np

import playmate_jax
from playmate_jax.errors import UserError
from playmate_jax.paths import unfinished

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_TYPES = {".mov": "video/quicktime"}
_EC = {256: "es256", 384: "es384", 521: "es512"}


class Credentials:
    """A certificate and its key, to sign videos with.

    Args:
      certificate: PEM: the signer's certificate, then those that issued it.
      key: PEM, without a password: EC (P-256, P-384, P-521), Ed25519, or RSA (then PSS is used).

    Raises:
      UserError: c2pa-python is not installed, or these two files do not sign a video.
    """

    def __init__(self, certificate: str | os.PathLike, key: str | os.PathLike):
        try:
            import c2pa
        except ModuleNotFoundError:
            raise UserError(
                "expected c2pa-python to sign videos with, found it is not installed: "
                "pip install 'playmate-jax[c2pa]'"
            ) from None
        self._c2pa = c2pa
        chain, secret = _read(certificate, "a certificate"), _read(key, "a key")
        self._signer_info = (_algorithm(chain, secret, certificate, key), chain, secret)
        self._try(certificate)

    def sign(self, path: str | os.PathLike) -> None:
        """Puts a signed manifest into a video, which is replaced.

        Raises:
          UserError: it cannot be signed, or not written.
        """
        path = Path(path)
        signed = unfinished(path)
        try:
            self._sign(path, signed)
            os.replace(signed, path)
        except (self._c2pa.C2paError, OSError) as error:
            raise UserError(
                f"expected to sign '{path}', but that failed ({error}): check the certificate and "
                "the free space"
            ) from None
        finally:
            signed.unlink(missing_ok=True)

    def _sign(self, source: Path, target: Path) -> None:
        c2pa = self._c2pa
        manifest = json.dumps(_manifest())
        kind = _TYPES.get(source.suffix.lower(), "video/mp4")
        with (
            c2pa.Signer.from_info(c2pa.C2paSignerInfo(*self._signer_info, None)) as signer,
            c2pa.Builder(manifest) as builder,
            source.open("rb") as read,
            target.open("w+b") as written,
        ):
            builder.sign(signer, kind, read, written)

    def _try(self, certificate: str | os.PathLike) -> None:
        """Signs a video of one frame, so that what is wrong is known before there is another."""
        from playmate_jax.media.writer import VideoWriter

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tried.mp4"
            with VideoWriter(path, 25, (16, 16)) as out:
                out.write(np.zeros((16, 16, 3), np.uint8))
            try:
                self._sign(path, path.with_name("signed.mp4"))
            except self._c2pa.C2paError as error:
                raise UserError(
                    f"expected a certificate that C2PA allows to sign, found that '{certificate}' "
                    f"does not ({error}): see docs/animate.md"
                ) from None


def _read(path: str | os.PathLike, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f"expected {what} in PEM format, but '{path}' cannot be read ({error.strerror}): "
            "check its name"
        ) from None


def _algorithm(
    chain: bytes, secret: bytes, certificate: str | os.PathLike, key: str | os.PathLike
) -> str:
    """C2PA's name for how this key signs."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        owner = x509.load_pem_x509_certificates(chain)[0]
        private = serialization.load_pem_private_key(secret, None)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"expected a certificate and a key without a password, both PEM, found '{certificate}' "
            f"and '{key}' ({error}): convert them"
        ) from None
    if owner.public_key() != private.public_key():
        raise UserError(
            f"expected the key of the certificate '{certificate}', found that '{key}' is another: "
            "give the pair"
        )
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.key_size in _EC:
        return _EC[private.curve.key_size]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    raise UserError(
        f"expected an EC, Ed25519 or RSA key, found another kind in '{key}': make a new pair"
    )


def _manifest() -> dict:
    program = {"name": "playmate_jax", "version": playmate_jax.__version__}
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
    return {
        "claim_generator_info": [program],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
