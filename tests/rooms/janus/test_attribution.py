"""Attribution of packets while speakers join, leave, vanish and are removed in any order.

Each speaker sends a clip of their own, and Janus passes packets on unchanged: so the bytes of a
packet tell its speaker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.listening.packet import Packet
from tests.janus import ROOM_SECRET, Janus
from tests.rooms.calls import until
from tests.rooms.fakes import Audience
from tests.rooms.janus.stage import listening, speaking, voice

pytestmark = pytest.mark.janus

CLIPS = {
    "ann": "trudy-insult.opus",
    "bob": "walt-despair.opus",
    "cat": "grace-topic.opus",
    "dan": "mallory-casino.opus",
    "eve": "trudy-guitar.opus",
}
_Result = TypeVar("_Result")


@cache
def owners() -> dict[bytes, str]:
    """Return the payloads that only one speaker sends, with that speaker."""
    sent = {id_: {packet.payload for packet in voice(clip)} for id_, clip in CLIPS.items()}
    counts = Counter(payload for payloads in sent.values() for payload in payloads)
    return {
        payload: id_
        for id_, payloads in sent.items()
        for payload in payloads
        if counts[payload] == 1
    }


@dataclass
class Witness(Audience):
    """An audience that knows the payloads of every speaker.

    Attributes:
        known: Number of attributable packets by the speaker they were reported for.
        wrong: Speaker reported and true speaker of each wrong packet.
    """

    known: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def push(self, room_id: str, speaker_id: str, packet: Packet) -> None:
        super().push(room_id, speaker_id, packet)
        owner = owners().get(packet.payload)
        if owner is not None:
            self.known[speaker_id] += 1
            if owner != speaker_id:
                self.wrong.append((speaker_id, owner))


class Crowd(RuleBasedStateMachine):
    """Steps wait as little as they can, so that the next one may overlap."""

    janus: Janus
    rooms = 0

    def __init__(self) -> None:
        super().__init__()
        Crowd.rooms += 1
        self.room = f"crowd-{Crowd.rooms}"
        self.janus.make_room(self.room)
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.witness = Witness()
        self.speakers = self.do(self.stack.enter_async_context(speaking(self.janus, self.room)))
        ours = listening(self.janus, self.room, audience=self.witness)
        self.ours = self.do(self.stack.enter_async_context(ours))

    def do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self.runner.run(work)

    @property
    def here(self) -> set[str]:
        return set(self.speakers.tasks)

    @precondition(lambda self: len(self.here) < len(CLIPS))
    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(set(CLIPS) - self.here)))
        self.do(self.speakers.join(who, clip=CLIPS[who]))

    @precondition(lambda self: self.here)
    @rule(data=st.data(), heard=st.booleans())
    def leave(self, data: st.DataObject, heard: bool) -> None:
        if heard:
            self.all_are_heard()
        self.do(self.speakers.leave(data.draw(st.sampled_from(sorted(self.here)))))

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def leave_and_come_back(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.here)))
        self.do(self.speakers.leave(who))
        self.do(self.speakers.join(who, clip=CLIPS[who]))

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def change_places(self, data: st.DataObject) -> None:
        """One speaker leaves while another joins."""
        leaves = data.draw(st.sampled_from(sorted(self.here)))
        away = sorted(set(CLIPS) - self.here)
        comes = data.draw(st.sampled_from(away)) if away else leaves

        async def change() -> None:
            if comes == leaves:
                await self.speakers.leave(leaves)
                return
            await asyncio.gather(
                self.speakers.leave(leaves), self.speakers.join(comes, clip=CLIPS[comes])
            )

        self.do(change())

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def kick(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(sorted(self.here)))
        self.speakers.stay_away(who)
        kick = {"request": "kick", "room": self.room, "secret": ROOM_SECRET, "id": who}
        self.janus.ask(kick)
        self.do(self.speakers.leave(who))

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        """Only the peer connection ends, which Janus notices by itself."""
        self.do(self.speakers.vanish(data.draw(st.sampled_from(sorted(self.here)))))

    @rule()
    def all_are_heard(self) -> None:
        async def heard() -> None:
            await until(lambda: set(self.witness.here) == self.here)
            before = self.witness.known.copy()
            await until(lambda: all(self.witness.known[one] > before[one] for one in self.here))

        self.do(heard())

    @invariant()
    def no_packet_has_the_wrong_speaker(self) -> None:
        assert self.witness.wrong == []
        assert self.ours.over == []

    def teardown(self) -> None:
        try:
            self.all_are_heard()
            assert self.witness.wrong == []
            for who in sorted(self.here):
                self.do(self.speakers.leave(who))
            self.do(until(lambda: not self.witness.here))
            self.do(self.stack.aclose())
            assert self.janus.handles() == [], "a handle is left at Janus"
        finally:
            self.runner.close()


def run(janus: Janus, examples: int) -> None:
    Crowd.janus = janus
    run_state_machine_as_test(
        Crowd,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.reuse, Phase.generate],  # shrinking would take an hour
            print_blob=True,
        ),
    )


def test_no_packet_is_ever_attributed_to_another_speaker(janus: Janus) -> None:
    run(janus, 4)


@pytest.mark.drill
@pytest.mark.timeout(3600)
def test_no_packet_is_ever_attributed_to_another_speaker_in_many_runs(janus: Janus) -> None:
    run(janus, 150)
