"""A model provider that does what a script says: OpenAI's HTTP API on 127.0.0.1, with its failures on demand.

`with Provider(script) as provider:` listens until the block ends; a client is pointed at `provider.base_url`. What the
provider saw stands in `provider.received`, out of reach of the program under test, so that it can serve as an oracle.
"""

from autogen_otel.demo.provider.chat import ChatRequest
from autogen_otel.demo.provider.rate_limit import RateLimit
from autogen_otel.demo.provider.received import Received
from autogen_otel.demo.provider.replies import (
    BrokenJson,
    Drop,
    DropMidway,
    Hang,
    Html,
    NoChoices,
    Reply,
    Slow,
    Status,
    Text,
    ToolCalls,
    insufficient_quota,
    rate_limit_exceeded,
)
from autogen_otel.demo.provider.scripts import Script, Sequence, Step, echo_tools, failing_first, per_model
from autogen_otel.demo.provider.server import Provider

__all__ = [
    "BrokenJson",
    "ChatRequest",
    "Drop",
    "DropMidway",
    "Hang",
    "Html",
    "NoChoices",
    "Provider",
    "RateLimit",
    "Received",
    "Reply",
    "Script",
    "Sequence",
    "Slow",
    "Status",
    "Step",
    "Text",
    "ToolCalls",
    "echo_tools",
    "failing_first",
    "insufficient_quota",
    "per_model",
    "rate_limit_exceeded",
]
