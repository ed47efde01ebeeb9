"""Where files of ours live."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the local store: `AUTOGEN_OTEL_STORE`, else below the user's state folder (XDG)."""
    named = environ.get("AUTOGEN_OTEL_STORE")
    if named:
        return Path(named).expanduser()
    state = environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "autogen-otel"
