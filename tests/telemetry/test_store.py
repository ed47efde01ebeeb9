"""The local store: many writers, little disk, forks and full disks."""

import json
import logging
import multiprocessing
import os
import resource
import signal
import stat
import threading
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanContext

from autogen_otel.core.paths import STORE_FILE, default_path, store_file_name
from autogen_otel.telemetry import store_files
from autogen_otel.telemetry.store import Store, StoreLogExporter, StoreMetricExporter, StoreSpanExporter
from autogen_otel.telemetry.store_lock import try_lock, unlock

FORK = multiprocessing.get_context("fork")
RESOURCE = Resource({})
SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


def span(number, **settings):
    """Return a span with this number as its ID."""
    context = SpanContext(1, number, is_remote=False)
    return ReadableSpan("s", context, resource=RESOURCE, start_time=1, end_time=2, **settings)


def export(store, *numbers, **settings):
    """Export spans with these IDs in one batch."""
    return StoreSpanExporter(store).export([span(number, **settings) for number in numbers])


def numbers_in(*files):
    """Return the IDs of all spans in these files, line by line."""
    return [
        int(found["spanId"], 16)
        for file in files
        for line in file.read_bytes().splitlines()
        for found in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    ]


def files_of(store):
    """Return the files of a store, the first one first."""
    return sorted(store.path.glob("*.jsonl"))


@pytest.fixture
def store(tmp_path):
    """A store in a folder that does not exist yet."""
    return Store(tmp_path / "a" / "store")


class TestWriting:
    def test_each_signal_has_files_of_its_own(self, store):
        """The OTLP file format allows one kind of telemetry in a file."""
        tracing = TracerProvider(shutdown_on_exit=False)
        tracing.add_span_processor(SimpleSpanProcessor(StoreSpanExporter(store)))
        tracing.get_tracer("t").start_span("s").end()
        metering = MeterProvider([PeriodicExportingMetricReader(StoreMetricExporter(store))], shutdown_on_exit=False)
        metering.get_meter("t").create_counter("c").add(1)
        metering.shutdown()
        emit_log(StoreLogExporter(store))

        assert {
            STORE_FILE.fullmatch(file.name)["signal"]: set(json.loads(file.read_text())) for file in files_of(store)
        } == {
            "traces": {"resourceSpans"},
            "metrics": {"resourceMetrics"},
            "logs": {"resourceLogs"},
        }

    def test_only_the_owner_may_read(self, store):
        """The folder and its files may hold what customers said."""
        export(store, 1)

        assert [stat.S_IMODE(path.stat().st_mode) for path in (store.path, *files_of(store))] == [0o700, 0o600]

    def test_a_later_process_goes_on_with_the_file_of_an_earlier_one(self, store):
        """Many short processes do not leave many small files behind."""
        for number in range(1, 6):
            export(Store(store.path), number)

        assert [numbers_in(file) for file in files_of(store)] == [[1, 2, 3, 4, 5]]

    def test_a_full_file_is_followed_by_another(self, tmp_path):
        """No file grows beyond its limit, and the lines stay in order."""
        store = Store(tmp_path, max_file_bytes=1000)
        for number in range(1, 20):
            export(store, number)

        sizes = [file.stat().st_size for file in files_of(store)]
        assert (numbers_in(*files_of(store)), max(sizes) <= 1000, len(sizes) > 1) == (list(range(1, 20)), True, True)

    def test_a_line_longer_than_a_file_may_be_has_a_file_to_itself(self, tmp_path):
        """It is written whole, and nothing follows it."""
        store = Store(tmp_path, max_file_bytes=1000)
        export(store, 1)
        export(store, 2, attributes={"text": "x" * 5000})
        export(store, 3)

        assert sorted(numbers_in(file) for file in files_of(store)) == [[1, 3], [2]]

    def test_a_batch_longer_than_the_collector_reads_is_several_lines(self, store):
        """The Collector's file receiver cuts lines at 1 MiB."""
        export(store, 1, 2, 3, attributes={"text": "x" * 400_000})
        (file,) = files_of(store)

        assert [len(line) < 2**20 for line in file.read_bytes().splitlines()] == [True, True]

    def test_half_a_line_of_a_killed_writer_does_not_spoil_the_next_one(self, store):
        """The next line begins on a line of its own."""
        export(store, 1)
        (file,) = files_of(store)
        file.write_bytes(file.read_bytes() + b'{"resourceSp')
        export(Store(store.path), 2)
        first, half, second = file.read_bytes().splitlines()

        assert ("1" in json.dumps(json.loads(first)), half, bool(json.loads(second))) == (True, b'{"resourceSp', True)

    def test_a_stopped_clock_does_not_stop_the_store(self, tmp_path, monkeypatch):
        """Two files that are created at the same time have different names."""
        monkeypatch.setattr(store_files.time, "time_ns", lambda: 0)
        created = [store_files.create(tmp_path, "traces") for _ in range(3)]
        for _, fd in created:
            os.close(fd)

        assert len({path for path, _ in created}) == 3

    def test_a_folder_that_was_removed_is_made_again(self, store):
        """Nothing is written to a file that nobody can see any more."""
        export(store, 1)
        (file,) = files_of(store)
        file.unlink()
        store.path.rmdir()
        export(store, 2)

        assert numbers_in(*files_of(store)) == [2]

    def test_a_link_in_the_folder_is_not_followed(self, tmp_path):
        """In a folder where others may write, nobody can turn our lines onto another file, nor count it as ours."""
        link = tmp_path / store_file_name("traces", 10**18, 1)
        link.symlink_to(tmp_path / "other")
        (tmp_path / "other").write_text("")

        assert (store_files.files_of(tmp_path), store_files.open_existing(str(link))) == ([], None)

    def test_a_program_that_changes_its_folder_does_not_take_the_store_along(self, tmp_path, monkeypatch):
        """A relative path is meant from where the program started."""
        monkeypatch.chdir(tmp_path)
        store = Store(Path("store"))
        monkeypatch.chdir("/")
        export(store, 1)

        assert numbers_in(*(tmp_path / "store").iterdir()) == [1]


def emit_log(exporter):
    """Log one record by way of the SDK in use."""
    provider = sdk_logs.LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("t")
    if hasattr(sdk_logs, "LogRecord"):  # SDK 1.36 to 1.38
        logger.emit(sdk_logs.LogRecord(body="hello"))
    else:
        logger.emit(body="hello")


class TestBound:
    def test_the_oldest_files_make_room(self, tmp_path):
        """The store stays below its limit, keeps what is newest, and leaves files of others alone."""
        foreign = [tmp_path / name for name in ("traces-mine.jsonl", "traces.json", "notes.txt")]
        for file in foreign:
            file.write_text("x" * 50_000)
        store = Store(tmp_path, max_file_bytes=2000, max_total_bytes=20_000)
        for number in range(1, 201):
            export(store, number)
        own = [file for file in files_of(store) if STORE_FILE.fullmatch(file.name)]
        kept = numbers_in(*own)

        assert (
            kept,
            10_000 < sum(file.stat().st_size for file in own) <= 20_000,
            all(file.exists() for file in foreign),
        ) == (list(range(201 - len(kept), 201)), True, True)

    def test_the_bound_counts_all_signals_together(self, tmp_path):
        """Old logs make room for new spans, and a file is never so long that it needs all the room."""
        store = Store(tmp_path, max_total_bytes=4000)
        emit_log(StoreLogExporter(store))
        for number in range(1, 50):
            export(store, number)
        signals = [STORE_FILE.fullmatch(file.name)["signal"] for file in files_of(store)]
        total = sum(file.stat().st_size for file in files_of(store))

        assert (set(signals), len(signals) >= 3, total <= 4000) == ({"traces"}, True, True)

    def test_what_was_written_last_stays(self, tmp_path):
        """A single line longer than the whole store is better than nothing."""
        store = Store(tmp_path, max_total_bytes=1000)
        export(store, 1)
        export(store, 2, attributes={"text": "x" * 5000})

        assert numbers_in(*files_of(store)) == [2]

    def test_a_file_that_someone_writes_to_is_not_removed(self, tmp_path):
        """What is being written is not old."""
        store = Store(tmp_path, max_file_bytes=300, max_total_bytes=2000)
        export(store, 1)
        (first,) = files_of(store)
        fd = store_files.open_existing(str(first))
        try_lock(fd)
        for number in range(2, 20):
            export(store, number)
        unlock(fd)
        os.close(fd)

        assert numbers_in(first) == [1]

    def test_no_line_goes_into_a_file_that_was_removed_meanwhile(self, store):
        """Between opening and locking a file another process may remove it."""
        export(store, 1)
        (file,) = files_of(store)
        fd = store_files.open_existing(str(file))
        file.unlink()
        taken = store_files.append(fd, b"{}\n", 1000)
        os.close(fd)

        assert taken is False


def write_batches(store, first, threads, batches):
    """Export batches of three spans each from several threads; the IDs count on from `first`."""

    def write(start):
        for number in range(start, start + 3 * batches, 3):
            assert export(store, number, number + 1, number + 2) is SUCCESS

    workers = [threading.Thread(target=write, args=(first + index * 3 * batches,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


class TestManyWriters:
    def run(self, store, processes, threads, batches):
        """Let several processes write at once, and wait for them."""
        each = 3 * threads * batches
        running = [
            FORK.Process(target=write_batches, args=(store, 1 + index * each, threads, batches))
            for index in range(processes)
        ]
        for process in running:
            process.start()
        for process in running:
            process.join()
        return [process.exitcode for process in running]

    def test_each_span_is_there_exactly_once(self, tmp_path):
        """With 4 processes, 2 threads in each and a new file after every few lines nothing is torn, lost or doubled."""
        store = Store(tmp_path, max_file_bytes=20_000)

        assert (self.run(store, 4, 2, 200), Counter(numbers_in(*files_of(store)))) == (
            [0] * 4,
            Counter(range(1, 4801)),
        )

    def test_the_bound_holds_when_all_have_written(self, tmp_path):
        """Processes that remove files at the same time leave what fits, and every line that stays is whole."""
        store = Store(tmp_path, max_file_bytes=2000, max_total_bytes=20_000)
        codes = self.run(store, 2, 2, 100)
        kept = numbers_in(*files_of(store))

        assert (
            codes,
            len(kept) == len(set(kept)),
            5000 < sum(file.stat().st_size for file in files_of(store)) <= 20_000,
        ) == ([0, 0], True, True)

    def test_a_fork_while_another_thread_writes_does_not_stop_the_child(self, store, monkeypatch):
        """The child exports although the lock that its parent holds was forked with it."""
        holding, go_on, parent, real = threading.Event(), threading.Event(), os.getpid(), store_files._write

        def write(*args):
            if os.getpid() == parent:
                holding.set()
                go_on.wait()
            real(*args)

        monkeypatch.setattr(store_files, "_write", write)
        thread = threading.Thread(target=export, args=(store, 1))
        thread.start()
        holding.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            os._exit(0 if export(store, 2) is SUCCESS else 1)
        _, status = os.waitpid(child, 0)
        go_on.set()
        thread.join()

        assert (status, sorted(numbers_in(*files_of(store)))) == (0, [1, 2])


class TestFailure:
    def test_a_place_that_cannot_be_written_is_said_once_and_tried_again(self, tmp_path, caplog):
        """The exporter answers FAILURE, warns once with path and reason, and goes on as soon as it can."""
        blocked = tmp_path / "file"
        blocked.write_text("")
        store = Store(blocked / "store")
        with caplog.at_level(logging.WARNING, "autogen_otel"):
            failed = [export(store, number) for number in (1, 2)]
        blocked.unlink()
        recovered = export(store, 3)

        assert (
            failed,
            [record.getMessage() for record in caplog.records],
            recovered,
            numbers_in(*files_of(store)),
        ) == (
            [FAILURE, FAILURE],
            [f"telemetry is lost, {blocked}/store cannot be written: Not a directory; it is tried again"],
            SUCCESS,
            [3],
        )

    def test_a_full_disk_leaves_no_half_line(self, store):
        """What the disk took of a line is cut off again; when there is space, lines are appended as before."""
        export(store, 1)
        (file,) = files_of(store)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 100, limits[1]))
        try:
            failed = export(store, 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        recovered = export(store, 3)

        assert (failed, recovered, numbers_in(file)) == (FAILURE, SUCCESS, [1, 3])

    def test_a_file_of_another_user_is_passed_over(self, store, monkeypatch):
        """A file that may not be opened is no reason to lose a line."""
        export(store, 1)
        monkeypatch.setattr(store_files, "open_existing", lambda _: None)
        monkeypatch.setattr("autogen_otel.telemetry.store.open_existing", lambda _: None)
        export(store, 2)

        assert [numbers_in(file) for file in files_of(store)] == [[1], [2]]


class TestPaths:
    @pytest.mark.parametrize(
        ("environ", "path"),
        [
            ({"AUTOGEN_OTEL_STORE": "/s", "XDG_STATE_HOME": "/x"}, "/s"),
            ({"XDG_STATE_HOME": "/x"}, "/x/autogen-otel"),
            ({"XDG_STATE_HOME": ""}, "/home/me/.local/state/autogen-otel"),
        ],
    )
    def test_the_default_folder_is_named_or_below_the_state_folder(self, environ, path, monkeypatch):
        """`AUTOGEN_OTEL_STORE` comes before XDG's state folder, which comes before its default."""
        monkeypatch.setenv("HOME", "/home/me")

        assert str(default_path(environ)) == path

    def test_a_file_name_sorts_by_its_time(self):
        """The stamp is UTC, to the microsecond."""
        assert store_file_name("logs", 1_700_000_000_123_456_789, 7) == "logs-20231114T221320123456-7.jsonl"
