from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from service.feed.event import EVENT_TYPES, body, data
from tests.feed.examples import LEVELS, STORED
from tests.storage.examples import NOW

GOLDEN = Path(__file__).parent / "goldens" / "events.json"


def rendered() -> dict[str, Any]:
    return {event.type: body(event.type, NOW, data(event)) for event in (*STORED, LEVELS)}


def test_there_is_an_example_of_every_event_type() -> None:
    assert set(rendered()) == set(EVENT_TYPES)


def test_every_event_has_the_json_that_clients_were_promised() -> None:
    """After an intended change run `python -m tests.feed.test_events` and read the difference."""
    assert rendered() == json.loads(GOLDEN.read_text("utf-8"))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(rendered(), indent=2, ensure_ascii=False) + "\n", "utf-8")
