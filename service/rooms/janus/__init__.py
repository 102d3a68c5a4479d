"""Janus VideoRooms: we join as a listener that anybody in the room can see.

`api.py` speaks Janus's WebSocket API, `roster.py` and `lines.py` keep what it says about who
publishes and whose sound comes on which line, `identity.py` says who that is, `stay.py` puts them
together, and `connector.py` knows which servers there are. `hook.py` takes Janus's own events.
"""
