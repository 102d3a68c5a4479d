from __future__ import annotations

import json

import pytest

from service.commands.connections import REFUSAL, WARN_EVERY_S, Closed, Connections
from service.metrics import Metrics
from tests.e2e.resources import metrics as parse_metrics


class Line:
    """Connection that notes when it gives way."""

    def __init__(self, *, unread: bool = False) -> None:
        self.unread = unread
        self.closed = False

    def give_way(self) -> None:
        self.closed = True

    def is_unread(self) -> bool:
        return self.unread


class Bench:
    def __init__(self, most: int) -> None:
        self.metrics = Metrics()
        self.now_s = 100.0
        self.connections = Connections(most, self.metrics, lambda: self.now_s)

    def admit(self, *, unread: bool = False, waiting: bool = False) -> Line | None:
        line = Line(unread=unread)
        if not self.connections.admit(line):
            return None
        if waiting:
            self.connections.mark_waiting(line)
        return line

    def value(self, name: str) -> float:
        return parse_metrics(self.metrics.render().decode()).get(name, 0.0)


def test_the_connection_that_waits_longest_for_its_client_gives_way() -> None:
    bench = Bench(3)
    busy, old, new = bench.admit(), bench.admit(waiting=True), bench.admit(waiting=True)
    assert busy
    assert old
    assert new
    assert bench.admit(waiting=True) is not None
    assert (busy.closed, old.closed, new.closed) == (False, True, False)
    assert bench.value("earshot_http_connections") == 3
    assert bench.value('earshot_http_connections_closed_total{why="idle"}') == 1


def test_a_connection_that_is_being_answered_keeps_its_place_and_the_new_one_is_refused() -> None:
    bench = Bench(2)
    feed, request = bench.admit(), bench.admit(waiting=True)
    assert feed
    assert request
    bench.connections.mark_busy(request)
    assert bench.admit() is None
    assert not feed.closed
    assert not request.closed
    bench.connections.remove(request)
    assert bench.admit() is not None, "a place is free again"


def test_a_client_that_does_not_read_its_answer_gives_way_last() -> None:
    bench = Bench(2)
    unread, waiting = bench.admit(unread=True), bench.admit(waiting=True)
    assert unread
    assert waiting
    assert bench.admit() is not None
    assert (unread.closed, waiting.closed) == (False, True)
    assert bench.admit() is not None
    assert unread.closed


def test_many_refusals_are_one_warning_with_their_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bench = Bench(1)
    assert bench.admit()
    for _ in range(500):
        assert bench.admit() is None
    assert capsys.readouterr().out.count("http.connections_refused") == 1
    bench.now_s += WARN_EVERY_S
    bench.connections.count(Closed.NO_DESCRIPTOR)
    warned = capsys.readouterr().out
    assert "refused=499" in warned
    assert "no_descriptor=1" in warned


def test_a_refusal_is_a_problem_with_the_remedy() -> None:
    head, _, body = REFUSAL.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert f"content-length: {len(body)}".encode() in head
    problem = json.loads(body)
    assert problem["type"] == "urn:earshot:problem:too-many-connections"
    assert "raise its limit of open files" in problem["detail"]
