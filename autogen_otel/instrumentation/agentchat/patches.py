"""Microsoft's AutoGen from 0.4 on (what `pyautogen` 0.10 brings): the table of its patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.facts import Kind
from autogen_otel.instrumentation.adapter import Adapter
from autogen_otel.instrumentation.agentchat.agents import Agents
from autogen_otel.instrumentation.agentchat.classes import meet_below
from autogen_otel.instrumentation.agentchat.conversations import CONVERSATIONS
from autogen_otel.instrumentation.agentchat.ext_agents import EXT_AGENTS
from autogen_otel.instrumentation.agentchat.grpc import grpc
from autogen_otel.instrumentation.agentchat.models import ModelClients
from autogen_otel.instrumentation.agentchat.runtime import runtime
from autogen_otel.instrumentation.agentchat.spans import SPANS
from autogen_otel.instrumentation.agentchat.speakers import SPEAKERS
from autogen_otel.instrumentation.agentchat.teams import failures, team_run
from autogen_otel.instrumentation.agentchat.tool_calls import catch_in_thread, keep_fault
from autogen_otel.instrumentation.agentchat.tools import tools
from autogen_otel.instrumentation.code_runs import EXECUTE, CodeExecutors
from autogen_otel.instrumentation.operations import operation
from autogen_otel.instrumentation.threads import carrying
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.provenance import forget_texts
from autogen_otel.patching.patch import Patch

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation
    from autogen_otel.patching.patch import Switch
    from autogen_otel.patching.patches import Patches

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_USER: Final = "autogen_agentchat.agents._user_proxy_agent"
_EXECUTORS: Final = (
    ("local", "LocalCommandLineCodeExecutor"),
    ("docker._docker_code_executor", "DockerCommandLineCodeExecutor"),
    ("docker_jupyter._docker_jupyter", "DockerJupyterCodeExecutor"),
    ("jupyter._jupyter_code_executor", "JupyterCodeExecutor"),
    ("azure._azure_container_code_executor", "ACADynamicSessionsCodeExecutor"),
)


def _open_input(agent: Any, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
    opened = open_operation(Kind.INPUT, agent.name, agent=agent.name)
    opened.on_failure = _look_behind
    return opened


def _look_behind(opened: OpenOperation, error: BaseException) -> None:
    """Record what was raised, and not the RuntimeError that AutoGen has made of it by now."""
    if error.__cause__ is not None:
        keep_fault(opened, error.__cause__)
        opened.catch(error.__cause__)


def _patches(patches: Patches, content: bool) -> tuple[Patch, ...]:
    patches.on_undo(forget_texts)
    models, executors = ModelClients(patches, content), CodeExecutors(patches)
    agents = Agents(patches, models, executors)

    def meet_executors(original: Any, switch: Switch) -> Any:
        meet_below("autogen_core.code_executor._base.CodeExecutor", executors.weave_class)
        return EXECUTE(original, switch)

    return (
        Patch(
            "autogen_agentchat.teams._group_chat._base_group_chat",
            "BaseGroupChat.run_stream",
            team_run(models.meet, content),
            "a run of a team; run() calls it",
        ),
        *SPEAKERS,
        *agents.patches(),
        Patch(_USER, "UserProxyAgent._get_input", operation(_open_input), "the time a human takes is not the agent's"),
        carrying(
            _USER,
            "asyncio",
            "a sync input function runs in an executor, with an empty context",
            watch=catch_in_thread,
        ),
        carrying(
            "autogen_core.tools._function_tool",
            "asyncio",
            "a sync tool runs in an executor, with an empty context",
            watch=catch_in_thread,
        ),
        *CONVERSATIONS,
        *SPANS,
        *runtime(patches, content),
        *grpc(),
        *failures(patches),
        *tools(content),
        *EXT_AGENTS,
        *(
            Patch(
                f"autogen_ext.code_executors.{module}",
                f"{cls}.execute_code_blocks",
                EXECUTE,
                "code run by an executor",
            )
            for module, cls in _EXECUTORS
        ),
        *models.patches(),
        Patch(
            "autogen_core.code_executor._base",
            "CodeExecutor.execute_code_blocks",
            meet_executors,
            "code run by an application's executor",
        ),
    )


ADAPTER: Final = Adapter(
    name="agentchat",
    module="autogen_agentchat",
    distributions=("autogen-agentchat", "autogen-core", "autogen-ext"),
    versions="autogen-agentchat, autogen-core and autogen-ext 0.7.5",
    patches=_patches,
    parts=("autogen_agentchat.agents", "autogen_agentchat.teams", "autogen_core.tools", "autogen_core.code_executor"),
)
