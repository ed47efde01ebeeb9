"""The command without its libraries, and its help."""

from __future__ import annotations

import subprocess
import sys

from .conftest import bare_environment

WITHOUT = """
import sys
from importlib.machinery import PathFinder
import importlib.util
for name in ("typer", "rich"):
    sys.modules[name] = None
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in ("typer", "rich") else find(name, package)
from autogen_otel.cli import main
sys.exit(main())
"""


def test_without_the_extra_one_line_says_what_to_install():
    """Without typer and rich there is one line and exit code 1."""
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=bare_environment(), capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (
        1,
        "",
        "autogen-otel needs typer and rich: pip install 'autogen-otel[cli]'\n",
    )


def test_help_names_every_command(cli):
    """The help lists the commands."""
    out = cli("--help").out

    assert [name for name in ("show", "requests", "explain", "doctor", "demo") if f"\n  {name} " in out] == [
        *("show", "requests", "explain", "doctor", "demo")
    ]
