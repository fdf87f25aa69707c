"""Signatures of requests and publications, as ``docs/protocol/signing.md`` specifies them."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SIGNATURE_HEADER = "Milepost-Signature"
_MIN_SECRET_BYTES = 32
_GRAMMAR = re.compile(
    r"t=([0-9]{1,12}),n=([A-Za-z0-9_-]{16,64}),k=([A-Za-z0-9_.~-]{1,64})(?:,i=([0-9a-f]{64}))?,v1=([0-9a-f]{64})\Z"
)
_KEY_ID = re.compile(r"[A-Za-z0-9_.~-]{1,64}\Z")


@dataclass(frozen=True)
class SigningKey:
    """A secret of at least 32 bytes, and its name. Raises ``ValueError`` for any other."""

    id: str
    secret: str | bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.match(self.id):
            raise ValueError("the id of a signing key has 1 to 64 letters, digits, '_', '.', '~' or '-'")
        if len(self.secret_bytes) < _MIN_SECRET_BYTES:
            raise ValueError(f"a signing secret has at least {_MIN_SECRET_BYTES} bytes")

    @property
    def secret_bytes(self) -> bytes:
        """The secret in UTF-8."""
        return self.secret.encode() if isinstance(self.secret, str) else self.secret


def _sha256(body: str | bytes) -> str:
    return hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest()


def _mac(secret: bytes, timestamp: int, subject: str, body_hash: str) -> str:
    text = f"{timestamp}.{subject}.{body_hash}"
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def sign_request(
    key: SigningKey,
    method: str,
    target: str,
    body: str | bytes,
    *,
    timestamp: int | None = None,
    nonce: str | None = None,
) -> str:
    """Returns the value of the header ``Milepost-Signature`` for a request.

    ``target`` is the path with its query exactly as sent, beginning with ``/v1/``.
    """
    at = int(time.time()) if timestamp is None else timestamp
    once = secrets.token_urlsafe(18) if nonce is None else nonce
    mac = _mac(key.secret_bytes, at, f"{method} {target} {key.id} {once}", _sha256(body))
    return f"t={at},n={once},k={key.id},v1={mac}"


def compact_json(value: Any) -> str:
    """Returns JSON text as JavaScript's ``JSON.stringify`` writes it, for values without unusual floats."""
    return json.dumps(_shortest(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _shortest(value: Any) -> Any:
    """Replaces floats without a fraction by integers, whose text is shorter."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {name: _shortest(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shortest(one) for one in value]
    return value


def sign_publication(
    key: SigningKey,
    channel: str,
    event: str,
    data: Any,
    dedupe_key: str | None = None,
    *,
    json_text: str | None = None,
    timestamp: int | None = None,
    nonce: str | None = None,
) -> str:
    """Returns the signature ``sig`` that travels with a publication.

    ``json_text`` is the text of the data as it is sent; by default that of :func:`compact_json`.
    """
    at = int(time.time()) if timestamp is None else timestamp
    once = secrets.token_urlsafe(18) if nonce is None else nonce
    hashed = None if dedupe_key is None else _sha256(dedupe_key)
    text = compact_json(data) if json_text is None else json_text
    body = f"{channel}\n{event}\n{hashed or ''}\n{text}"
    mac = _mac(key.secret_bytes, at, f"publish {key.id} {once}", _sha256(body))
    of = "" if hashed is None else f",i={hashed}"
    return f"t={at},n={once},k={key.id}{of},v1={mac}"


Verdict = Literal["valid", "unsigned", "malformed", "unknown_key", "mismatch", "stale"]


def verify_publication(
    channel: str,
    event: str,
    data: Any,
    sig: object,
    secret_of: Callable[[str], str | bytes | None],
    *,
    json_text: str | None = None,
    max_age: float | None = None,
    now: float | None = None,
) -> Verdict:
    """Returns ``valid``, or why a signature of a publication does not count.

    ``secret_of`` returns the secret with an id, or None. ``max_age`` is in seconds; by default any age is accepted.
    """
    if sig is None:
        return "unsigned"
    found = _GRAMMAR.match(sig) if isinstance(sig, str) and len(sig) <= 300 else None
    if found is None:
        return "malformed"
    seconds, nonce, key_id, hashed, mac = found.groups()
    secret = secret_of(key_id)
    if secret is None:
        return "unknown_key"
    text = compact_json(data) if json_text is None else json_text
    body = f"{channel}\n{event}\n{hashed or ''}\n{text}"
    raw = secret.encode() if isinstance(secret, str) else secret
    expected = _mac(raw, int(seconds), f"publish {key_id} {nonce}", _sha256(body))
    if not hmac.compare_digest(expected, mac):
        return "mismatch"
    if max_age is not None and abs((time.time() if now is None else now) - int(seconds)) > max_age:
        return "stale"
    return "valid"


def verify_request(
    method: str,
    target: str,
    body: str | bytes,
    sig: object,
    secret_of: Callable[[str], str | bytes | None],
    *,
    tolerance: float = 300,
    now: float | None = None,
) -> Verdict:
    """Returns ``valid``, or why the signature of a request does not count. The caller checks that a nonce is new."""
    if sig is None:
        return "unsigned"
    found = _GRAMMAR.match(sig) if isinstance(sig, str) and len(sig) <= 300 else None
    if found is None or found.group(4) is not None:
        return "malformed"
    seconds, nonce, key_id, _, mac = found.groups()
    secret = secret_of(key_id)
    if secret is None:
        return "unknown_key"
    raw = secret.encode() if isinstance(secret, str) else secret
    expected = _mac(raw, int(seconds), f"{method} {target} {key_id} {nonce}", _sha256(body))
    if not hmac.compare_digest(expected, mac):
        return "mismatch"
    if abs((time.time() if now is None else now) - int(seconds)) > tolerance:
        return "stale"
    return "valid"
