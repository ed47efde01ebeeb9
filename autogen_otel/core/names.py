"""Every attribute, metric, event and log key, spelled once.

Names of OpenTelemetry's conventions are used to the letter where they exist (Jaeger's GenAI view keys on them);
`autogen.*` where they do not. The GenAI constants of `opentelemetry-semantic-conventions` are all marked deprecated
since the conventions moved to a repository of their own, therefore the names stand here.
"""

from __future__ import annotations

from typing import Final

# https://github.com/open-telemetry/semantic-conventions-genai: spans
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
AGENT_NAME: Final = "gen_ai.agent.name"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOKEN_TYPE: Final = "gen_ai.token.type"

# Stable conventions: errors, exceptions, HTTP, process, thread
ERROR_TYPE: Final = "error.type"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
HTTP_STATUS: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
PROCESS_PID: Final = "process.pid"
THREAD_NAME: Final = "thread.name"

# Where no convention exists
REQUEST_ID: Final = "autogen.request.id"
REQUESTS_IN_FLIGHT: Final = "autogen.requests.in_flight"
AGENT_INSTANCE: Final = "autogen.agent.instance"
EVENT_LOOP_ID: Final = "autogen.event_loop.id"
OUTCOME: Final = "autogen.outcome"
CACHE_HIT: Final = "autogen.cache.hit"
TOOL_KNOWN: Final = "autogen.tool.known"
CODE_EXIT_CODE: Final = "autogen.code.exit_code"
CODE_LANGUAGES: Final = "autogen.code.languages"
MODEL_ATTEMPTS: Final = "autogen.model.attempts"
MODEL_ATTEMPT_STATUSES: Final = "autogen.model.attempt_statuses"
MODEL_CONFIG_INDEX: Final = "autogen.model.config_index"
PROVIDER_REQUEST_ID: Final = "autogen.provider.request_id"
PROVIDER_ERROR_CODE: Final = "autogen.provider.error_code"
RETRY_AFTER: Final = "autogen.provider.retry_after"
FAULT_ID: Final = "autogen.fault.id"
FAULT_KIND: Final = "autogen.fault.kind"
FAULT_FINGERPRINT: Final = "autogen.fault.fingerprint"
FAULT_MASKED: Final = "autogen.fault.masked"
FAULT_TYPE: Final = "autogen.fault.type"
FAULT_TRANSIENT: Final = "autogen.fault.transient"
FAULT_AGENT: Final = "autogen.fault.agent"
FAULT_TOOL: Final = "autogen.fault.tool"
FAULT_RAISED_AT: Final = "autogen.fault.raised_at"

# Metrics: names, then the attributes of their own
WORKFLOW_DURATION: Final = "gen_ai.invoke_workflow.duration"
AGENT_DURATION: Final = "gen_ai.invoke_agent.duration"
TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
MODEL_DURATION: Final = "gen_ai.client.operation.duration"
TOKEN_USAGE: Final = "gen_ai.client.token.usage"
FAULTS: Final = "autogen.faults"
OTHER: Final = "_OTHER"

# Keys of a log line. The last three are fixed by OpenTelemetry's "Trace Context in non-OTLP Log Formats".
LOG_REQUEST_ID: Final = "request_id"
LOG_AGENT_NAME: Final = "agent_name"
LOG_TOOL_NAME: Final = "tool_name"
LOG_EXCEPTION_TYPE: Final = "exception_type"
LOG_EXCEPTION: Final = "exception"
LOG_FAULT_ID: Final = "fault_id"
LOG_FINGERPRINT: Final = "fingerprint"
LOG_MASKED: Final = "masked"
LOG_PID: Final = "pid"
LOG_THREAD: Final = "thread"
LOG_TRACE_ID: Final = "trace_id"
LOG_SPAN_ID: Final = "span_id"
LOG_TRACE_FLAGS: Final = "trace_flags"
