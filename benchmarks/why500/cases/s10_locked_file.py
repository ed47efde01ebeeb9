"""S10. Several worker processes keep the model's answers in one SQLite file; one of them holds it for long."""

from __future__ import annotations

import pickle
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from benchmarks.why500.case import AGENT, Proof

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT}
LINES = ("classic", "agentchat")


def serve(app: App) -> None:
    """Four pre-forked workers; the export of the day is written in one transaction."""
    path = app.folder / "answers.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, value BLOB)")
        database.commit()
    exports = app.rng.uniform(0.25, 0.5)
    ask = {"classic": _classic, "agentchat": _agentchat}[app.line.name](app, path)

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


def _classic(app: App, path: Path) -> Any:
    from autogen.cache.abstract_cache_base import AbstractCache

    class AnswerCache(AbstractCache):  # type: ignore[misc]
        """Answers of the model in a file."""

        def __init__(self) -> None:
            self._database = sqlite3.connect(path, timeout=0.05)

        def get(self, key: str, default: Any = None) -> Any:
            row = self._database.execute("SELECT value FROM answers WHERE key = ?", (str(key),)).fetchone()
            return pickle.loads(row[0]) if row else default

        def set(self, key: str, value: Any) -> None:
            with self._database:
                self._database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (str(key), pickle.dumps(value)))

        def close(self) -> None:
            self._database.close()

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    def ask(question: Question) -> str:
        with AnswerCache() as cache:
            return app.line.ask(app.line.agents(app, app.line.model(app)), question.text, cache=cache)

    return ask


def _agentchat(app: App, path: Path) -> Any:
    from autogen_core import CacheStore
    from autogen_ext.models.cache import ChatCompletionCache

    class AnswerStore(CacheStore):  # type: ignore[misc,type-arg]
        """Answers of the model in a file."""

        def get(self, key: str, default: Any = None) -> Any:
            with closing(sqlite3.connect(path, timeout=0.05)) as database:
                row = database.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
            return pickle.loads(row[0]) if row else default

        def set(self, key: str, value: Any) -> None:
            with closing(sqlite3.connect(path, timeout=0.05)) as database, database:
                dumped = pickle.dumps(value)
                database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, dumped))

    def ask(question: Question) -> str:
        model = ChatCompletionCache(app.line.model(app).client(), AnswerStore())
        return app.line.ask(app.line.agents(app, model), question.text)

    return ask
