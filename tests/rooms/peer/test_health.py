from __future__ import annotations

from dataclasses import dataclass, field

from service.rooms.peer.health import (
    FLOOD,
    FLOOD_S,
    SHOWN_S,
    SOURCES,
    STALLED,
    STALLED_S,
    Health,
)
from service.rooms.peer.intake import MOST_SOURCES, Intake, Unfit

BEGAN_S = 1_000.0


@dataclass
class Publisher:
    """Looked at twice a second."""

    told: list[str] = field(default_factory=list)
    intake: Intake = field(default_factory=Intake)
    now_s: float = BEGAN_S
    ended: str = ""

    def __post_init__(self) -> None:
        self.health = Health(self.intake, self.told.append, self.now_s)

    def go_on(
        self,
        seconds: float,
        *,
        datagrams: int = 25,
        taken: bool = True,
        reported: int | None = None,
        unfit: Unfit | None = None,
    ) -> None:
        """Args: reported: Packets sent for each look, by the sender's reports."""
        for look in range(round(seconds * 2)):
            self.now_s += 0.5
            if taken:
                assert self.intake.takes(7, round(self.now_s * 48_000), self.now_s)
            if unfit is not None:
                for _ in range(20):
                    self.intake.refuse(unfit)
            sent = None if reported is None else reported * look
            asked = sent if self.health.quiet(self.now_s) else None
            self.ended = self.ended or self.health.look(datagrams, asked, self.now_s)


def test_a_speaker_is_well() -> None:
    ann = Publisher()
    ann.go_on(600)
    assert (ann.told, ann.ended) == ([], "")


def test_a_flood_that_lasts_is_ended_and_one_that_does_not_is_not() -> None:
    mallory = Publisher()
    mallory.go_on(FLOOD_S - 1, datagrams=5_000)
    mallory.go_on(0.5)
    mallory.go_on(FLOOD_S - 1, datagrams=5_000)
    assert mallory.ended == ""
    mallory.go_on(1, datagrams=5_000)
    assert mallory.ended == FLOOD


def test_one_source_more_than_is_taken_is_the_end() -> None:
    mallory = Publisher()
    for ssrc in range(MOST_SOURCES + 1):
        mallory.intake.takes(ssrc, 0, mallory.now_s + ssrc)
    mallory.now_s += 60
    mallory.go_on(0.5, taken=False)
    assert mallory.ended == SOURCES


def test_what_is_passed_over_is_told_of_once_and_its_end_too() -> None:
    mallory = Publisher()
    mallory.go_on(30, unfit=Unfit.RATE)
    assert len(mallory.told) == 1
    assert "more than 250 packets a second" in mallory.told[0]
    mallory.go_on(SHOWN_S - 1)
    assert len(mallory.told) == 1
    mallory.go_on(2)
    assert mallory.told[1:] == [""]


def test_the_word_changes_every_ten_seconds_at_most() -> None:
    mallory = Publisher()
    for _ in range(30):
        mallory.go_on(0.5, unfit=Unfit.RATE)
        mallory.go_on(0.5, unfit=Unfit.STRAY)
    assert 1 <= len(mallory.told) <= 30 / SHOWN_S + 1


def test_a_stray_packet_now_and_then_is_not_worth_a_word() -> None:
    ann = Publisher()
    for _ in range(100):
        ann.intake.refuse(Unfit.STRAY)
        ann.go_on(1)
    assert ann.told == []


def test_packets_that_are_sent_and_do_not_arrive_are_told_of() -> None:
    ann = Publisher()
    ann.go_on(60, taken=False, reported=25)
    assert ann.told == [STALLED]
    ann.go_on(SHOWN_S + 1)
    assert ann.told == [STALLED, ""]
    assert ann.ended == ""


def test_somebody_who_sends_nothing_for_long_is_well() -> None:
    ann = Publisher()
    ann.go_on(10)
    ann.go_on(600, taken=False, datagrams=1, reported=0)
    ann.go_on(600, taken=False, datagrams=1)
    assert (ann.told, ann.ended) == ([], "")


def test_reports_from_before_the_silence_count_for_nothing() -> None:
    ann = Publisher()
    ann.go_on(STALLED_S + 5, taken=False, reported=1)
    assert ann.told == []
