from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import milepost
from world import KEY, Gateway


def pytest_sessionfinish() -> None:
    # A failed test may leave a child process that waits; nothing of a run outlives it.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    with Gateway() as started:
        yield started


@pytest.fixture
def problems() -> list[milepost.Problem]:
    return []


@pytest.fixture
def make_producer(problems: list[milepost.Problem]) -> Iterator[Callable[..., milepost.Producer]]:
    made: list[milepost.Producer] = []

    def make(url: str, **options: Any) -> milepost.Producer:
        options.setdefault("on_problem", problems.append)
        made.append(milepost.Producer(url, KEY, **options))
        return made[-1]

    yield make
    for producer in made:
        producer.close(timeout=1)


@pytest.fixture
def producer(gateway: Gateway, make_producer: Callable[..., milepost.Producer]) -> milepost.Producer:
    return make_producer(gateway.url)


os.environ.setdefault("PYTHONUNBUFFERED", "1")
