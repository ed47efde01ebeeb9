"""Messages of AutoGen's runtime over gRPC: where they were sent, and what is told of one that is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.core.facts import Kind
from autogen_otel.instrumentation.agentchat.core import name_of
from autogen_otel.instrumentation.agentchat.messages import Origin
from autogen_otel.instrumentation.carrier import CARRIED, extract
from autogen_otel.operations.opening import open_operation

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation


def origin_of(message: Any) -> Origin:
    """Return where a message of another process was sent; what it says is untrusted."""
    if hasattr(message, "attributes"):
        found = {key: message.attributes[key].ce_string for key in CARRIED if key in message.attributes}
    else:
        found = {key: message.metadata[key] for key in CARRIED if key in message.metadata}
    request_id, telemetry = extract(found)
    return Origin(request_id, None, telemetry)


def open_lost(message: Any) -> OpenOperation:
    """Open an operation of the agent that a message does not reach, or of a message to nobody in particular."""
    target = getattr(message, "target", None)
    if target is None:
        return open_operation(Kind.WORKFLOW, "message")
    name = name_of(target.type)
    return open_operation(Kind.AGENT, name, agent=name)
