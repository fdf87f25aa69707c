"""A small HTTP/1.1 client on asyncio, for the sender's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import cast
from urllib.parse import SplitResult, urlsplit

from ._errors import MilepostError

#: Largest response that is read, in bytes.
MAX_RESPONSE = 16 * 1024 * 1024
_MAX_HEAD = 64 * 1024
#: Seconds for which a connection that nothing uses is kept.
_IDLE_S = 20.0
#: Connections to the gateway that may be busy at once; more calls wait.
_MAX_CONNECTIONS = 16
#: Seconds for which the addresses of a name are remembered.
_ADDRESSES_S = 30.0


class Response:
    """An HTTP response: ``headers`` have lower-case names."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class _Broken(Exception):
    """The connection broke. ``is_unused`` is true if no byte of a response had arrived."""

    def __init__(self, why: str, is_unused: bool) -> None:
        super().__init__(why)
        self.is_unused = is_unused


class _Connection(asyncio.Protocol):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._buffer = bytearray()
        self._head: tuple[int, dict[str, str], int] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_bodiless = False
        self.is_open = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._writable.set()
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if exc is None and self._head is not None and self._head[2] == -1:
            # Without a length, the body ends with the connection.
            status, headers, _ = self._head
            waiter.set_result(Response(status, headers, bytes(self._buffer)))
            return
        why = "the connection was closed" if exc is None else str(exc) or type(exc).__name__
        waiter.set_exception(_Broken(why, not self._buffer and self._head is None))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.close()
            return
        self._buffer += data
        try:
            response = self._parse()
        except ValueError as fault:
            waiter.set_exception(_Broken(f"the response is not valid HTTP: {fault}", False))
            self.close()
            return
        if response is not None:
            waiter.set_result(response)

    def _parse(self) -> Response | None:
        while self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_HEAD:
                    raise ValueError("its head is too long")
                return None
            head = bytes(self._buffer[:end]).decode("latin-1")
            del self._buffer[: end + 4]
            self._head = self._read_head(head)
        status, headers, length = self._head
        if len(self._buffer) > MAX_RESPONSE:
            raise ValueError("its body is too long")
        if length >= 0:
            if len(self._buffer) < length:
                return None
            return Response(status, headers, bytes(self._buffer[:length]))
        if length == -2:
            body = _dechunked(self._buffer)
            return None if body is None else Response(status, headers, body)
        return None

    def _read_head(self, head: str) -> tuple[int, dict[str, str], int] | None:
        first, *lines = head.split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("it does not begin with HTTP/1.1")
        status = int(rest[:3])
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if 100 <= status < 200:
            return None
        if status in (204, 304):
            return status, headers, 0
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return status, headers, -2
        if "content-length" in headers:
            length = int(headers["content-length"])
            if not 0 <= length <= MAX_RESPONSE:
                raise ValueError("its body is too long")
            return status, headers, length
        return status, headers, -1

    async def exchange(self, request: bytes) -> Response:
        transport = self._transport
        if transport is None or not self.is_open:
            raise _Broken("the connection was closed", True)
        self._buffer.clear()
        self._head = None
        self._waiter = self._loop.create_future()
        try:
            transport.write(request)
            await self._writable.wait()
            response = await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._waiter = None
        has_end = self._head is not None and self._head[2] != -1
        if not has_end or response.headers.get("connection", "").lower() == "close":
            self.close()
        return response

    def close(self) -> None:
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()


def _dechunked(buffer: bytearray) -> bytes | None:
    """Returns the body of a chunked message; None while it is not complete."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(bytes(buffer[at:end]).split(b";")[0], 16)
        at = end + 2
        if size == 0:
            return b"".join(parts) if buffer.find(b"\r\n", at) >= 0 else None
        if len(buffer) < at + size + 2:
            return None
        parts.append(bytes(buffer[at : at + size]))
        at += size + 2


class HttpClient:
    """Calls one origin. It belongs to one event loop, and opens no thread except to resolve a name."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url must begin with http:// or https://, and name a host: {url!r}")
        self._parts: SplitResult = parts
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self.base_path = parts.path.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._tls: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []
        self._slots: asyncio.Semaphore | None = None
        self._addresses: list[str] = []
        self._resolved_at = 0.0

    async def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        is_long: bool = False,
    ) -> Response:
        """Makes one request. ``target`` is the path with its query, below the path of the url.

        Raises ``MilepostError`` with the code ``store_unavailable`` if the gateway cannot be reached. A request that is
        to be repeated carries keys, so one that broke on a kept connection before any answer is made once more.
        ``is_long`` is for a request that waits: it takes no place of the others.
        """
        lines = [f"{method} {self.base_path}{target} HTTP/1.1", f"Host: {self._parts.netloc.rpartition('@')[2]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        request = head if body is None else head + body
        if is_long:
            return await self._attempt(request)
        if self._slots is None:
            self._slots = asyncio.Semaphore(_MAX_CONNECTIONS)
        async with self._slots:
            return await self._attempt(request)

    async def _attempt(self, request: bytes) -> Response:
        for is_last in (False, True):
            connection, is_kept = await self._connection(fresh=is_last)
            try:
                response = await connection.exchange(request)
            except _Broken as fault:
                if is_kept and fault.is_unused and not is_last:
                    continue
                raise self._unreachable(str(fault)) from fault
            if connection.is_open:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            return response
        raise self._unreachable("the connection was closed")

    async def _connection(self, fresh: bool) -> tuple[_Connection, bool]:
        now = time.monotonic()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and not fresh and now - connection.idle_since < _IDLE_S:
                return connection, True
            connection.close()
        loop = asyncio.get_running_loop()
        failure: Exception | None = None
        for address in await self._resolve(loop):
            try:
                context = self._context() if self._parts.scheme == "https" else None
                _, made = await loop.create_connection(
                    lambda: _Connection(loop),
                    address,
                    self._port,
                    ssl=context,
                    server_hostname=self._host if context is not None else None,
                )
                return made, False
            except (OSError, ssl.SSLError) as fault:
                failure = fault
        self._resolved_at = 0.0
        raise self._unreachable(str(failure) or type(failure).__name__)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    async def _resolve(self, loop: asyncio.AbstractEventLoop) -> list[str]:
        """Returns the addresses of the host. The loop's own resolver would keep an exiting process waiting."""
        try:
            return [str(ipaddress.ip_address(self._host))]
        except ValueError:
            pass
        if self._addresses and time.monotonic() - self._resolved_at < _ADDRESSES_S:
            return self._addresses
        found: asyncio.Future[list[str]] = loop.create_future()

        def settle(addresses: list[str] | None, fault: Exception | None) -> None:
            if found.done():
                return
            if addresses is not None:
                found.set_result(addresses)
            else:
                found.set_exception(fault or OSError("the name has no address"))

        def look_up() -> None:
            addresses: list[str] | None = None
            fault: Exception | None = None
            try:
                known = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(one[4][0]) for one in known))
            except Exception as thrown:
                fault = thrown
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, addresses or None, fault)

        try:
            threading.Thread(target=look_up, name="milepost-resolver", daemon=True).start()
            self._addresses = await found
            self._resolved_at = time.monotonic()
        except (OSError, RuntimeError) as fault:
            # An address that was right before may still be, and a process that exits starts no thread.
            if not self._addresses:
                raise self._unreachable(str(fault)) from fault
        return self._addresses

    def _unreachable(self, why: str) -> MilepostError:
        return MilepostError("store_unavailable", f"the gateway at {self.origin} cannot be reached: {why}")

    def close(self) -> None:
        """Closes the connections that nothing uses."""
        while self._idle:
            self._idle.pop().close()
