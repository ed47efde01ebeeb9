"""The command `autogen-otel`."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> int:
    """Run the command; without its libraries say how to install them.

    Returns:
        The exit code.
    """
    missing = [name for name in ("typer", "rich") if find_spec(name) is None]
    if missing:
        print(f"autogen-otel needs {' and '.join(missing)}: pip install 'autogen-otel[cli]'", file=sys.stderr)
        return 1
    from autogen_otel.cli.app import run

    return run()
