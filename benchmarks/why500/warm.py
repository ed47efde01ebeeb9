"""What every run imports, imported once: runs are forked from a process that has done nothing else."""

from __future__ import annotations

import importlib

from autogen_otel import instrument  # noqa: F401
from autogen_otel.cli import app, diagnose  # noqa: F401
from benchmarks.why500 import case, lines

_MODULES = {
    "classic": ("autogen",),
    "agentchat": ("autogen_agentchat.agents", "autogen_agentchat.teams", "autogen_ext.models.openai"),
    "ag2": ("ag2", "ag2.config"),
}
for line in lines.available():
    for module in _MODULES[line]:
        importlib.import_module(module)
case.load_all()
