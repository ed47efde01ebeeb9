"""AutoGen 0.4 and later, `import autogen_agentchat`."""

from typing import Final

NEEDS: Final = ("autogen_agentchat", "autogen_ext", "openai", "tiktoken")
