"""Agents in Python with the standard library alone: they report on their work over HTTP.

python3 workflow.py http://127.0.0.1:8787 SESSION_ID
The API key is taken from the variable MILEPOST_API_KEY, the pause between two reports from AGENTS_PACE_MS.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

AGENTS = {"PlannerAgent": ["Reading the question", "Choosing sources"], "WriterAgent": ["Writing"]}


class Reporter:
    """Reports on one piece of work. Reports are repeated with the same key, so that none counts twice."""

    def __init__(self, base, key, session):
        self.base, self.key = base, key
        self.id = str(uuid.uuid4())
        work = {"operation_id": self.id, "kind": "analysis", "title": "Python agents", "session_id": session}
        self.lease = self.post("/v1/operations", work)["lease"]["token"]
        self.count = 0

    def post(self, path, body, attempts=3):
        request = urllib.request.Request(
            self.base + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": "Bearer " + self.key, "Content-Type": "application/json"},
        )
        for attempt in range(attempts):
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code < 500 or attempt == attempts - 1:
                    raise
            except urllib.error.URLError:
                if attempt == attempts - 1:
                    raise
            time.sleep(2**attempt)

    def report(self, event, **data):
        self.count += 1
        one = {"event": event, "data": data, "key": f"{self.id}-{self.count}"}
        self.post(f"/v1/operations/{self.id}/events", {"lease": self.lease, "events": [one]})


def main():
    base, session = sys.argv[1:3]
    pause = int(os.environ.get("AGENTS_PACE_MS", "700")) / 1000
    work = Reporter(base, os.environ["MILEPOST_API_KEY"], session)
    work.report("started")
    for agent, tasks in AGENTS.items():
        for at, task in enumerate(tasks):
            work.report("agent", id=agent, active=True, tasks=tasks[at:])
            work.report("log", level="info", agent=agent, message=task)
            time.sleep(pause)
        work.report("agent", id=agent, active=False)
    work.report("log", level="warning", message="The answer rests on two sources")
    work.report("done", result={"agents": len(AGENTS)})
    print(work.id)


main()
