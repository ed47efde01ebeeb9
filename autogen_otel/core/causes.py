"""Why a request failed, or answered wrongly without failing: a closed list, and what proves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Cause(str, Enum):
    """The causes, in the order of the field guide; then what must not be confused with them."""

    SHARED_STATE = "shared_state"
    TOOL_EXCEPTION = "tool_exception"
    RATE_LIMIT = "rate_limit"
    ASYNC_BOUNDARY = "async_boundary"
    STALE_CLIENT = "stale_client"
    PROVIDER = "provider"
    CONFIGURATION = "configuration"
    FRAMEWORK = "framework"
    CANCELLED = "cancelled"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a finding, to be looked up.

    Attributes:
        operation_id: The operation whose span shows it.
        says: What is to be seen there, in a few words.
        fault_id: The fault whose log record and span event show it; empty where there is no exception.
    """

    operation_id: int
    says: str
    fault_id: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector has found out about one request.

    Attributes:
        cause: Which of the list.
        detail: What is told apart inside the cause; a word of low cardinality, such as `overlap`.
        summary: One sentence for the engineer on call; it names agents, tools and other requests.
        certain: Whether it is proved; a hint otherwise.
        evidence: What proves it; never empty.
        blame: Which agent, tool, client, process or line is to blame, by attribute name.
    """

    cause: Cause
    detail: str
    summary: str
    certain: bool
    evidence: tuple[Evidence, ...]
    blame: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a request failed of, or suffers from.

    Attributes:
        request_id: The request.
        operation_id: Its own operation.
        failed: Whether it ended with an exception; otherwise it answered, and the answer is not to be trusted.
        findings: The one that explains it first, then what else was found; never empty.
    """

    request_id: str
    operation_id: int
    failed: bool
    findings: tuple[Finding, ...]

    @property
    def cause(self) -> Cause:
        """The cause that explains it."""
        return self.findings[0].cause
