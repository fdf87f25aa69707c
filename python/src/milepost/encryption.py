"""End-to-end encryption of data, as ``docs/protocol/encryption.md`` specifies it. Needs ``milepost[encryption]``."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .signing import compact_json

#: Returns the key with an id for a channel: 32 bytes, as bytes or as base64. None if there is none.
Keys = Callable[[str, str], bytes | str | None]
Reason = Literal["no_key", "mismatch", "malformed", "unsupported", "too_many"]

_FIELD = "$encrypted"
_KEY_ID = re.compile(r"[A-Za-z0-9_.~-]{1,64}\Z")
_MAX_FIELDS = 64
_KEPT_KEYS = 100
_ASK_AGAIN_S = 5.0


@dataclass(frozen=True)
class StillEncrypted:
    """A value that could not be decrypted: its field (empty for the whole data), the id of its key, and why."""

    field: str
    key_id: str
    reason: Reason


@dataclass(frozen=True)
class Decrypted:
    """Data with every value decrypted that can be, and the values that are left."""

    data: Any
    encrypted: list[StillEncrypted]


class Encryption:
    """Encrypts and decrypts data with keys that a function returns.

    The function is asked once for each key and channel; the 100 keys used last are kept. A key that is missing is asked
    for again after 5 s at the earliest. ``current_key_id`` names the key to encrypt with for a channel.
    """

    def __init__(self, keys: Keys, current_key_id: str | Callable[[str], str] | None = None) -> None:
        self._keys = keys
        self._current_key_id = current_key_id
        self._known: OrderedDict[tuple[str, str], AESGCM | float] = OrderedDict()
        self._lock = threading.Lock()

    def encrypt(
        self, channel: str, event: str, data: Any, *, key: str | None = None, fields: Iterable[str] | None = None
    ) -> tuple[Any, str]:
        """Returns the data encrypted, and the dedupe key that they must be published with.

        With ``fields``, only these fields of the data are encrypted. Raises ``ValueError`` if there is no key to encrypt
        with, or if the data cannot be encrypted; nothing is ever sent in the clear instead.
        """
        event_id = secrets.token_hex(12) if key is None else key
        if not _is_event_id(event_id):
            raise ValueError("the key of an encrypted publish has 1 to 255 characters without a line feed")
        current = self._current_key_id
        key_id = current(channel) if callable(current) else current
        if key_id is None or not _KEY_ID.match(key_id):
            raise ValueError("current_key_id must name a key: 1 to 64 letters, digits, '_', '.', '~' or '-'")
        cipher = self._cipher(key_id, channel)
        if cipher is None:
            raise ValueError(f"there is no key {key_id} to encrypt with")
        if fields is None:
            return _seal(cipher, channel, event, key_id, event_id, "", data), event_id
        names = set(fields)
        if not isinstance(data, dict):
            raise ValueError("only the fields of an object can be encrypted by themselves")
        if len(names) > _MAX_FIELDS:
            raise ValueError(f"at most {_MAX_FIELDS} fields can be encrypted")
        sealed = {
            name: _seal(cipher, channel, event, key_id, event_id, name, value) if name in names else value
            for name, value in data.items()
        }
        return sealed, event_id

    def decrypt(self, channel: str, event: str, data: Any, *, source: str | None = None) -> Decrypted:
        """Returns the data decrypted. Never raises: what cannot be decrypted stays as it is, with the reason.

        ``source`` is the channel that an entry was published to, where it was read through a roll-up.
        """
        place = channel if source is None else source
        if _is_envelope(data):
            value, fault = self._open(place, event, "", data)
            return Decrypted(data, [fault]) if fault is not None else Decrypted(value, [])
        if not isinstance(data, dict):
            return Decrypted(data, [])
        left: list[StillEncrypted] = []
        out = dict(data)
        names = [name for name, value in data.items() if _is_envelope(value)]
        for at, name in enumerate(names):
            if at >= _MAX_FIELDS:
                left.append(StillEncrypted(name, "", "too_many"))
                continue
            value, fault = self._open(place, event, name, data[name])
            if fault is None:
                out[name] = value
            else:
                left.append(fault)
        return Decrypted(out, left)

    def _open(self, channel: str, event: str, field: str, envelope: Any) -> tuple[Any, StillEncrypted | None]:
        inside = envelope[_FIELD]
        version = inside.get("v") if isinstance(inside, dict) else None
        if not isinstance(version, (int, float)) or isinstance(version, bool):
            return None, StillEncrypted(field, "", "malformed")
        if version != 1:
            return None, StillEncrypted(field, "", "unsupported")
        key_id, event_id = inside.get("kid"), inside.get("id")
        vector, text = _bytes_of(inside.get("iv")), _bytes_of(inside.get("ct"))
        is_whole = vector is not None and len(vector) == 12 and text is not None and len(text) >= 16
        if not isinstance(key_id, str) or not _KEY_ID.match(key_id) or not _is_event_id(event_id) or not is_whole:
            return None, StillEncrypted(field, "", "malformed")
        cipher = self._cipher(key_id, channel)
        if cipher is None:
            return None, StillEncrypted(field, key_id, "no_key")
        bound = _additional_data(channel, event, key_id, event_id, field)
        try:
            return json.loads(cipher.decrypt(vector or b"", text or b"", bound).decode()), None
        except (InvalidTag, ValueError, RecursionError):
            return None, StillEncrypted(field, key_id, "mismatch")

    def _cipher(self, key_id: str, channel: str) -> AESGCM | None:
        place = (key_id, channel)
        with self._lock:
            known = self._known.get(place)
            if isinstance(known, AESGCM):
                self._known.move_to_end(place)
                return known
            if known is not None and time.monotonic() < known:
                return None
        cipher: AESGCM | None = None
        try:
            key = self._keys(key_id, channel)
            raw = _key_bytes(key) if isinstance(key, str) else key
            if raw is not None and len(raw) == 32:
                cipher = AESGCM(bytes(raw))
        except Exception:
            cipher = None
        with self._lock:
            self._known[place] = time.monotonic() + _ASK_AGAIN_S if cipher is None else cipher
            self._known.move_to_end(place)
            while len(self._known) > _KEPT_KEYS:
                self._known.popitem(last=False)
        return cipher


def _seal(cipher: AESGCM, channel: str, event: str, key_id: str, event_id: str, field: str, value: Any) -> Any:
    vector = os.urandom(12)
    plain = compact_json(value).encode()
    text = cipher.encrypt(vector, plain, _additional_data(channel, event, key_id, event_id, field))
    return {_FIELD: {"v": 1, "kid": key_id, "id": event_id, "iv": _base64_of(vector), "ct": _base64_of(text)}}


def _additional_data(channel: str, event: str, key_id: str, event_id: str, field: str) -> bytes:
    return f"milepost-encrypted-1\n{channel}\n{event}\n{key_id}\n{event_id}\n{field}".encode()


def _is_envelope(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and _FIELD in value


def _is_event_id(text: Any) -> bool:
    return isinstance(text, str) and 0 < len(text) <= 255 and "\n" not in text


def _base64_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes_of(text: Any) -> bytes | None:
    """Reads base64url without padding, in its only form."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    return raw if _base64_of(raw) == text else None


def _key_bytes(text: str) -> bytes | None:
    return _bytes_of(text.replace("+", "-").replace("/", "_").rstrip("="))
