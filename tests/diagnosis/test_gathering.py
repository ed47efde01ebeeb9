"""Reading by several processes."""

from __future__ import annotations

import json

from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathering import gather
from autogen_otel.diagnosis.render_diagnosis_json import diagnosis_data

from .documents import chat, document, span


def test_several_processes_read_what_one_reads(tmp_path):
    """However many processes read a store, the same comes out; what cannot be read is told by each of them."""
    server = document(span(9, 0, "POST /chat", 0, 120, trace=10, http__route="/chat"), scope="fastapi")
    parts = [
        [document(*chat("req-1", 10, 0), host__name="a"), server],
        [document(*chat("req-2", 20, 50), host__name="b"), document(*chat("req-3", 30, 60), host__name="b")],
        [document(*chat("req-4", 40, 300), host__name="a")],
    ]
    for number, part in enumerate(parts):
        lines = [*map(json.dumps, part), "{"]
        (tmp_path / f"part-{number}.jsonl").write_text("\n".join(lines))
    told = []
    for much in (0, 10**9):
        problems: list[object] = []
        found = diagnose(gather(tmp_path, since_ns=0, on_problem=problems.append, much=much))
        told.append((diagnosis_data(found, "store"), len(problems)))

    assert (told[0], told[0][0]["causes"][0]["request_ids"], told[0][1]) == (told[1], ["req-2", "req-3"], 3)
