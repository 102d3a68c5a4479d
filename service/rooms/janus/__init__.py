"""Janus VideoRooms: earshot joins as a listener whom everybody in the room sees.

`connector.py` knows the servers and starts a stay for each room; `stay.py` runs it. `api.py` speaks
Janus's WebSocket API, whose messages `messages.py` reads. `roster.py` records the publishers,
`lines.py` their lines, and `identity.py` names them. `reception.py` subscribes to their tracks;
`early_packets.py` holds packets of speakers who are not on record yet; `silence.py` notices tracks
that do not arrive. `moderation.py` and `mute_keeper.py` act on speakers; `member_messages.py`
writes to the room's members. `hook.py` opens and closes rooms by the events of Janus's event
handler, which `room_events.py` reads.
"""
