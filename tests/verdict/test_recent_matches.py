from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.verdict.recent_matches import HOT_FOR, Heat

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_hit_makes_its_speaker_and_room_hot_for_a_minute() -> None:
    heat = Heat()
    heat.record_hit("lobby", "mallory", NOW)
    assert heat.is_speaker_hot("lobby", "mallory", NOW + HOT_FOR)
    assert heat.is_room_hot("lobby", NOW)
    assert not heat.is_speaker_hot("lobby", "ann", NOW)
    assert not heat.is_speaker_hot("lounge", "mallory", NOW)
    assert not heat.is_room_hot("lounge", NOW)
    assert not heat.is_room_hot("lobby", NOW + HOT_FOR + timedelta(seconds=1))


def test_memory_is_bounded_and_drops_the_oldest() -> None:
    heat = Heat()
    for number in range(6_000):
        heat.record_hit(f"room {number}", "ann", NOW)
    assert not heat.is_room_hot("room 0", NOW)
    assert heat.is_speaker_hot("room 5999", "ann", NOW)
