"""Which code of OpenTelemetry's SDK is known from the inside."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.version import __version__

if TYPE_CHECKING:
    from types import ModuleType

# What is done here in the SDK's place was compared with each of these, and is not done with any other; 1.40 and 1.41
# count each span for metrics of their own.
IS_KNOWN: Final = __version__.startswith(tuple(f"1.{minor}." for minor in (39, 42, 43, 44, 45)))
# From then on no processor can change the attributes of a span that has ended.
FREEZES_ENDED_SPANS: Final = not __version__.startswith(("1.39.", "1.42."))


def is_original(function: object, module: ModuleType) -> bool:
    """Tell whether a function is a module's own, and nobody's patch."""
    return isinstance(function, FunctionType) and function.__code__.co_filename == module.__file__
