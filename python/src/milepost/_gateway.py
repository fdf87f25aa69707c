"""The calls that a producer makes to a gateway over HTTP."""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from ._errors import RETRYABLE_CODES, ForeignAnswer, MilepostError
from ._http import HttpClient, Response
from .signing import SIGNATURE_HEADER, SigningKey, sign_publication, sign_request

Json = dict[str, Any]
#: A key to sign with, or a function that returns it for each request.
SigningSource = SigningKey | Callable[[], SigningKey]
#: A function that returns further headers of a request, in the context in which the request was made.
HeaderSource = Callable[[], Mapping[str, str]]
#: Headers of a request that only the client itself sets.
_OWN_HEADERS = frozenset(
    {
        "accept", "authorization", "connection", "content-length", "content-type", "host", SIGNATURE_HEADER.lower(),
        "transfer-encoding",
    }
)  # fmt: skip
_HEADER_NAME = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")

_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
).encode

_FINAL_CODES = frozenset(
    {
        "bad_json", "bad_message", "unknown_type", "unknown_method", "invalid_channel", "invalid_event", "invalid_data",
        "invalid_position", "too_large", "too_deep", "unauthenticated", "bad_signature", "forbidden", "not_found",
        "already_subscribed", "not_subscribed", "already_exists", "not_possible_now", "ended", "stale_lease",
        "too_many_subscriptions", "cancelled", "backend_failed", "not_supported",
    }
)  # fmt: skip


class Gateway:
    """A gateway over HTTP. Its calls run on one event loop and raise ``MilepostError``."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float,
        signing: SigningSource | None,
        sign_publications: bool,
        headers: HeaderSource | None = None,
    ) -> None:
        if not isinstance(api_key, str) or api_key == "":
            raise ValueError("api_key is missing; is its environment variable set?")
        if any(character in api_key for character in "\r\n") or not api_key.isascii():
            raise ValueError("api_key has characters that no header can have")
        self._http = HttpClient(url)
        self._api_key = api_key
        self._timeout = timeout
        self._signing = signing
        self._sign_publications = sign_publications
        self._headers = headers

    def further_headers(self) -> Json:
        """Returns the further headers for what is reported in this context. Never raises."""
        if self._headers is None:
            return {}
        try:
            given = dict(self._headers())
            return {name: value for name, value in given.items() if _is_header(name, value)}
        except Exception:
            # What goes wrong with a trace must not keep a report away.
            return {}

    async def create(self, body: Json) -> Json:
        answer = await self.call("POST", "/v1/operations", body)
        if not isinstance(answer.get("operation"), dict) or not _is_lease(answer.get("lease")):
            raise _not_a_gateway("POST /v1/operations", 200)
        return answer

    async def report(
        self,
        operation: str,
        lease: str,
        events: list[Json],
        timeout: float | None = None,
        headers: Json | None = None,
    ) -> list[Json]:
        """Reports events. ``headers`` are those of the context in which they were made, if it is not this one."""
        path = f"/v1/operations/{quote(operation, safe='')}/events"
        body = {"lease": lease, "events": events}
        answer = await self.call("POST", path, body, timeout=timeout, headers=headers)
        results = answer.get("results")
        if not isinstance(results, list):
            raise _not_a_gateway("POST …/events", 200)
        return results

    async def take_over(self, operation: str, lease_ms: int | None, worker: str | None = None) -> Json:
        path = f"/v1/operations/{quote(operation, safe='')}/lease"
        given = {"lease_ms": lease_ms, "worker": worker}
        answer = await self.call("POST", path, {name: value for name, value in given.items() if value is not None})
        lease = answer.get("lease") if _is_lease(answer.get("lease")) else answer
        if not isinstance(lease, dict) or not _is_lease(lease):
            raise _not_a_gateway("POST …/lease", 200)
        return lease

    async def pending_commands(self, producer: str, wait: int) -> list[Json]:
        query = urlencode({"producer": producer, "wait": wait})
        answer = await self.call("GET", f"/v1/commands?{query}", None, wait=wait)
        commands = answer.get("commands")
        if not isinstance(commands, list):
            raise _not_a_gateway("GET /v1/commands", 200)
        return [one for one in commands if isinstance(one, dict)]

    async def publish(self, channel: str, event: str, data: Any, key: str | None) -> Json:
        async def once() -> Json:
            body: Json = {"channel": channel, "event": event, "data": data}
            if key is not None:
                body["key"] = key
            signing_key = self._signing_key() if self._sign_publications else None
            if signing_key is not None:
                body["sig"] = sign_publication(signing_key, channel, event, data, key, json_text=_text(data))
            return await self._once("POST", "/v1/publish", body, 0, None)

        answer = await self._resigned(once)
        results = answer.get("results")
        if not isinstance(results, list) or not results or not isinstance(results[0], dict):
            raise _not_a_gateway("POST /v1/publish", 200)
        return dict(results[0])

    async def command_all(self, request: Json) -> tuple[list[Json], str | None]:
        """Sends a command to a page of the operations of a filter. Returns the results, and where the next page begins."""
        answer = await self.call("POST", "/v1/operations/commands", request)
        results, following = answer.get("results"), answer.get("next")
        if not isinstance(results, list):
            raise _not_a_gateway("POST /v1/operations/commands", 200)
        return [one for one in results if isinstance(one, dict)], following if isinstance(following, str) else None

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None,
        *,
        wait: float = 0,
        timeout: float | None = None,
        headers: Json | None = None,
    ) -> Json:
        """Makes one call and returns its answer, ``{}`` for 204. ``wait`` is the wait that the call itself asks for."""
        return await self._resigned(lambda: self._once(method, path, body, wait, timeout, headers))

    async def _resigned(self, once: Callable[[], Any]) -> Json:
        try:
            answer: Json = await once()
        except MilepostError as error:
            # A proxy may have sent the request twice, or the key may just have been rotated.
            if error.code != "bad_signature" or self._signing is None:
                raise
            answer = await once()
        return answer

    def _signing_key(self) -> SigningKey | None:
        if self._signing is None or isinstance(self._signing, SigningKey):
            return self._signing
        try:
            return self._signing()
        except Exception as cause:
            raise MilepostError("bad_signature", f"cannot sign: {cause}") from cause

    async def _once(
        self,
        method: str,
        path: str,
        body: Json | None,
        wait: float,
        timeout: float | None,
        further: Json | None = None,
    ) -> Json:
        text = None if body is None else _text(body).encode()
        # A call that only reads belongs to no span of the work.
        if further is None:
            further = {} if method == "GET" else self.further_headers()
        headers = {**further, "Authorization": f"Bearer {self._api_key}", "Accept": "application/json"}
        if text is not None:
            headers["Content-Type"] = "application/json"
        key = None if method == "GET" else self._signing_key()
        if key is not None:
            headers[SIGNATURE_HEADER] = sign_request(key, method, path, text or b"")
        limit = self._timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(wait + limit):
                response = await self._http.request(method, path, headers, text, is_long=wait > 0)
        except TimeoutError:
            raise MilepostError("timed_out", f"the gateway did not answer within {wait + limit:g} s") from None
        return _answer_of(response, f"{method} {path.partition('?')[0]}")

    def close(self) -> None:
        self._http.close()


def _is_header(name: Any, value: Any) -> bool:
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and name.lower() not in _OWN_HEADERS
        and _HEADER_NAME.fullmatch(name) is not None
        and _HEADER_VALUE.fullmatch(value) is not None
    )


def _text(body: Any) -> str:
    try:
        return _encode(body)
    except (TypeError, ValueError, RecursionError) as cause:
        raise MilepostError("bad_message", f"the body cannot be written as JSON: {cause}") from cause


def _answer_of(response: Response, what: str) -> Json:
    kind = response.headers.get("content-type", "").lower()
    if 200 <= response.status < 300:
        if response.status == 204:
            return {}
        body = None if "html" in kind else _parsed(response.body)
        if isinstance(body, dict):
            return body
        raise _not_a_gateway(f"status {response.status} of {what}", response.status)
    if response.status in (301, 302, 303, 307, 308):
        raise _not_a_gateway(f"status {response.status} of {what}", 302)
    body = _parsed(response.body) if kind.startswith("application/problem+json") else None
    after = _retry_after(response, body)
    if isinstance(body, dict):
        code = body.get("code")
        is_known = isinstance(code, str) and (code in RETRYABLE_CODES or code in _FINAL_CODES)
        if is_known and body.get("type") == f"urn:milepost:error:{code}":
            return _raise(
                MilepostError(
                    str(code), str(body.get("detail", code)), retry_after=after, held_by=_holder_in(body)
                )
            )
    code = {413: "too_large", 429: "rate_limited"}.get(response.status, "internal")
    says = f"HTTP {response.status}, not from a gateway; check the address and any proxy"
    raise ForeignAnswer(code, says, retry_after=after, status=response.status)


def _raise(error: MilepostError) -> Json:
    raise error


def _retry_after(response: Response, body: Any) -> float | None:
    asked = body.get("retry_after_ms") if isinstance(body, Mapping) else None
    if isinstance(asked, (int, float)) and not isinstance(asked, bool) and 0 <= asked < 2**53:
        return asked / 1_000
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = email.utils.parsedate_to_datetime(text)
        since = email.utils.parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, (until - since).total_seconds())
    except (TypeError, ValueError):
        return None


def error_of(failure: Any) -> MilepostError:
    """Returns the failure object of a result as an error. An unknown code of a newer gateway keeps its own word."""
    if not isinstance(failure, Mapping):
        return MilepostError("internal", "the gateway gave no reason")
    code, message = failure.get("code"), str(failure.get("message", ""))
    after = failure.get("retry_after_ms")
    retry_after = after / 1_000 if isinstance(after, (int, float)) and not isinstance(after, bool) else None
    if not isinstance(code, str):
        return MilepostError("internal", message, retry_after=retry_after)
    known = code in RETRYABLE_CODES or code in _FINAL_CODES
    retryable = None if known else failure.get("retryable") is True
    return MilepostError(code, message, retryable=retryable, retry_after=retry_after, held_by=_holder_in(failure))


def _holder_in(failure: Mapping[str, Any]) -> Mapping[str, Any] | None:
    held = failure.get("held_by")
    return held if isinstance(held, dict) and isinstance(held.get("worker"), str) else None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_lease(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("token"), str)
        and isinstance(value.get("ttl_ms"), (int, float))
    )


def _not_a_gateway(what: str, status: int) -> ForeignAnswer:
    says = f"the response ({what}) does not come from a Milepost gateway; check the url and any proxy"
    return ForeignAnswer("internal", says, status=status)
