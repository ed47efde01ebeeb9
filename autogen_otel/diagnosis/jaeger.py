"""Traces fetched from a Jaeger over `api/v3`, its HTTP API that answers in OTLP JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.diagnosis.load_records import Json

DAY_NS: Final = 24 * 3600 * 10**9
# How many traces one answer may have; where there are as many, the time is halved and both halves are asked for.
TRACES: Final = 500
_SECONDS: Final = 30.0
_NARROWEST_NS: Final = 10**6
_MAX_QUESTIONS: Final = 4_000
# Clocks differ, and what has started just now shall be found.
_AHEAD_NS: Final = 60 * 10**9


class JaegerFailed(Exception):  # noqa: N818 - an answer rather than a mistake
    """A Jaeger cannot be asked, or does not know the service."""


class Jaeger:
    """A Jaeger's query service.

    Args:
        url: Where its web page is, such as `http://localhost:16686`.
        service: The service whose traces are wanted; empty for the only one that there is.
        traces: How many traces one answer may have.
    """

    def __init__(self, url: str, service: str = "", traces: int = TRACES) -> None:
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise JaegerFailed(f"{url} is no address of a Jaeger; it is something like http://localhost:16686")
        self.url = url.rstrip("/")
        self.service = service
        self._traces = traces

    def documents(self, since_ns: int | None, now_ns: int) -> Iterator[Json]:
        """Yield all traces of the service in a stretch of time, in some order, as OTLP JSON documents.

        A trace may come twice.

        Args:
            since_ns: From when on, in nanoseconds since 1970; without it the last day.
            now_ns: Until when.

        Raises:
            JaegerFailed: It does not answer, or there is too much.
        """
        self.service = self.service or self._only_service()
        windows = [(now_ns - DAY_NS if since_ns is None else since_ns, now_ns + _AHEAD_NS)]
        for _ in range(_MAX_QUESTIONS):
            if not windows:
                return
            start_ns, end_ns = windows.pop()
            found = self._search(start_ns, end_ns)
            if _traces_in(found) < self._traces or end_ns - start_ns <= _NARROWEST_NS:
                yield from found
            else:
                middle_ns = (start_ns + end_ns) // 2
                windows += [(start_ns, middle_ns), (middle_ns, end_ns)]
        raise JaegerFailed(f"{self.url} has too many traces of {self.service}; ask for less with --since")

    def _only_service(self) -> str:
        names = [name for answer in self._ask("services", {}) for name in answer.get("services") or ()]
        if len(names) == 1:
            return str(names[0])
        known = f"it knows {', '.join(map(str, sorted(names)[:20]))}" if names else "it knows none yet"
        raise JaegerFailed(f"which service of {self.url}? Say --service NAME; {known}")

    def _search(self, start_ns: int, end_ns: int) -> list[Json]:
        window = {
            "query.service_name": self.service,
            "query.start_time_min": _rfc3339(start_ns),
            "query.start_time_max": _rfc3339(end_ns),
            "query.num_traces": str(self._traces),
        }
        return [answer.get("result", answer) for answer in self._ask("traces", window)]

    def _ask(self, what: str, query: dict[str, str]) -> list[Json]:
        url = f"{self.url}/api/v3/{what}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as response:  # noqa: S310 - http or https, see above
                return _objects(response.read().decode())
        except urllib.error.HTTPError as error:
            if error.code == 404 and what == "traces":
                return []
            said = error.read(300).decode(errors="replace")
            raise JaegerFailed(f"{self.url} answered {error.code} to {what}: {said}") from error
        except (OSError, ValueError) as error:
            raise JaegerFailed(f"{self.url} cannot be asked: {getattr(error, 'reason', error)}") from error


def _objects(text: str) -> list[Json]:
    """Return the JSON objects of an answer: one, or as many as it was sent in."""
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    at = 0
    while at < len(text):
        one, end = decoder.raw_decode(text, at)
        if not isinstance(one, dict):
            raise ValueError("its answer is no JSON object")  # noqa: TRY004 - as for what is no JSON
        found.append(one)
        at = end + len(text[end : end + 8]) - len(text[end : end + 8].lstrip())
    return found


def _traces_in(documents: list[Json]) -> int:
    ids: set[Any] = {
        span.get("traceId")
        for document in documents
        for resource in document.get("resourceSpans") or ()
        for scope in resource.get("scopeSpans") or ()
        for span in scope.get("spans") or ()
    }
    return len(ids)


def _rfc3339(ns: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=ns // 1000)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
