"""One name for all faults of the same kind at the same place."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from autogen_otel.faults.frames import is_application

if TYPE_CHECKING:
    from autogen_otel.core.facts import ExceptionData


def fingerprint(chain: tuple[ExceptionData, ...]) -> str:
    """Return 16 hex digits made of the types in the chain and the function that raised.

    The innermost frame of the application counts, else the innermost of all. Line numbers and texts do not, so that
    the fingerprint survives an edit elsewhere in the file and does not depend on the data of the request.
    """
    frames = chain[0].frames
    application = [frame for frame in frames if is_application(frame.file)]
    place = (application or frames)[-1:]
    parts = [data.type for data in chain]
    parts += [f"{frame.file.rsplit('/', 1)[-1]}:{frame.function}" for frame in place]
    if not place:
        parts.append(chain[0].message)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
