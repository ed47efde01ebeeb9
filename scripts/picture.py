"""Makes docs/jaeger.png: a failing request of the demo in the web page of a real Jaeger.

    JAEGER_UI_ASSETS=<a build of jaeger-ui> python scripts/picture.py

It starts the Jaeger that `make backends` built, runs the demo's case of a tool that raises against it, and takes a
picture of the first request whose tool failed. A Jaeger built from its Go module has no web page of its own, hence
the variable; Chromium must be on PATH. Exit status: 0 done, 1 the demo or the browser failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from integration.backends import Jaeger  # noqa: E402
from integration.server import binary  # noqa: E402

SERVICE = "policies"


def main() -> int:
    """Run the demo against Jaeger and take the picture."""
    jaeger = binary("jaeger")
    if jaeger is None or "JAEGER_UI_ASSETS" not in os.environ:
        print(__doc__, file=sys.stderr)
        return 1
    with Jaeger(jaeger) as server, tempfile.TemporaryDirectory() as out:
        environ = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{server.otlp_http_endpoint}/v1/traces",
            "OTEL_SERVICE_NAME": SERVICE,
        }
        # The first case imports AutoGen, so that no request of the second one waits for that.
        cases = ["shared_state", "tool_exception"]
        demo = [sys.executable, "-m", "autogen_otel.demo", *cases, "--line", "classic", "--out", out]
        subprocess.run(demo, env=environ, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        spans = server.find({"exception.type": "KeyError"}, service=SERVICE, until=bool)
        failed = next(span for span in spans if span["name"].startswith("execute_tool") and span["events"])
        shoot = [sys.executable, "scripts/screenshot.py", failed["trace_id"], "docs/jaeger.png"]
        shoot += ["--jaeger", server.query_url, "--span", failed["span_id"], "--width", "1400"]
        return subprocess.run(shoot, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
