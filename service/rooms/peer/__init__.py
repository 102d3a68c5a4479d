"""The door to aiortc, which does ICE, DTLS and SRTP.

aiortc's own receive path (a jitter buffer, a decoder thread per track and two queues) costs twice
the CPU and holds back the last words before a pause. So earshot takes packets as they arrive,
before that path: `guard.py` and `tap.py` say how, and `private_names.py` lists what this relies on.
"""
