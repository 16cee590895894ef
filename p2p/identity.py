"""A node's identity: an Ed25519 key whose public half is the node's id, and its TLS contexts.

The listener's certificate is self-signed by the identity key itself, so that a dialler knows
from the certificate whom it reached; dates and names in it mean nothing.
"""

import datetime
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from consensus.errors import InvalidSignature
from consensus.keys import KeyPair

PeerId: TypeAlias = bytes


def short_id(peer: PeerId) -> str:
    """The first eight hex digits of a node id, for logs."""
    return peer.hex()[:8]


def server_context(key: KeyPair) -> tuple[ssl.SSLContext, bytes]:
    """The listener's TLS 1.3 context, and its certificate of `key` (DER)."""
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    certificate = _certificate(private)
    password = secrets.token_bytes(32)
    pem = certificate.public_bytes(serialization.Encoding.PEM) + private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # every connection proves itself anew
    with tempfile.TemporaryDirectory() as folder:  # the ssl module reads keys only from files
        file = Path(folder) / "identity.pem"
        file.write_bytes(pem)
        context.load_cert_chain(file, password=password)
    return context, certificate.public_bytes(serialization.Encoding.DER)


def client_context() -> ssl.SSLContext:
    """The dialler's TLS 1.3 context: it takes any certificate; the caller pins its key."""
    return _context(ssl.PROTOCOL_TLS_CLIENT)


def certificate_key(certificate: bytes) -> PeerId:
    """The node id of a certificate (DER); raises InvalidSignature if it is not an Ed25519 one."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise InvalidSignature("an unreadable certificate") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidSignature("the certificate's key is not Ed25519")
    return key.public_bytes_raw()


def _context(side: int) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _certificate(private: Ed25519PrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "reelect")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC))
        .sign(private, None)
    )
