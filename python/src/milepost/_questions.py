"""Questions that work asks people, and the wait for their answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ._errors import Cancelled, ForeignAnswer, MilepostError, QuestionClosed
from ._gateway import Json
from ._reporter import Reporter, Settings, backoff

#: Stands for a default that was not given: None is an answer too.
NO_DEFAULT: Any = object()
_WAIT_S = 25

Audience = Mapping[str, Sequence[str]]
#: A step of an escalation: after so many seconds, these people may answer too.
Escalation = tuple[float, Audience]


def question_of(
    kind: str,
    prompt: str,
    *,
    options: Sequence[str | Mapping[str, Any]] | None,
    schema: Mapping[str, Any] | None,
    users: Sequence[str] | None,
    roles: Sequence[str] | None,
    deadline: float | None,
    default: Any,
    escalate: Sequence[Escalation] | None,
    private: bool,
    key: str | None,
) -> Json:
    """Returns the body with which a question is asked. Times are in seconds here, and in milliseconds there."""
    body: Json = {"kind": kind, "prompt": prompt}
    if options is not None:
        body["options"] = [one if isinstance(one, str) else dict(one) for one in options]
    if schema is not None:
        body["schema"] = dict(schema)
    audience = {name: list(who) for name, who in (("users", users), ("roles", roles)) if who is not None}
    if audience:
        body["for"] = audience
    if deadline is not None:
        body["deadline_ms"] = int(deadline * 1_000)
    if default is not NO_DEFAULT:
        body["default"] = default
    if escalate is not None:
        body["escalate"] = [
            {"after_ms": int(after * 1_000), "for": {name: list(who) for name, who in people.items()}}
            for after, people in escalate
        ]
    if private:
        body["private"] = True
    if key is not None:
        body["key"] = key
    return body


def key_of(body: Json, attempt: int, repeat: int) -> str:
    """Returns the key of a question that has none of its own.

    It is the same when another process runs the same attempt again, so that the same question goes on, and another one in
    the next attempt. ``repeat`` counts equal questions of one attempt.
    """
    text = json.dumps([body["kind"], body["prompt"], body.get("options"), body.get("schema")], sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]
    return f"ask-{digest}-{attempt}-{repeat}"


class Asking:
    """One question, from its asking to its end. It runs in the thread of the sender."""

    def __init__(self, settings: Settings, reporter: Reporter, body: Json, repeat: int) -> None:
        self._gateway = settings.gateway
        self._reporter = reporter
        self._body = body
        self._repeat = repeat
        self._path = f"/v1/operations/{quote(reporter.operation_id, safe='')}/questions"
        self._failures = 0

    async def answer(self) -> Any:
        """Asks, and waits for the answer however long it takes and whatever becomes of the gateway meanwhile.

        Raises :class:`QuestionClosed` if the question ends without an answer, and ``MilepostError`` if it cannot be asked.
        """
        if not await asyncio.wrap_future(self._reporter.created):
            raise MilepostError("unavailable", "nobody can be asked, because reporting has stopped", retryable=False)
        if "key" not in self._body:
            self._body["key"] = key_of(self._body, self._reporter.attempt, self._repeat)
        self._reporter.hurry()
        while True:
            try:
                question = await self._ask()
                while question.get("status") == "open":
                    path = f"{self._path}/{quote(str(question['id']), safe='')}?wait={_WAIT_S}"
                    answer = await self._gateway.call("GET", path, None, wait=_WAIT_S)
                    question = _question_in(answer)
                    self._failures = 0
                return _outcome(question)
            except QuestionClosed:
                raise
            except MilepostError as error:
                await self._recover(error)

    async def _ask(self) -> Json:
        lease = self._reporter.lease
        body = self._body if lease is None else {**self._body, "lease": lease["token"]}
        answer = await self._gateway.call("POST", self._path, body)
        return _question_in(answer)

    async def _recover(self, error: MilepostError) -> None:
        """Waits before the next try, or raises an error that no try changes."""
        # The reporter creates an operation again that the gateway forgot, and hears who has taken it over.
        is_passing = error.code in ("not_found", "stale_lease") and self._reporter.is_open
        if not error.retryable and not isinstance(error, ForeignAnswer) and not is_passing:
            raise error
        self._failures += 1
        await asyncio.sleep(backoff(self._failures, 0.1, 5.0, error.retry_after or 0.0))
        if not self._reporter.is_open:
            raise Cancelled("stale_lease", "the operation is reported by another producer, or not at all any more")


def _question_in(answer: Json) -> Json:
    question = answer.get("question", answer)
    if not isinstance(question, dict) or not isinstance(question.get("status"), str):
        raise MilepostError("internal", "the gateway answered without a question")
    return question


def _outcome(question: Json) -> Any:
    status = question["status"]
    if status == "answered":
        return question.get("answer")
    reason = question.get("reason")
    about = "" if not isinstance(reason, str) else f" ({reason})"
    raise QuestionClosed(status, f"the question is {status}{about}", retryable=False)
