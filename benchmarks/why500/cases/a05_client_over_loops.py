"""A5. One async client serves several event loops, all of them alive."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from benchmarks.why500 import web
from benchmarks.why500.case import CLIENT, TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"async_boundary": CLIENT}
LINES = ALL


def serve(app: App) -> None:
    """A few threads, each with a loop of its own for as long as it lives; the client is made with the module."""
    ask = {"classic": _classic, "agentchat": _agentchat, "ag2": _ag2}[app.line.name](app)
    questions = app.ask(20, 28, lambda n: f'What about k{n}?\ncall {app.words.tools[0]} {{"item": "k{n}"}}')
    threads = app.rng.randint(3, 4)
    everybody = threading.Barrier(threads)
    answers: list[list[web.Answer]] = [[] for _ in range(threads)]

    def work(number: int) -> None:
        async def share() -> list[web.Answer]:
            async def one(question: Question) -> web.Answer:
                return await web.respond_async(ask, question, 6)

            first, *others = questions[number::threads]
            answers = [await one(first)]
            for pair in zip(others[::2], others[1::2], strict=False):
                answers += await asyncio.gather(*map(one, pair))
            return answers

        loop = asyncio.new_event_loop()
        answers[number] = loop.run_until_complete(share())
        everybody.wait(30)
        loop.close()

    started = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(40)
    app.answers += [answer for share in answers for answer in share]


def proof(app: App) -> Proof:
    """Clients read of event loops, in errors or in the text of a tool; or waited for a loop that never woke them."""
    spoken = frozenset(
        answer.question.id
        for answer in app.answers
        if "event loop" in f"{answer.text} {answer.error and answer.error.message}".lower()
    )
    other = [answer.error[:2] for answer in app.answers if answer.error and answer.question.id not in spoken]
    everybody = frozenset(question.id for question in app.asked)
    says = f"{len(spoken)} of {len(app.answers)} speak of an event loop, {len(other)} of something else: {other[:2]}"
    return Proof(bool(spoken), says, spoken, everybody)


def _agentchat(app: App) -> Any:
    model = app.line.model(app, timeout=3)

    def look_up(item: str) -> str:
        return f"found {item}"

    tool = app.tool(look_up)

    async def ask(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model.shared, tool), question.text)

    return ask


def _ag2(app: App) -> Any:
    import httpx2

    model = app.line.model(app, timeout=3, http_client=httpx2.AsyncClient(timeout=3))
    agent = app.line.agents(app, model)

    async def ask(question: Question) -> str:
        return await app.line.ask_async(agent, question.text)

    return ask


def _classic(app: App) -> Any:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key="sk-why500", base_url=app.provider_url, max_retries=0, timeout=3)

    async def look_up(item: str) -> str:
        prompt: Any = [{"role": "user", "content": f"Say what {item} is."}]
        reply = await client.chat.completions.create(model=app.words.model, messages=prompt)
        return f"found {reply.choices[0].message.content}".replace("TERMINATE", "")

    tool = app.tool(look_up)
    model = app.line.model(app)

    async def ask(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool), question.text)

    return ask


COMPONENTS = {"classic": TOOL}
