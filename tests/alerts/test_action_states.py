"""Property of actions: none is done without a confirmation, and none is lost."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import select

from service.alerts.action import ActionOutcome, ActionState, request_action
from service.errors import Problem
from service.rooms.actions import CannotAct, Carrier, RoomAction
from service.storage import tables
from service.storage.engine import Database
from service.storage.schema import open_database
from tests.alerts.acting import House, acting, prepare
from tests.storage.examples import SECOND, SetClock, an_alert

FINAL = {"action.done": ActionState.DONE, "action.failed": ActionState.FAILED}
OUTCOMES = st.sampled_from(ActionOutcome)


@cache
def template() -> bytes:
    """Return the file of a database with a room and an alert."""

    async def make(path: Path) -> None:
        database = await open_database(f"sqlite:///{path}")
        await prepare(database)
        await database.close()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "earshot.db"
        asyncio.run(make(path))
        return path.read_bytes()


class Actions(RuleBasedStateMachine):
    """Requests, deliveries, results, timeouts, restarts and crashes, in any order.

    Attributes:
        ids: Ids of the requested actions.
        confirmed: Outcomes that a receiver reported for each action.
        refuses: Whether rooms refuse what connectors ask of them.
    """

    requested: Bundle[str] = Bundle("requested")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = SetClock()
        self.numbers = itertools.count()
        self.ids: set[str] = set()
        self.confirmed: dict[str, set[ActionOutcome]] = {}
        self.refuses = False
        self.run_stack = AsyncExitStack()
        path = Path(self.folder.name) / "earshot.db"
        path.write_bytes(template())
        self.database = Database(f"sqlite:///{path}")

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def _start(self) -> None:
        self.house: House = await self.run_stack.enter_async_context(
            acting(self.database, self.clock)
        )
        self.house.rooms.error = CannotAct("no") if self.refuses else None

    @initialize(refuses=st.booleans())
    def start(self, refuses: bool) -> None:
        self.refuses = refuses
        self.do(self._start())

    @rule(
        target=requested,
        action=st.sampled_from(RoomAction),
        carrier=st.sampled_from(Carrier),
        person=st.sampled_from(["ann", "bob"]),
    )
    def request(self, action: RoomAction, carrier: Carrier, person: str) -> str:
        made = request_action(
            an_alert(),
            action,
            person,
            "Mo",
            self.clock(),
            id_=f"ac_{next(self.numbers)}",
            carrier=carrier,
            timeout=30 * SECOND,
            reason="",
            message="",
        )
        taken = self.do(self.house.runner.request(made))
        self.ids.add(taken.id)
        return str(taken.id)

    @rule(id_=requested)
    def deliver(self, id_: str) -> None:
        self.do(self.house.runner.record_delivery(id_, self.clock()))

    @rule(id_=requested, outcome=OUTCOMES)
    def report(self, id_: str, outcome: ActionOutcome) -> None:
        with suppress(Problem):  # another outcome stands, or a connector carries it out
            after = self.do(self.house.runner.record_result(id_, outcome, "so", "bot"))
            assert after.state == ActionState(outcome)
            self.confirmed.setdefault(id_, set()).add(outcome)

    @rule(seconds=st.sampled_from([1, 29, 31]))
    def pass_time(self, seconds: int) -> None:
        self.clock.now += seconds * SECOND

    @rule(yields=st.integers(1, 5))
    def let_tasks_run(self, yields: int) -> None:
        self.do(asyncio.sleep(0.002 * yields))

    @rule(refuses=st.booleans())
    def restart(self, refuses: bool) -> None:
        self.refuses = refuses
        self.do(self.run_stack.aclose())
        self.run_stack = AsyncExitStack()
        self.do(self._start())

    @precondition(lambda self: hasattr(self, "house"))
    @invariant()
    def nothing_is_done_without_a_confirmation(self) -> None:
        self.do(self._check())

    async def _check(self) -> None:
        async with self.database.read() as connection:  # one snapshot: tasks go on meanwhile
            logged = (
                await connection.execute(
                    select(tables.events.c.type, tables.events.c.data)
                    .where(tables.events.c.type.in_(list(FINAL)))
                    .order_by(tables.events.c.id)
                )
            ).all()
            stored = (await connection.execute(select(tables.actions))).all()
        last: dict[str, str] = {}
        for type_, data in logged:
            assert last.get(data["id"]) != "action.done", "what is done stays done"
            last[data["id"]] = type_
            assert data["state"] == FINAL[type_]
        assert {action.id for action in stored} == self.ids
        for action in stored:
            assert FINAL.get(last.get(action.id, ""), ActionState.PENDING) == action.state
            if (action.state, action.carrier) == (ActionState.DONE, Carrier.WEBHOOK):
                assert ActionOutcome.DONE in self.confirmed[action.id]

    def teardown(self) -> None:
        try:
            if hasattr(self, "house"):
                self.do(self._check())
                self.clock.now += 3600 * SECOND
                self.restart(refuses=False)  # it ends all that have expired
                for id_ in self.ids:
                    self.do(self.house.over(id_))
                self.do(self._check())
        finally:
            self.do(self.run_stack.aclose())
            self.do(self.database.close())
            self.loop.close()
            self.folder.cleanup()


Actions.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestActions = Actions.TestCase
