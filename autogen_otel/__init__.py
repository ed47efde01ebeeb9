"""Says why an AutoGen request failed: request ID, agent, tool and the original exception on every span and log line."""

from autogen_otel.core.facts import Fault
from autogen_otel.core.settings import Settings
from autogen_otel.faults.marks import original_exception
from autogen_otel.instrument import Instrumentation, instrument, uninstrument
from autogen_otel.operations.carry import carry
from autogen_otel.operations.current import current_request_id
from autogen_otel.operations.request import request
from autogen_otel.operations.watch import watch
from autogen_otel.telemetry.log_fields import add_request_fields
from autogen_otel.telemetry.log_setup import configure_logging

__all__ = [
    "Fault",
    "Instrumentation",
    "Settings",
    "add_request_fields",
    "carry",
    "configure_logging",
    "current_request_id",
    "instrument",
    "original_exception",
    "request",
    "uninstrument",
    "watch",
]
