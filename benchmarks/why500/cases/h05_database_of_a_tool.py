"""H5. In a pool of processes a tool finds its own database locked: its affair, and no cache of AutoGen's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import TOOL, Proof
from benchmarks.why500.cases import ALL
from benchmarks.why500.pools import in_pool

if TYPE_CHECKING:
    from benchmarks.why500.app import App

CAUSES = {"tool_exception": TOOL}
LINES = ALL
HOLD_OUT = True


def serve(app: App) -> None:
    """A backup holds one of two files for the whole time."""
    paths = {kind: app.folder / f"{kind}.db" for kind in "zk"}
    for path in paths.values():
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE seen (item TEXT)")

    def write(item: str) -> str:
        with closing(sqlite3.connect(paths[item[0]], timeout=0.01 if item[0] == "z" else 5)) as database, database:
            database.execute("INSERT INTO seen VALUES (?)", (item,))
        return f"found {item}"

    tool = app.tool(write, app.words.tools[1], "Write down that something was asked for.")
    handle, _ = app.fresh(app.line.model(app), tool)
    every = app.rng.randint(3, 6)

    def text(number: int) -> str:
        item = f"z{number}" if number % every == 0 else f"k{number}"
        return f'What about {item}?\ncall {tool.__name__} {{"item": "{item}"}}'

    questions = app.ask(20, 30, text)
    with closing(sqlite3.connect(paths["z"], isolation_level=None)) as backup:
        backup.execute("BEGIN EXCLUSIVE")
        answers, app.pids[:] = in_pool(handle, questions, app.rng.randint(2, 3))
    app.answers += answers


def proof(app: App) -> Proof:
    """The model was told of the locked file, and of nothing else."""
    asked = [question for question in app.asked if "What about z" in question.text]
    return oracles.silent(app, asked) & oracles.sent_only(app, {200})
