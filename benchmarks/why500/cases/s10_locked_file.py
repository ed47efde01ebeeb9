"""S10. Several worker processes keep what was said in one SQLite file; one of them holds it for long.

A cache of the model's answers in classic AutoGen and agentchat; AG2 1.x has none, but a storage for its streams.
"""

from __future__ import annotations

import pickle
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from benchmarks.why500.case import AGENT, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT}
LINES = ALL


def serve(app: App) -> None:
    """Four pre-forked workers; the export of the day is written in one transaction."""
    path = app.folder / "answers.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, value BLOB)")
        database.commit()
    exports = app.rng.uniform(0.25, 0.5)
    ask = {"classic": _classic, "agentchat": _agentchat, "ag2": _ag2}[app.line.name](app, path)

    def handle(question: Question) -> str:
        if "Export" in question.text:
            with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as database:
                database.execute("BEGIN EXCLUSIVE")
                time.sleep(exports)
                database.execute("COMMIT")
            return f"[rq:{question.token}] exported"
        answer: str = ask(question)
        return answer

    questions = app.ask(24, 32, lambda number: "Export all." if number % 8 == 4 else f"What about case {number}?")
    app.forks(handle, questions, 4)


def proof(app: App) -> Proof:
    """SQLite told the application that the file is locked."""
    hit = frozenset(a.question.id for a in app.answers if a.error and "database is locked" in a.error.message)
    others = {a.error.message[:60] for a in app.answers if a.error and a.question.id not in hit}
    says = f"{len(hit)} of {len(app.answers)} ended with 'database is locked', others {others or 'none'}"
    return Proof(bool(hit) and not others, says, hit, hit)


class _File:
    """Values in the file, each access by itself, as `Cache` wants it that AutoGen opens and closes in between."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str, default: Any = None) -> Any:
        with closing(sqlite3.connect(self._path, timeout=0.05)) as database:
            row = database.execute("SELECT value FROM answers WHERE key = ?", (str(key),)).fetchone()
        return pickle.loads(row[0]) if row else default

    def set(self, key: str, value: Any) -> None:
        with closing(sqlite3.connect(self._path, timeout=0.05)) as database, database:
            database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (str(key), pickle.dumps(value)))


def _classic(app: App, path: Path) -> Any:
    from autogen.cache.abstract_cache_base import AbstractCache

    class AnswerCache(_File, AbstractCache):  # type: ignore[misc]
        """Answers of the model in the file."""

        def close(self) -> None:
            pass

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def ask(question: Question) -> str:
        return app.line.ask(app.line.agents(app, app.line.model(app)), question.text, cache=AnswerCache(path))

    return ask


def _agentchat(app: App, path: Path) -> Any:
    from autogen_core import CacheStore
    from autogen_ext.models.cache import ChatCompletionCache

    class AnswerStore(_File, CacheStore):  # type: ignore[misc,type-arg]
        """Answers of the model in the file."""

    def ask(question: Question) -> str:
        model = ChatCompletionCache(app.line.model(app).client(), AnswerStore(path))
        return app.line.ask(app.line.agents(app, model), question.text)

    return ask


def _ag2(app: App, path: Path) -> Any:
    from ag2 import MemoryStream
    from ag2.history import MemoryStorage

    class Journal(MemoryStorage):  # type: ignore[misc]
        """What is said on a stream, in the file too."""

        async def save_event(self, event: Any, context: Any) -> None:
            _File(path).set(f"{context.stream.id}/{id(event)}", repr(event))
            await super().save_event(event, context)

    agents = app.line.agents(app, app.line.model(app))
    return lambda question: app.line.ask(agents, question.text, stream=MemoryStream(Journal()))
