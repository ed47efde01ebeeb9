"""A tool raises, and only the text of the exception arrives.

Symptom: Some users are answered with 200 and an error instead of a policy; no log knows of an exception.

Fix: Let the tool check its input and return "not found" as data, which the model can explain to the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.demo.provider import echo_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.demo.provider import Script

REQUESTS: Final = 6
COVER: Final = {"p1": "covers fire", "p2": "covers theft", "p3": "covers water"}


def script() -> Script:
    """Return a model that calls a tool when a line of the prompt begins with "call"."""
    return echo_tools


def prompt(number: int) -> str:
    """Return what the client asks: every second one for a policy that is not there."""
    policy_id = "p9" if number % 2 == 0 else f"p{(number + 1) // 2}"
    return f'What does my policy {policy_id} cover?\ncall lookup_policy {{"policy_id": "{policy_id}"}}'


def expected(number: int) -> str:
    """Return what stands in a right answer."""
    return "found" if number % 2 == 0 else "covers"


def trusting_tool() -> Callable[[str], str]:
    """Return a tool that trusts that the model only asks for policies that exist."""

    def lookup_policy(policy_id: str) -> str:
        """Look up what a policy covers."""
        return COVER[policy_id]

    return lookup_policy


def checking_tool() -> Callable[[str], dict[str, Any]]:
    """Return a tool that has an answer for policies that do not exist, too."""

    def lookup_policy(policy_id: str) -> dict[str, Any]:
        """Look up what a policy covers."""
        if policy_id not in COVER:
            return {"found": False, "policy_id": policy_id}
        return {"found": True, "policy_id": policy_id, "cover": COVER[policy_id]}

    return lookup_policy
