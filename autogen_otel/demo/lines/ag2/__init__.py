"""AG2 1.x, `import ag2`."""

from typing import Final

NEEDS: Final = ("ag2", "openai")
