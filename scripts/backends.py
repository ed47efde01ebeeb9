"""Builds the real servers that the integration tests talk to, once, into the user's cache.

`python scripts/backends.py` builds all of them, `python scripts/backends.py jaeger` one, and
`python scripts/backends.py --print jaeger` says where it is. They are built from their published Go modules, because a
test machine need not have a container engine. Exit status: 0 all there, 1 a build failed, 3 no Go that is new enough.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MANIFEST = Path(__file__).parents[1] / "collector" / "builder.yaml"
NO_GO = 3


@dataclass(frozen=True)
class Backend:
    """A server: what its binary is called, the Go it needs (major, minor), and how it is built.

    `build` gets an empty folder to work in and returns the path of the finished binary inside it.
    """

    file_name: str
    go: tuple[int, int]
    minutes: int
    build: Callable[[Path], Path]


def build_jaeger(work: Path) -> Path:
    """Build Jaeger 2.13.0; the commit carries the tag v1.76.0 too, the last one that is a valid Go module version."""
    # `go install module@version` refuses a module with replace lines, building in the module's own folder does not.
    downloaded = run_go("mod", "download", "-json", "github.com/jaegertracing/jaeger@v1.76.0", cwd=work)
    source = Path(json.loads(downloaded)["Dir"])
    run_go("build", "-o", str(work / "jaeger"), "-ldflags", "-s -w", "./cmd/jaeger", cwd=source)
    return work / "jaeger"


def build_collector(work: Path) -> Path:
    """Build an OpenTelemetry Collector of the components in `collector/builder.yaml`."""
    run_go("install", "go.opentelemetry.io/collector/cmd/builder@v0.159.0", cwd=work, more={"GOBIN": str(work)})
    subprocess.run([work / "builder", "--config", MANIFEST], cwd=work, env=go_environment(), check=True)
    return work / "build" / "otelcol"


BACKENDS = {
    "jaeger": Backend("jaeger-2.13.0", go=(1, 25), minutes=5, build=build_jaeger),
    "collector": Backend("otelcol-0.159.0", go=(1, 26), minutes=3, build=build_collector),
}


def cache_folder() -> Path:
    """Return the folder of the binaries, below XDG_CACHE_HOME where that is set."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "autogen-otel" / "bin"


def binary_path(name: str) -> Path:
    """Return where the binary of the backend `name` is, or would be once it is built."""
    return cache_folder() / BACKENDS[name].file_name


def go_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a build: no C compiler, no workspace around it, no download of another Go."""
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local", **(more or {})}


def run_go(*arguments: str, cwd: Path, more: Mapping[str, str] | None = None) -> str:
    """Run `go` and return what it wrote to standard output; its errors go to ours."""
    done = subprocess.run(
        ["go", *arguments], cwd=cwd, env=go_environment(more), check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def go_version() -> tuple[int, int] | None:
    """Return (major, minor) of the `go` on PATH, None where there is none."""
    if shutil.which("go") is None:
        return None
    found = re.search(r"go(\d+)\.(\d+)", run_go("env", "GOVERSION", cwd=Path.cwd()))
    return (int(found[1]), int(found[2])) if found else None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; the system frees it when the process ends, however it ends."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another build that holds {path}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """Print one line at once, so that a log shows it before the minutes that follow."""
    print(f"backends: {line}", flush=True)


def ensure(name: str, *, rebuild: bool) -> None:
    """Build the backend `name` unless it is there.

    Raises:
        LookupError: no Go, or an older one than the backend needs.
        subprocess.CalledProcessError: the build failed.
    """
    backend, target = BACKENDS[name], binary_path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{backend.file_name}.lock")):
        if target.exists() and not rebuild:
            say(f"{name} is there: {target}")
            return
        version = go_version()
        if version is None or version < backend.go:
            found = "there is none on PATH" if version is None else f"found {version[0]}.{version[1]}"
            raise LookupError(f"{name} needs Go {backend.go[0]}.{backend.go[1]} or newer, {found}")
        say(f"building {backend.file_name}, about {backend.minutes} minutes on two cores the first time")
        started = time.monotonic()
        # A fixed name beside the target: the rename stays on one file system, and the next build clears a killed one.
        work = target.with_name(f".build-{backend.file_name}")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            backend.build(work).replace(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        size = target.stat().st_size / 1_000_000
        say(f"built {target} in {time.monotonic() - started:.0f} s, {size:.0f} MB")


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(description="Build the servers of the integration tests into the user's cache.")
    parser.add_argument("name", nargs="*", help=f"which ones: {', '.join(BACKENDS)} (default: all)")
    parser.add_argument("--print", action="store_true", help="print the paths of the binaries and build nothing")
    parser.add_argument("--rebuild", action="store_true", help="build again, as after a change of builder.yaml")
    options = parser.parse_args(arguments)
    names = options.name or list(BACKENDS)
    if unknown := sorted(set(names) - set(BACKENDS)):
        parser.error(f"no such backend: {', '.join(unknown)}; there are {', '.join(BACKENDS)}")
    if options.print:
        print(*map(binary_path, names), sep="\n")
        return 0
    # A terminated build must run its `finally` too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for name in names:
            ensure(name, rebuild=options.rebuild)
    except LookupError as missing:
        say(str(missing))
        return NO_GO
    except subprocess.CalledProcessError as failed:
        say(f"failed: {failed}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
