"""Chats that end in each of the ways that there are; run as a program, which kills itself in the end."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading

import openai
from support.classic import RETRYING, chat, pair

import autogen_otel
from autogen_otel.demo.provider import Provider, echo_tools, rate_limit_exceeded

POLICIES: dict[str, str] = {}
entered = threading.Event()


def lookup_policy(policy_id: str) -> str:
    return POLICIES[policy_id]


def stuck() -> str:
    entered.set()
    threading.Event().wait()
    return "never"


def main() -> None:
    instrumentation = autogen_otel.instrument()
    openai._base_client.INITIAL_RETRY_DELAY = 0.0
    with Provider(echo_tools) as provider:
        assistant, user = pair(provider, lookup_policy)
        with autogen_otel.request("req-ok"):
            chat(user, assistant, "hello")
        for policy in ("p9", "p10"):
            with autogen_otel.request("req-masked"):
                chat(user, assistant, f'call lookup_policy {{"policy_id": "{policy}"}}')
        with Provider(rate_limit_exceeded(0.01)) as refusing:
            assistant, user = pair(refusing, **RETRYING)
            with contextlib.suppress(openai.RateLimitError), autogen_otel.request("req-429"):
                chat(user, assistant, "hello")
        assistant, user = pair(provider, stuck)
        threading.Thread(target=hang, args=(user, assistant), daemon=True).start()
        entered.wait()
        instrumentation.flush()
        os._exit(9)


def hang(user: object, assistant: object) -> None:
    with autogen_otel.request("req-open"):
        chat(user, assistant, "call stuck {}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    main()
