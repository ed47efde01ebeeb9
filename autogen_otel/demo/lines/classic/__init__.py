"""Classic AutoGen, `import autogen`."""

from typing import Final

NEEDS: Final = ("autogen", "openai")
