"""Reports on one operation that are not delivered yet, in order and bounded."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from ._model import add_amounts
from ._reports import MAX_TEXT_PIECE, Data, Report, closes, is_span, size_of, weight_of

#: Weights in the order in which reports are dropped when a bound is reached.
_DROP_ORDER = ("info", "state", "text", "warning")
#: Bytes of a report on the wire besides its data.
_ENVELOPE = 48


class Sent:
    """A report that was taken for sending, with its idempotency key."""

    __slots__ = ("data", "event", "key", "size", "slot")

    def __init__(self, key: str, event: str, data: Data, slot: str | None, size: int) -> None:
        self.key = key
        self.event = event
        self.data = data
        self.slot = slot
        self.size = size


class _Waiting:
    __slots__ = ("data", "event", "key", "opens", "pieces", "size", "slot", "weight")

    def __init__(
        self, key: int, event: str, data: Data, slot: str | None, weight: str, opens: bool, size: int
    ) -> None:
        self.key = key
        self.event = event
        self.data = data
        self.slot = slot
        self.weight = weight
        #: True for the report that begins its step or agent: it keeps its place.
        self.opens = opens
        self.size = size
        #: Pieces of text that are joined when the report is taken.
        self.pieces: list[str] | None = None


class Outbox:
    """Bounded queue of the reports on one operation, in order. It is no lock: its owner holds one.

    - A report of state (steps, progress, agents, queue position) is merged with the waiting report of the same slot, at
      the place of the newer one. The report that begins a step or agent keeps its own place. Nothing is merged across
      a lifecycle report.
    - Pieces of a text stream are joined up to 64 Ki characters.
    - Above a bound the outbox drops the oldest log lines of level info first, then state, then text, then log lines of
      level warning. One warning in the log states how many were dropped. Lifecycle reports and counts are never dropped; counts of
      the same counter are summed.
    - Reports that were taken keep their key and content until they are settled.
    """

    def __init__(self, max_bytes: int, max_reports: int, key_prefix: str) -> None:
        self._max_bytes = max_bytes
        self._max_reports = max_reports
        self._key_prefix = key_prefix
        self._keys = 0
        self._sent: list[Sent] = []
        self._places = 0
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()
        self._bytes = 0
        self._droppable: dict[str, deque[int]] = {weight: deque() for weight in _DROP_ORDER}
        self._latest: dict[str, _Waiting] = {}
        self._open: set[str] = set()
        self._last: _Waiting | None = None
        self._notice: _Waiting | None = None
        self._dropped = dict.fromkeys(_DROP_ORDER, 0)
        #: True once a report was dropped because a bound was reached.
        self.has_dropped = False

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting)

    @property
    def size(self) -> int:
        """Approximate size of the reports that wait or were taken but not settled, in bytes."""
        return self._bytes

    def add_all(self, reports: Iterable[Report]) -> None:
        """Adds reports. Never fails."""
        for event, data, slot in reports:
            self.add(event, data, slot)

    def add(self, event: str, data: Data, slot: str | None) -> None:
        """Adds a report, whose data the outbox owns from now on. Never fails."""
        if slot is None:
            weight = weight_of(event, data)
            if weight == "lifecycle":
                self._latest.clear()
                if event == "started":
                    self._open.clear()
            self._push(event, data, None, weight, False)
        elif event == "count":
            self._add_count(data, slot)
        elif event == "text":
            self._add_text(data, slot)
        else:
            last = self._last
            if (
                last is not None
                and last.slot == slot
                and not last.opens
                and slot != "waiting"
                and "message" not in data
                and "status" not in data
                and "active" not in data
                and self._latest.get(slot) is last
                and _counts_alike(last.data, data)
            ):
                # The usual case: one more update of the step that advances.
                last.data.update(data)
                return
            self._add_state(event, data, slot)
        if self._bytes > self._max_bytes or len(self) > self._max_reports:
            self._shrink()

    def _add_text(self, data: Data, slot: str) -> None:
        latest = self._latest.get(slot)
        append = data.get("append", "")
        if latest is None or latest.data.get("done") or data.get("reset"):
            self._push("text", data, slot, "text", False)
            return
        if latest.size + len(append) > MAX_TEXT_PIECE:
            self._push("text", data, slot, "text", False)
            return
        if latest.pieces is None:
            latest.pieces = [latest.data.get("append", "")]
        latest.pieces.append(append)
        added = len(append) if append.isascii() else 3 * len(append)
        latest.size += added
        self._bytes += added
        if data.get("done"):
            latest.data["done"] = True

    def _add_count(self, data: Data, slot: str) -> None:
        latest = self._latest.get(slot)
        if latest is None:
            self._push("count", data, slot, "count", False)
        else:
            latest.data["add"] = add_amounts(latest.data["add"], data["add"])

    def _add_state(self, event: str, data: Data, slot: str) -> None:
        closing = closes(event, data)
        spans = is_span(event)
        opens = spans and not closing and slot not in self._open
        if closing:
            self._open.discard(slot)
        elif spans:
            self._open.add(slot)
        latest = self._latest.get(slot)
        if latest is not None and not opens:
            is_last = latest is self._last
            stays_apart = latest.opens and (closing or not is_last)
            if not stays_apart and _counts_alike(latest.data, data):
                merged = data if event == "waiting" else {**latest.data, **data}
                if is_last:
                    self._bytes -= latest.size
                    latest.data = merged
                    latest.size = _ENVELOPE + size_of(merged)
                    self._bytes += latest.size
                    return
                self._remove(latest)
                data = merged
        self._push(event, data, slot, "state", opens)

    def _push(self, event: str, data: Data, slot: str | None, weight: str, opens: bool) -> None:
        self._places += 1
        size = _ENVELOPE + size_of(data)
        one = _Waiting(self._places, event, data, slot, weight, opens, size)
        self._waiting[one.key] = one
        self._last = one
        self._bytes += size
        if weight in self._droppable:
            places = self._droppable[weight]
            places.append(one.key)
            # Places of reports that are gone stay in the list until it is mostly them.
            if len(places) > 1_000 + 4 * len(self._waiting):
                self._droppable[weight] = deque(key for key in places if key in self._waiting)
        if slot is not None:
            self._latest[slot] = one

    def _remove(self, one: _Waiting) -> None:
        del self._waiting[one.key]
        self._bytes -= one.size
        if one.slot is not None and self._latest.get(one.slot) is one:
            del self._latest[one.slot]
        if one is self._notice:
            self._notice = None
        if one is self._last:
            self._last = next(reversed(self._waiting.values()), None)

    def _shrink(self) -> None:
        while self._bytes > self._max_bytes or len(self) > self._max_reports:
            victim = self._oldest_droppable()
            if victim is None:
                return
            self._tell_dropped(victim)

    def _oldest_droppable(self) -> _Waiting | None:
        for weight in _DROP_ORDER:
            places = self._droppable[weight]
            while places:
                one = self._waiting.get(places.popleft())
                # The notice may have taken the place of a report.
                if one is not None and one.weight == weight:
                    return one
        return None

    def _tell_dropped(self, victim: _Waiting) -> None:
        """Replaces the first dropped report by a notice, so readers of the log see where reports are missing."""
        self.has_dropped = True
        if self._notice is None:
            self._dropped = dict.fromkeys(_DROP_ORDER, 0)
        self._dropped[victim.weight] += 1
        data = _notice_of(self._dropped)
        if self._notice is not None:
            self._notice.data = data
            self._remove(victim)
            return
        was_last = victim is self._last
        size = _ENVELOPE + size_of(data)
        notice = _Waiting(victim.key, "log", data, None, "notice", False, size)
        self._remove(victim)
        self._waiting[notice.key] = notice
        if not was_last:
            # A new key goes to the end of the dictionary; everything after the victim follows it again.
            for key in [key for key in self._waiting if key > notice.key]:
                self._waiting.move_to_end(key)
        self._last = next(reversed(self._waiting.values()), None)
        self._bytes += size
        self._notice = notice

    def take(self, max_reports: int, max_bytes: int) -> list[Sent]:
        """Returns the reports to send now: those taken before and not settled, else the next waiting ones.

        Returns at least one report if there is any.
        """
        if self._sent:
            return self._sent[:max_reports]
        size = 0
        while self._waiting and len(self._sent) < max_reports:
            one = next(iter(self._waiting.values()))
            size += one.size
            if size > max_bytes and self._sent:
                break
            self._remove(one)
            self._bytes += one.size
            data = one.data
            if one.pieces is not None:
                data = {**data, "append": "".join(one.pieces)}
            self._keys += 1
            key = f"{self._key_prefix}-{self._keys}"
            self._sent.append(Sent(key, one.event, data, one.slot, one.size))
        if not self._waiting:
            for places in self._droppable.values():
                places.clear()
        return self._sent[:]

    def settle(self, count: int) -> None:
        """Removes the first taken reports, which were stored or given up."""
        for one in self._sent[:count]:
            self._bytes -= one.size
        del self._sent[:count]

    def put_first(self, event: str, data: Data, slot: str | None = None) -> None:
        """Inserts a report before all others, also before those that were taken and are not settled."""
        self._keys += 1
        size = _ENVELOPE + size_of(data)
        self._sent.insert(0, Sent(f"{self._key_prefix}-{self._keys}", event, data, slot, size))
        self._bytes += size

    def clear(self) -> None:
        """Removes all reports."""
        self._sent.clear()
        self._waiting.clear()
        self._bytes = 0
        for places in self._droppable.values():
            places.clear()
        self._latest.clear()
        self._open.clear()
        self._last = None
        self._notice = None


def _counts_alike(earlier: Data, later: Data) -> bool:
    """Returns false if a merge would keep an outdated percentage: ``earlier`` has one and ``later`` only a count."""
    if "percent" not in earlier or "percent" in later:
        return True
    return "done" not in later and "total" not in later


def _notice_of(dropped: dict[str, int]) -> Data:
    parts = (
        (dropped["info"], "lines of the log"),
        (dropped["warning"], "warnings"),
        (dropped["state"], "updates"),
        (dropped["text"], "pieces of text"),
    )
    what = ", ".join(f"{count} {name}" for count, name in parts if count > 0)
    return {
        "level": "warning",
        "message": f"{what} were dropped here: more was reported than could be delivered",
        "data": {
            "dropped": {
                "lines": dropped["info"],
                "warnings": dropped["warning"],
                "updates": dropped["state"],
                "texts": dropped["text"],
            }
        },
    }
