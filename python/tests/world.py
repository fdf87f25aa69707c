"""Real gateways, and what stands between a producer and them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: The built repository whose gateway the tests start.
BUILT = Path(os.environ.get("MILEPOST_BUILT", ROOT))
KEY = "key-of-the-python-tests-0123456789"
#: Longest wait for anything; a test that needs it has failed.
PATIENCE_S = 30.0


def eventually(look: Callable[[], Any], what: str = "") -> Any:
    """Calls a function until it returns something true, and returns that."""
    until = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"it never happened: {what or look}")
        time.sleep(0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Gateway:
    """A real gateway: ``milepost serve`` in a process of its own."""

    def __init__(self, port: int | None = None, redis: str | None = None, config: dict[str, Any] | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._redis = redis
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Gateway:
        env = {
            "PATH": os.environ["PATH"],
            "MILEPOST_TOKEN_SECRET": "secret-of-the-python-tests-0123456789",
            "MILEPOST_API_KEY": KEY,
            "MILEPOST_PORT": str(self.port),
            "MILEPOST_LOG_LEVEL": "silent",
            "MILEPOST_MEMORY": "true",
        }
        if self._redis is not None:
            env["MILEPOST_REDIS_URL"] = self._redis
        arguments = ["node", str(BUILT / "packages/cli/dist/main.js"), "serve"]
        if self._config is not None:
            with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
                json.dump(self._config, file)
            arguments += ["--config", file.name]
        self._process = subprocess.Popen(arguments, env=env, cwd=ROOT, stdin=subprocess.DEVNULL)
        eventually(self._is_ready, "the gateway is ready")
        return self

    def _is_ready(self) -> bool:
        assert self._process is not None and self._process.poll() is None, "the gateway did not start"
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """Ends the process as ``kill -9`` does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> Gateway:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the API and returns its answer, None for a problem."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return json.loads(text) if text else {}
        except urllib.error.HTTPError as fault:
            if fault.code in (404, 409):
                return None
            raise AssertionError(f"{method} {path}: {fault.code} {fault.read().decode()}") from fault
        except (OSError, ValueError):
            return None

    def state(self, operation: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/operations/{operation}")
        return answer["operation"] if answer else {}

    def command(self, operation: str, command: str, args: Any = None) -> str:
        body = {"command": command} if args is None else {"command": command, "args": args}
        return str(self.call("POST", f"/v1/operations/{operation}/commands", body)["command_id"])

    def log(self, operation: str) -> list[dict[str, Any]]:
        """Returns all entries of the operation's channel."""
        entries: list[dict[str, Any]] = []
        since = "start"
        while True:
            answer = self.call("GET", f"/v1/channels/operation:{operation}/history?since={since}&limit=1000")
            found = answer.get("entries") or answer.get("events") or []
            entries += found
            if len(found) < 1000:
                return entries
            since = found[-1]["position"]


class Proxy:
    """Passes connections on to a gateway: at once, after a delay, or not at all. ``cut`` breaks what is open."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.delay = 0.0
        #: Answers that are thrown away from now on, with their connections.
        self.lose_answers = 0
        #: True to take connections and requests, and never answer.
        self.is_silent = False
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                if is_answer and self.delay:
                    time.sleep(self.delay)
                if is_answer and self.lose_answers > 0:
                    self.lose_answers -= 1
                    break
                if not self.is_silent:
                    sink.sendall(piece)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        for one in tuple(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for one in tuple(self._open):
            one.close()


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Starts a Redis that keeps everything, and returns its URL."""
    program = os.environ.get("MILEPOST_REDIS_SERVER") or shutil.which("redis-server")
    assert program is not None
    port = free_port()
    folder = tempfile.mkdtemp(prefix="milepost-python-redis-")
    arguments = [program, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:

        def is_ready() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
            return False

        eventually(is_ready, "Redis is ready")
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def has_redis() -> bool:
    return bool(os.environ.get("MILEPOST_REDIS_SERVER") or shutil.which("redis-server"))
