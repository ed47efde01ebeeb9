"""The traceback that ag2 and asyncio lose on Python 3.11 to 3.13 is given back to the application."""

from __future__ import annotations

import asyncio
import gc
import traceback
import weakref
from typing import Any

import pytest
from support.ag2 import agent_of, fail

import autogen_otel
from autogen_otel.demo.provider import BrokenJson, Provider, Status

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import MemoryStream, observer
from ag2.events import ModelRequest, ModelResponse

BOOM = Status(500, "boom", retry_after=0.001)


class PolicyError(Exception):
    """An exception of the application."""


def _refuse(event: Any) -> None:
    raise PolicyError("no")


def frames(error: BaseException) -> list[str]:
    """Return the functions of an exception's traceback, outermost first."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


async def test_ask_shows_the_line_that_raised(recorder, provider):
    """Innermost stands the application's own line, outermost where it called `ask`."""
    error = await fail(agent_of(provider, observers=[observer(ModelResponse, _refuse)]))

    last = traceback.extract_tb(error.__traceback__)[-1]
    assert (frames(error)[:2], last.name, last.filename, last.line) == (
        ["fail", "ask"],
        "_refuse",
        __file__,
        'raise PolicyError("no")',
    )


async def test_broken_answer_shows_where_it_was_read(recorder):
    """A JSONDecodeError leads from `ask` over openai's client to the decoder."""
    with Provider(BrokenJson()) as provider:
        error = await fail(agent_of(provider))

    assert (frames(error)[:2], "_process_response" in frames(error), frames(error)[-1]) == (
        ["fail", "ask"],
        True,
        "raw_decode",
    )


async def test_resume_and_run_show_it_too(recorder, provider):
    """The other two ways into a turn lose as little."""
    agent = agent_of(provider, observers=[observer(ModelResponse, _refuse)])
    with pytest.raises(PolicyError) as resumed:
        await agent.resume(ModelRequest.ensure_request(["hello"]), stream=MemoryStream())
    with pytest.raises(PolicyError) as ran:
        async with agent.run("hello") as run:
            await run.result()

    assert [frames(caught.value)[-1] for caught in (resumed, ran)] == ["_refuse", "_refuse"]


async def test_exception_is_the_very_object(recorder, provider):
    """It is not replaced, wrapped or given a cause: `except` clauses find what they found before."""
    raised = PolicyError("no")

    def refuse(event: Any) -> None:
        raise raised

    error = await fail(agent_of(provider, observers=[observer(ModelResponse, refuse)]))

    assert (error is raised, error.__cause__, error.__context__, autogen_otel.original_exception(error) is raised) == (
        True,
        None,
        None,
        True,
    )


async def test_result_that_is_caught_inside_keeps_its_frames(recorder, provider):
    """An application that catches what `result()` raises, inside the run, finds the frames there afterwards too."""
    agent = agent_of(provider, observers=[observer(ModelResponse, _refuse)])
    async with agent.run("hello") as run:
        with pytest.raises(PolicyError) as caught:
            await run.result()
        inside = frames(caught.value)

    assert (inside[-1], frames(caught.value)) == ("_refuse", inside)


def test_failed_turn_keeps_nothing_alive(recorder, provider):
    """A traceback holds frames; nothing of ours holds the traceback."""

    class Mark:
        pass

    async def ask() -> weakref.ref[Any]:
        mark = Mark()
        agent = agent_of(provider, observers=[observer(ModelResponse, _refuse)])
        with pytest.raises(PolicyError):
            await agent.ask("hello", dependencies={"mark": mark})
        return weakref.ref(mark)

    gone = asyncio.run(ask())
    gc.collect()

    assert gone() is None
