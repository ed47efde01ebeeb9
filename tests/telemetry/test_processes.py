"""Telemetry of whole processes: at their end, over a fork, and where it cannot be sent."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from autogen_otel.diagnosis.load import StoredLog, StoredSpan, load


def run(script: str, tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program with its own store; OpenTelemetry is as the test's environment says, and not as ours."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**clean, "AUTOGEN_OTEL_STORE": str(tmp_path / "store"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def spans_in(tmp_path: Path) -> Counter[str]:
    """Count the stored spans by request ID."""
    return Counter(
        record.attributes["autogen.request.id"] for record in load(tmp_path / "store") if isinstance(record, StoredSpan)
    )


def logs_in(tmp_path: Path) -> Counter[tuple[str, str]]:
    """Count the stored log records by request ID and event."""
    return Counter(
        (str(record.attributes["request_id"]), str(record.body))
        for record in load(tmp_path / "store")
        if isinstance(record, StoredLog)
    )


ONE_REQUEST = """
    import autogen_otel
    autogen_otel.instrument()
    with autogen_otel.request("req-1"):
        pass
"""

# Exit handlers run last in, first out: this one prints how long those of autogen-otel took. Left to itself, the SDK
# takes ten seconds and more; between that and our two there is room for a busy machine.
TIMED = """
    import atexit, time
    ended = []
    atexit.register(lambda: print(time.monotonic() - ended[0]))
    import autogen_otel
    autogen_otel.instrument()
    with autogen_otel.request("req-1"):
        pass
    atexit.register(lambda: ended.append(time.monotonic()))
"""


def test_what_is_queued_is_stored_when_the_program_ends(tmp_path):
    """A program of a few milliseconds leaves its span and its log records in the store."""
    done = run(ONE_REQUEST, tmp_path)

    assert (done.returncode, spans_in(tmp_path), logs_in(tmp_path)) == (
        0,
        {"req-1": 1},
        {("req-1", "request started"): 1, ("req-1", "request finished"): 1},
    )


def test_program_that_exits_by_an_exception_is_told(tmp_path):
    """An exception that ends the program is in the store, with its outcome."""
    done = run(ONE_REQUEST.replace("pass", "raise SystemExit(3)"), tmp_path)

    (span,) = [record for record in load(tmp_path / "store") if isinstance(record, StoredSpan)]
    assert (done.returncode, span.attributes["error.type"], [event[0] for event in span.events]) == (
        3,
        "SystemExit",
        ["exception"],
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def terminated(command: list[str], tmp_path: Path, *, when: str, **environ: str) -> int:
    """Run a program, send it SIGTERM when it has printed a line, and return what it ended with."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    environ = {**clean, "AUTOGEN_OTEL_STORE": str(tmp_path / "store"), "PYTHONUNBUFFERED": "1", **environ}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if when in line:
                program.terminate()
        return program.wait(60)


def test_program_that_is_terminated_stores_what_is_queued(tmp_path):
    """SIGTERM, by which containers are stopped, ends a program as ever and loses nothing."""
    script = textwrap.dedent(ONE_REQUEST) + "\nprint('ready')\nimport time\ntime.sleep(60)"

    code = terminated([sys.executable, "-c", script], tmp_path, when="ready")

    assert (code, spans_in(tmp_path)) == (-signal.SIGTERM, {"req-1": 1})


def test_program_that_is_terminated_does_not_wait_for_a_lock_of_its_own(tmp_path):
    """A program that is interrupted while it holds a lock of ours ends, though its endpoint never answers."""
    script = (
        textwrap.dedent(ONE_REQUEST)
        + "\nfrom autogen_otel.core.forks import fork_gate\nfork_gate.acquire()"
        + "\nprint('ready')\nimport time\ntime.sleep(60)"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code = terminated([sys.executable, "-c", script], tmp_path, when="ready", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)

    assert code == -signal.SIGTERM


def test_handler_of_the_application_for_the_signal_stays(tmp_path):
    """An application that handles SIGTERM itself keeps its handler, and the signal is given back in the end."""
    done = run(
        """
        import signal, autogen_otel
        before = signal.getsignal(signal.SIGTERM)
        autogen_otel.instrument()
        autogen_otel.uninstrument()
        after = signal.getsignal(signal.SIGTERM)
        own = lambda *_: None
        signal.signal(signal.SIGTERM, own)
        autogen_otel.instrument()
        print(before is after is signal.SIG_DFL, signal.getsignal(signal.SIGTERM) is own)
        """,
        tmp_path,
    )

    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_server_that_is_terminated_stores_what_is_queued(tmp_path):
    """Uvicorn ends by raising its signal again, with which the process is killed; the last requests are stored."""
    pytest.importorskip("uvicorn")
    (tmp_path / "service.py").write_text(textwrap.dedent(ONE_REQUEST) + "\nasync def app(scope, receive, send): ...\n")
    command = [sys.executable, "-m", "uvicorn", "service:app", "--port", "0", "--lifespan", "off"]

    code = terminated(command, tmp_path, when="Uvicorn running", PYTHONPATH=str(tmp_path))

    assert (code, spans_in(tmp_path)) == (-signal.SIGTERM, {"req-1": 1})


def test_children_of_a_fork_go_on_telling(tmp_path):
    """Parent and children that were forked between two requests store each of their spans once, and nothing hangs."""
    done = run(
        """
        import os, autogen_otel
        active = autogen_otel.instrument()
        with autogen_otel.request("before"):
            pass
        children = []
        for number in range(3):
            pid = os.fork()
            if pid == 0:
                with autogen_otel.request(f"child-{number}"):
                    pass
                active.flush()
                os._exit(0)
            children.append(pid)
        statuses = [os.waitpid(pid, 0)[1] for pid in children]
        with autogen_otel.request("after"):
            pass
        raise SystemExit(sum(statuses))
        """,
        tmp_path,
    )

    names = ["before", "child-0", "child-1", "child-2", "after"]
    logged = Counter({(name, event): 1 for name in names for event in ("request started", "request finished")})
    assert (done.returncode, done.stderr.count("Traceback"), spans_in(tmp_path), logs_in(tmp_path)) == (
        0,
        0,
        dict.fromkeys(names, 1),
        logged,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_child_that_ends_normally_flushes_too(tmp_path):
    """A forked worker that leaves through sys.exit stores what it has queued."""
    done = run(
        """
        import os, sys, autogen_otel
        autogen_otel.instrument()
        with autogen_otel.request("before"):
            pid = os.fork()
            if pid == 0:
                with autogen_otel.request("child"):
                    pass
                sys.exit(0)
            os.waitpid(pid, 0)
        """,
        tmp_path,
    )

    found = spans_in(tmp_path)
    # The fork stands inside "before": its end is told by the parent and, as sys.exit passes it, by the child.
    assert (done.returncode, found["child"], found["before"]) == (0, 1, 2)


def test_sigterm_at_the_end_waits_until_what_is_queued_is_sent(tmp_path):
    """A pool of processes is told to end while it ends by itself: nothing is lost, and the signal ends the process."""
    done = run(
        """
        import os, signal
        import autogen_otel
        providers = autogen_otel.instrument().providers
        shutdown = providers.shutdown

        def terminated_meanwhile():
            os.kill(os.getpid(), signal.SIGTERM)
            shutdown()

        providers.shutdown = terminated_meanwhile
        with autogen_otel.request("req-1"):
            pass
        """,
        tmp_path,
    )

    assert (done.returncode, spans_in(tmp_path)) == (-signal.SIGTERM, {"req-1": 1})


MULTIPROCESSING = """
import multiprocessing, sys
import autogen_otel

def work(number):
    autogen_otel.instrument()
    with autogen_otel.request(f"child-{number}"):
        pass

if __name__ == "__main__":
    autogen_otel.instrument()
    context = multiprocessing.get_context(sys.argv[1])
    with autogen_otel.request("parent"):
        pass
    alone = context.Process(target=work, args=(1,))
    alone.start()
    alone.join()
    with context.Pool(1) as pool:
        pool.map(work, [2, 3])
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_of_multiprocessing_store_what_is_queued(tmp_path, method):
    """A process of multiprocessing runs nothing at exit, or is terminated with its pool; nothing of it is lost."""
    (tmp_path / "program.py").write_text(MULTIPROCESSING)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), method],
        env={**clean, "AUTOGEN_OTEL_STORE": str(tmp_path / "store")},
        check=True,
        timeout=60,
        capture_output=True,
    )

    assert spans_in(tmp_path) == {"parent": 1, "child-1": 1, "child-2": 1, "child-3": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_while_other_threads_tell(tmp_path):
    """Forks at any moment, while threads tell spans, logs and metrics, lose nothing of the children and never hang.

    The metrics SDK does not renew its locks in a child: one that a thread of the parent held is held for ever.
    """
    done = run(
        """
        import os, threading, autogen_otel
        from autogen_otel.core.facts import Kind
        from autogen_otel.operations.opening import open_operation
        active = autogen_otel.instrument()
        stop = threading.Event()
        def tell(name):
            with autogen_otel.request(name):
                operation = open_operation(Kind.TOOL, "tool", tool="tool")
                operation.enter()
                operation.finish()
                operation.leave()
        def work(name):
            while not stop.is_set():
                tell(name)
        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(3)]
        for thread in threads: thread.start()
        children = []
        for number in range(20):
            pid = os.fork()
            if pid == 0:
                tell(f"child-{number}")
                active.flush()
                os._exit(0)
            children.append(pid)
        statuses = [os.waitpid(pid, 0)[1] for pid in children]
        stop.set()
        for thread in threads: thread.join()
        raise SystemExit(sum(statuses))
        """,
        tmp_path,
        AUTOGEN_OTEL_LOG_LEVEL="WARNING",
    )

    found = spans_in(tmp_path)
    assert (done.returncode, [found[f"child-{number}"] for number in range(20)]) == (0, [2] * 20)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_child_does_not_send_the_parents_metrics_again(tmp_path):
    """A child counts from nothing: what the parent counted before the fork is sent by the parent only."""
    done = run(
        """
        import os, autogen_otel
        from autogen_otel.core.facts import Kind
        from autogen_otel.operations.opening import open_operation
        active = autogen_otel.instrument()
        def tell(times):
            for _ in range(times):
                open_operation(Kind.TOOL, "tool", tool="tool").finish()
        tell(5)
        pid = os.fork()
        tell(0 if pid else 2)
        if pid: os.waitpid(pid, 0)
        """,
        tmp_path,
    )

    counts = [
        int(point["count"])
        for path in (tmp_path / "store").glob("metrics-*.jsonl")
        for line in path.read_text().splitlines()
        for resource in json.loads(line)["resourceMetrics"]
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
        if metric["name"] == "gen_ai.execute_tool.duration"
        for point in metric["histogram"]["dataPoints"]
    ]
    assert (done.returncode, sorted(counts)) == (0, [2, 5])


def test_endpoint_that_does_not_answer_holds_the_exit_for_two_seconds_at_most(tmp_path):
    """With a Collector that takes connections and never answers, the program ends in time and without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = run(TIMED, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)

    assert (done.returncode, float(done.stdout) < 6, "Traceback" in done.stderr) == (0, True, False)


def test_flush_does_not_wait_for_an_endpoint_that_does_not_answer(tmp_path):
    """`flush(seconds)` comes back in time and says that not everything was sent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run(
            """
            import time, autogen_otel
            active = autogen_otel.instrument()
            with autogen_otel.request("req-1"):
                pass
            started = time.monotonic()
            print(active.flush(0.3), time.monotonic() - started < 6)
            """,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
        )

    assert (done.returncode, done.stdout.split()) == (0, ["False", "True"])


def test_endpoint_that_is_not_there_gets_one_warning(tmp_path):
    """A refused connection is told in one line, and what could not be sent is in the store."""
    done = run(TIMED, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert (
        [line["event"].partition(";")[0] for line in lines if line["level"] == "warning"],
        float(done.stdout) < 6,
        spans_in(tmp_path),
    ) == (["http://127.0.0.1:9 does not take traces"], True, {"req-1": 1})


def test_store_that_cannot_be_written_gets_one_warning(tmp_path):
    """A store below a file is told in one warning; the program runs on."""
    (tmp_path / "store").write_text("a file")
    done = run(ONE_REQUEST, tmp_path)

    warnings = [json.loads(line) for line in done.stderr.splitlines() if "cannot be written" in line]
    assert (done.returncode, [(line["level"], line["logger"]) for line in warnings]) == (
        0,
        [("warning", "autogen_otel")],
    )


def test_disabled_sdk_records_nothing(tmp_path):
    """OTEL_SDK_DISABLED=true: nothing is patched, stored or logged."""
    done = run(ONE_REQUEST, tmp_path, OTEL_SDK_DISABLED="true")

    assert (done.returncode, done.stderr, (tmp_path / "store").exists()) == (0, "", False)


def test_exporter_named_by_the_environment_is_used(tmp_path):
    """OTEL_TRACES_EXPORTER=console prints spans, and none stores nothing."""
    done = run(
        ONE_REQUEST, tmp_path, OTEL_TRACES_EXPORTER="console", OTEL_LOGS_EXPORTER="none", OTEL_METRICS_EXPORTER="none"
    )

    assert ('"name": "request"' in done.stdout, (tmp_path / "store").exists()) == (True, False)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("no_such", ""), ("otlp_proto_grpc", ", install it with: pip install opentelemetry-exporter-otlp-proto-grpc")],
)
def test_missing_exporter_is_told_and_telemetry_is_kept(tmp_path, name, hint):
    """An exporter that is not installed gets a warning, with the package where that is known; spans go to the store."""
    if any(entry_points(group="opentelemetry_traces_exporter", name=name)):
        pytest.skip(f"{name} is installed")
    done = run(ONE_REQUEST, tmp_path, OTEL_TRACES_EXPORTER=name)

    warning = f"no exporter '{name}' is installed, traces are kept in the local store{hint}\n"
    assert (done.stderr.startswith(warning), spans_in(tmp_path)) == (True, {"req-1": 1})


def test_entry_point_instruments_without_a_line_of_code(tmp_path):
    """`opentelemetry-instrument` finds the instrumentor by its entry point."""
    done = run(
        """
        from importlib.metadata import entry_points
        (found,) = entry_points(group="opentelemetry_instrumentor", name="autogen")
        instrumentor = found.load()()
        instrumentor.instrument()
        import autogen_otel
        with autogen_otel.request("req-1"):
            pass
        instrumentor.uninstrument()
        with autogen_otel.request("req-2"):
            pass
        """,
        tmp_path,
    )

    assert (done.returncode, done.stderr.count("Traceback"), spans_in(tmp_path)) == (0, 0, {"req-1": 1})


def test_opentelemetry_instrument_needs_no_line_of_code(tmp_path):
    """`opentelemetry-instrument python app.py` records requests of a program that calls `instrument()` nowhere."""
    command = Path(sys.executable).with_name("opentelemetry-instrument")
    app = tmp_path / "app.py"
    app.write_text("import autogen_otel\nwith autogen_otel.request('req-1'):\n    pass\n")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHON"))}
    done = subprocess.run(
        [str(command), sys.executable, str(app)],
        env={**clean, "AUTOGEN_OTEL_STORE": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, "Traceback" in done.stderr, spans_in(tmp_path)) == (0, False, {"req-1": 1})


def test_providers_that_the_application_sets_up_later_are_used(tmp_path):
    """A TracerProvider set after `instrument()` gets the spans, without a warning that one is there already."""
    done = run(
        """
        import autogen_otel
        autogen_otel.instrument()
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
        trace.set_tracer_provider(provider)
        with autogen_otel.request("req-1"):
            pass
        """,
        tmp_path,
        OTEL_LOGS_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
    )

    assert (done.stdout.count('"name": "request"'), "Overriding" in done.stderr, (tmp_path / "store").exists()) == (
        1,
        False,
        False,
    )


def test_spans_of_others_inside_a_request_carry_it(tmp_path):
    """A span that the application itself opens inside a request carries the request ID."""
    run(
        """
        import autogen_otel
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from autogen_otel.telemetry.store import Store, StoreSpanExporter
        autogen_otel.instrument()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(StoreSpanExporter(Store(autogen_otel.Settings.from_env().store))))
        trace.set_tracer_provider(provider)
        tracer = trace.get_tracer("app")
        with autogen_otel.request("req-1"):
            with tracer.start_as_current_span("mine"):
                pass
        """,
        tmp_path,
    )

    found = {record.name: record.attributes for record in load(tmp_path / "store") if isinstance(record, StoredSpan)}
    assert found["mine"]["autogen.request.id"] == "req-1"
