from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.verdict.heat import HOT_FOR, Heat

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_whoever_broke_a_rule_is_hot_for_a_while_and_so_is_the_room() -> None:
    heat = Heat()
    heat.hit("lobby", "mallory", NOW)
    assert heat.speaker("lobby", "mallory", NOW + HOT_FOR)
    assert heat.room("lobby", NOW)
    assert not heat.speaker("lobby", "ann", NOW)
    assert not heat.speaker("lounge", "mallory", NOW)
    assert not heat.room("lounge", NOW)
    assert not heat.room("lobby", NOW + HOT_FOR + timedelta(seconds=1))


def test_what_is_remembered_is_bounded_and_the_oldest_goes() -> None:
    heat = Heat()
    for number in range(6_000):
        heat.hit(f"room {number}", "ann", NOW)
    assert not heat.room("room 0", NOW)
    assert heat.speaker("room 5999", "ann", NOW)
