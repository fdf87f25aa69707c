"""Measures what reporting costs a job: the CPU time of the whole process, the thread of the sender included.

    python bench/cost.py --url http://127.0.0.1:8787 --key KEY [--gateway up|slow|gone] [--rate 10000] [--seconds 5]

It reports at the rate, then makes the same calls to functions that do nothing, and prints the difference as a share of one
core. With ``slow``, every answer takes 200 ms longer; with ``gone``, nothing listens.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable

import milepost


def paced(function: Callable[[int], object], rate: int, seconds: float) -> float:
    """Calls a function at a rate, in ticks of 10 ms. Returns the CPU seconds that the process used."""
    per_tick = rate // 100
    begun, cpu = time.perf_counter(), time.process_time()
    count = 0
    for tick in range(int(seconds * 100)):
        for _ in range(per_tick):
            count += 1
            function(count)
        left = begun + (tick + 1) / 100 - time.perf_counter()
        if left > 0:
            time.sleep(left)
    return time.process_time() - cpu


def slow_proxy(target: tuple[str, int], delay: float) -> int:
    """Starts a process that passes connections on and holds each answer back. Returns its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    if os.fork() != 0:
        listener.close()
        return port

    parent = os.getppid()

    def pass_on(source: socket.socket, sink: socket.socket, wait: float) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                time.sleep(wait)
                sink.sendall(piece)
        sink.close()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(target)
        threading.Thread(target=pass_on, args=(client, server, 0.0), daemon=True).start()
        threading.Thread(target=pass_on, args=(server, client, delay), daemon=True).start()


def main() -> None:
    """Measures and prints one line of JSON for each kind of report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://127.0.0.1:8787")
    parser.add_argument("--key", default=os.environ.get("MILEPOST_API_KEY", ""))
    parser.add_argument("--gateway", choices=["up", "slow", "gone"], default="up")
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    url = options.url
    if options.gateway == "gone":
        url = "http://127.0.0.1:9"
    elif options.gateway == "slow":
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        url = f"http://127.0.0.1:{slow_proxy((host, int(port)), 0.2)}"
    producer = milepost.Producer(url, options.key, on_problem=lambda _: None)
    idle = paced(lambda count: None, options.rate, options.seconds)
    run = producer.run("cost")
    with run as op:
        run.created(2)
        text = op.text("tokens")
        step = op.step("scan").begin()
        kinds: dict[str, Callable[[int], object]] = {
            "progress": lambda count: op.progress(count, 1_000_000),
            "step": lambda count: step.progress(count, 1_000_000),
            "log": lambda count: op.info(f"line {count} of the job, with some words to read"),
            "text": lambda count: text.append("token "),
        }
        for kind, function in kinds.items():
            longest = 0.0

            def timed(count: int, function: Callable[[int], object] = function) -> None:
                nonlocal longest
                if count % 100:
                    function(count)
                    return
                begun = time.perf_counter()
                function(count)
                longest = max(longest, time.perf_counter() - begun)

            used = paced(timed, options.rate, options.seconds) - idle
            share = 100 * used / options.seconds
            result = {"gateway": options.gateway, "kind": kind, "rate": options.rate}
            print(json.dumps({**result, "core_percent": round(share, 1), "longest_call_ms": round(longest * 1e3, 2)}))
            time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    main()
