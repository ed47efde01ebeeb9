"""The fold: what holds for any requests, whatever they are called and however they interleave."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel.core.causes import Cause
from autogen_otel.core.facts import Kind
from autogen_otel.detectors.causes import MAX_OPEN, Causes
from autogen_otel.detectors.pages import page_of
from autogen_otel.detectors.world import MAX_CONVERSATIONS

from .facts import AUTOGEN, Facts, findings, verdicts

# What may happen in a request, by name; each takes the facts, the chat and the names of agent and tool.
SCENES = {
    "well": lambda facts, chat, tool: facts.model(chat),
    "slow": lambda facts, chat, tool: facts.model(chat, ms=20_000),
    "tool": lambda facts, chat, tool: facts.tool(chat, tool),
    "masked": lambda facts, chat, tool: facts.failing_tool(chat, tool),
    "locked": lambda facts, chat, tool: facts.failing_tool(
        chat, tool, "sqlite3.OperationalError", "database is locked"
    ),
    "nested_run": lambda facts, chat, tool: facts.failing_tool(
        chat, tool, "RuntimeError", "asyncio.run() cannot be called from a running event loop"
    ),
    "absorbed": lambda facts, chat, tool: facts.model(chat, MODEL_ATTEMPT_STATUSES=[429, 200]),
    "forked": lambda facts, chat, tool: facts.model(chat, CLIENT_FORKED_FROM=3),
    "kept": lambda facts, chat, tool: facts.model(chat, FOREIGN_REQUESTS=["r-long-ago"]),
}
ENDS = {
    "ok": None,
    "limited": ("openai.RateLimitError", "slow down", {"HTTP_STATUS": 429}),
    "down": ("openai.InternalServerError", "oops", {"HTTP_STATUS": 500}),
    "late": ("openai.APITimeoutError", "Request timed out.", {}),
    "denied": ("openai.AuthenticationError", "", {"HTTP_STATUS": 401}),
}
plots = st.tuples(st.lists(st.sampled_from(sorted(SCENES)), max_size=6), st.sampled_from(sorted(ENDS)))


def told(number: int, plot: tuple[list[str], str], tool: str = "lookup_policy", **more) -> Facts:
    """Return the facts of a request that shares no loop, process and conversation with those of other numbers."""
    scenes, end = plot
    facts = Facts(pid=1000 + number, **more)
    root, chat = facts.request(f"r-{number}", loop=number, agent=f"agent of {tool}")
    facts.use(chat, "1-2")
    for scene in scenes:
        SCENES[scene](facts, chat, tool)
    if ENDS[end] is None:
        facts.end(root, chat)
    else:
        type_, message, fields = ENDS[end]
        _, fault = facts.failing_model(chat, type_, message, start={"SERVER_PORT": number}, **fields)
        facts.end(root, chat, fault=fault)
    return facts


def apart(number: int, plot: tuple[list[str], str]) -> Facts:
    """Return the facts of a request with a provider of its own, so that it is no part of a burst of the others."""
    return told(number, ([scene for scene in plot[0] if scene != "absorbed"], plot[1]))


@settings(deadline=None)
@given(st.lists(plots, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_requests_that_share_nothing_may_interleave_in_any_way(many, chance: random.Random):
    """What is found of each is what is found of it alone."""
    stories = [apart(number, plot) for number, plot in enumerate(many)]
    queues = [list(story.told) for story in stories]
    mixed = []
    while any(queues):
        mixed.append(chance.choice([queue for queue in queues if queue]).pop(0))

    alone = {request: found for story in stories for request, found in findings(story).items()}
    together = {one.request_id: [f"{f.cause.value}/{f.detail}" for f in one.findings] for one in verdicts(mixed)}
    assert together == {request: [name.rstrip("?") for name in found] for request, found in alone.items()}


@settings(deadline=None)
@given(st.lists(plots, max_size=5))
def test_evidence_cites_what_has_happened(many):
    """Each operation and each fault that is cited was told, and no finding goes without."""
    stories = [told(number, plot) for number, plot in enumerate(many)]
    facts = [fact for story in stories for fact in story.told]
    operations = {args[0].id for method, args in facts if method == "started"}
    faults = {args[1].id: args[0].id for method, args in facts if method == "faulted"}

    cited = [one.evidence for verdict in verdicts(*stories) for one in verdict.findings]
    unknown = [
        one
        for evidence in cited
        for one in evidence
        if one.operation_id not in operations or (one.fault_id and faults.get(one.fault_id) != one.operation_id)
    ]
    assert (unknown, [evidence for evidence in cited if not evidence]) == ([], [])


@settings(deadline=None)
@given(plots, st.text("abcdefgh_", min_size=1, max_size=12), st.sampled_from([0.25, 0.5, 2.0, 3.0]))
def test_names_and_latencies_say_nothing(plot, tool, speed):
    """Other agents and tools, and everything four times as fast or three times as slow: the same findings."""
    assert findings(told(1, plot, tool=tool, speed=speed)) == findings(told(1, plot))


@settings(deadline=None)
@given(st.lists(plots, max_size=5))
def test_requests_that_are_well_are_not_concluded(many):
    """A verdict is told of what failed, or has something that was noted; of nothing else."""
    stories = [told(number, plot) for number, plot in enumerate(many)]
    noted = {"masked", "locked", "nested_run", "absorbed", "forked", "kept"}
    well = {f"r-{number}" for number, (scenes, end) in enumerate(many) if end == "ok" and not noted & set(scenes)}

    assert {verdict.request_id for verdict in verdicts(*stories)} & well == set()


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_has_a_page(cause):
    """What happens, why, and what to do."""
    page = page_of(cause)

    assert [bool(part) for part in page] == [True] * 4


def test_code_of_a_page_stays_as_it_is():
    """It is indented and keeps its lines; text is one line for each paragraph."""
    first, code, last = page_of(Cause.TOOL_EXCEPTION).fix.split("\n\n")

    assert (first.count("\n"), code.splitlines()[0], last.count("\n")) == (
        0,
        "    def lookup_policy(policy_id: str) -> dict:",
        0,
    )


def test_a_request_of_very_many_faults_keeps_few_of_them():
    """The verdict names each place once, and its evidence stays short."""
    facts = Facts()
    root, chat = facts.request()
    for number in range(2_000):
        facts.failing_tool(chat, f"tool_{number % 200}")
    facts.end(root, chat)

    ((verdict),) = verdicts(facts)
    assert (len(verdict.findings) <= 64, max(len(one.evidence) for one in verdict.findings) <= 8) == (True, True)


def test_what_comes_after_a_request_has_ended_is_ignored():
    """A task that outlives its request, and an operation whose beginning was never told."""
    facts = Facts()
    root, chat = facts.request()
    facts.end(root, chat)
    late = facts.open(Kind.MODEL, "gpt-4o-mini", chat)
    facts.close(late, facts.fault(late, "ValueError"))
    told_of_nothing = Facts()
    stray = told_of_nothing.open(Kind.REQUEST, "request")
    told_of_nothing.told.clear()
    told_of_nothing.use(stray, "1-2")
    told_of_nothing.close(stray)

    assert findings(facts, told_of_nothing) == {}


def test_a_task_that_outlives_its_chat_belongs_to_the_request_still():
    """The operation above has ended, the request has not."""
    facts = Facts()
    root, chat = facts.request()
    facts.close(chat)
    facts.failing_tool(chat)
    facts.end(root)

    assert findings(facts) == {"r-1": ["tool_exception/raised"]}


def test_a_chat_outside_any_request_is_a_request():
    """Its own operation is the root."""
    facts = Facts()
    chat = facts.open(Kind.WORKFLOW, "user -> assistant", request="r-chat")
    fault = facts.fault(chat, "KeyError", "'name'", AUTOGEN)
    facts.close(chat, fault)

    assert findings(facts) == {"r-chat": ["framework/raised"]}


def test_requests_with_one_id_are_told_apart():
    """A client that retries sends the same ID; each attempt is a request of its own."""
    facts = Facts()
    first, chat1 = facts.request("r-same")
    second, chat2 = facts.request("r-same")
    facts.failing_tool(chat1)
    facts.end(first, chat1)
    facts.end(second, chat2)

    assert [verdict.operation_id for verdict in verdicts(facts)] == [first.id]


@settings(deadline=None)
@given(st.lists(plots, max_size=5))
def test_nothing_is_kept_of_requests_that_have_ended(many):
    """But for what may concern others: whom a provider has refused, and which loop was blocked."""
    causes = Causes(lambda *_: None)
    for number, plot in enumerate(many):
        for method, args in told(number, plot).told:
            getattr(causes, method)(*args)

    world = causes._world
    assert [causes._open, causes._by_id, world._live, world._held, world._holders] == [{}] * 5


def test_requests_that_never_end_do_not_grow():
    """Those of which an end is never told are forgotten, the oldest first."""
    causes = Causes(lambda *_: None)
    facts = Facts()
    for number in range(70_000):
        root = facts.open(Kind.REQUEST, "request", request=f"r-{number}")
        facts.use(root, str(number))
        for method, args in facts.told:
            getattr(causes, method)(*args)
        facts.told.clear()

    world = causes._world
    sizes = [len(table) for table in (causes._open, causes._by_id, world._live, world._held, world._holders)]
    assert max(sizes) <= MAX_OPEN


def test_a_chat_that_never_ends_holds_no_more_conversations_than_there_is_room_for():
    """It may open any number of nested chats; the oldest are forgotten."""
    causes = Causes(lambda *_: None)
    facts = Facts()
    _, chat = facts.request()
    for number in range(MAX_CONVERSATIONS + 1_000):
        facts.use(chat, str(number))
    for method, args in facts.told:
        getattr(causes, method)(*args)

    world = causes._world
    assert (len(world._holders), [len(keys) for keys in world._held.values()]) == (
        MAX_CONVERSATIONS,
        [MAX_CONVERSATIONS],
    )
