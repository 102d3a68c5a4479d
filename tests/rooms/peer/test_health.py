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
    """A publisher whose health is checked twice a second."""

    troubles: list[str] = field(default_factory=list)
    intake: Intake = field(default_factory=Intake)
    now_s: float = BEGAN_S
    ended: str = ""

    def __post_init__(self) -> None:
        self.health = Health(self.intake, self.troubles.append, self.now_s)

    def pass_time(
        self,
        seconds: float,
        *,
        datagrams: int = 25,
        admitted: bool = True,
        reported: int | None = None,
        unfit: Unfit | None = None,
    ) -> None:
        """
        Args:
            reported: Packets sent between two checks, by the sender's reports; None: no report.
        """
        for check in range(round(seconds * 2)):
            self.now_s += 0.5
            if admitted:
                assert self.intake.admit(7, round(self.now_s * 48_000), self.now_s)
            if unfit is not None:
                for _ in range(20):
                    self.intake.refuse(unfit)
            sent = None if reported is None else reported * check
            known = sent if self.health.is_quiet(self.now_s) else None
            self.ended = self.ended or self.health.check(datagrams, known, self.now_s)


def test_a_normal_speaker_has_no_trouble() -> None:
    ann = Publisher()
    ann.pass_time(600)
    assert (ann.troubles, ann.ended) == ([], "")


def test_only_a_lasting_flood_ends_the_connection() -> None:
    mallory = Publisher()
    mallory.pass_time(FLOOD_S - 1, datagrams=5_000)
    mallory.pass_time(0.5)
    mallory.pass_time(FLOOD_S - 1, datagrams=5_000)
    assert mallory.ended == ""
    mallory.pass_time(1, datagrams=5_000)
    assert mallory.ended == FLOOD


def test_one_source_too_many_ends_the_connection() -> None:
    mallory = Publisher()
    for ssrc in range(MOST_SOURCES + 1):
        mallory.intake.admit(ssrc, 0, mallory.now_s + ssrc)
    mallory.now_s += 60
    mallory.pass_time(0.5, admitted=False)
    assert mallory.ended == SOURCES


def test_a_trouble_is_reported_once_and_its_end_too() -> None:
    mallory = Publisher()
    mallory.pass_time(30, unfit=Unfit.RATE)
    assert len(mallory.troubles) == 1
    assert "more than 250 packets a second" in mallory.troubles[0]
    mallory.pass_time(SHOWN_S - 1)
    assert len(mallory.troubles) == 1
    mallory.pass_time(2)
    assert mallory.troubles[1:] == [""]


def test_the_reported_trouble_changes_every_ten_seconds_at_most() -> None:
    mallory = Publisher()
    for _ in range(30):
        mallory.pass_time(0.5, unfit=Unfit.RATE)
        mallory.pass_time(0.5, unfit=Unfit.STRAY)
    assert 1 <= len(mallory.troubles) <= 30 / SHOWN_S + 1


def test_an_occasional_stray_packet_is_no_trouble() -> None:
    ann = Publisher()
    for _ in range(100):
        ann.intake.refuse(Unfit.STRAY)
        ann.pass_time(1)
    assert ann.troubles == []


def test_packets_that_are_sent_and_do_not_arrive_are_a_trouble() -> None:
    ann = Publisher()
    ann.pass_time(60, admitted=False, reported=25)
    assert ann.troubles == [STALLED]
    ann.pass_time(SHOWN_S + 1)
    assert ann.troubles == [STALLED, ""]
    assert ann.ended == ""


def test_a_long_silence_is_no_trouble() -> None:
    ann = Publisher()
    ann.pass_time(10)
    ann.pass_time(600, admitted=False, datagrams=1, reported=0)
    ann.pass_time(600, admitted=False, datagrams=1)
    assert (ann.troubles, ann.ended) == ([], "")


def test_reports_from_before_the_silence_do_not_count() -> None:
    ann = Publisher()
    ann.pass_time(STALLED_S + 5, admitted=False, reported=1)
    assert ann.troubles == []
