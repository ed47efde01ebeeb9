"""Which versions of OpenTelemetry's SDK are known from the inside."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.version import __version__

# What is done here in the SDK's place was compared with each of these, and is not done with any other.
IS_KNOWN: Final = __version__.startswith(tuple(f"1.{minor}." for minor in range(39, 46)))
# From then on no processor can change the attributes of a span that has ended.
FREEZES_ENDED_SPANS: Final = not __version__.startswith(("1.39.", "1.40.", "1.41.", "1.42."))
