"""What `--since` takes."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhdw])", re.ASCII)


def nanoseconds(text: str, now_ns: int) -> int:
    """Return the time that a text names, in nanoseconds since 1970.

    Args:
        text: How long ago (`90s`, `15m`, `2h`, `1d`, `1w`), or an ISO time; one without an offset is in UTC, as the
            times in log lines are.
        now_ns: What `ago` counts from.

    Raises:
        ValueError: It is neither.
    """
    text = text.strip()
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return max(0, now_ns - round(float(ago[1]) * _SECONDS[ago[2]] * 10**9))
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text))
    except ValueError:
        raise ValueError(f"{text!r} is neither a time like 15m, 2h, 1d nor an ISO time like 2026-11-23T14:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000) * 10**6
