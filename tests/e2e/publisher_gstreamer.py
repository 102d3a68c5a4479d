"""`python3 publisher_gstreamer.py ENDPOINT TOKEN WAV SECONDS`: GStreamer's webrtcbin.

It runs under Debian's Python, which has GStreamer's bindings, and imports nothing of earshot.
"""

from __future__ import annotations

import sys
import threading
import urllib.request
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = (
    "webrtcbin name=rtc bundle-policy=max-bundle "
    "filesrc location={wav} ! wavparse ! audioconvert ! audioresample "
    "! audio/x-raw,rate=48000,channels=2 ! identity sync=true ! queue "
    "! opusenc bitrate=32000 inband-fec=true ! rtpopuspay pt=100 "
    "! application/x-rtp,media=audio,encoding-name=OPUS,payload=100,clock-rate=48000 ! rtc."
)


class Publisher:
    """WHIP publisher that prints the states of its connection on stdout."""

    def __init__(self, endpoint: str, token: str, wav: str) -> None:
        self._endpoint = endpoint
        self._token = token
        self._posted = False
        self._kept: list[Any] = []  # the bindings free objects that C still uses
        self.pipeline = Gst.parse_launch(PIPELINE.format(wav=wav))
        self._rtc = self.pipeline.get_by_name("rtc")
        self._rtc.connect("on-negotiation-needed", self._negotiate)
        self._rtc.connect("notify::ice-gathering-state", self._gathered)
        self._rtc.connect("notify::connection-state", self._changed)

    def _negotiate(self, rtc: Any) -> None:
        promise = Gst.Promise.new_with_change_func(self._offered, None, None)
        self._kept.append(promise)
        rtc.emit("create-offer", None, promise)

    def _offered(self, promise: Any, *nothing: Any) -> None:
        promise.wait()
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self._kept += [reply, offer]
        self._rtc.emit("set-local-description", offer, None)

    def _gathered(self, *nothing: Any) -> None:
        state = self._rtc.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self._posted:
            self._posted = True
            threading.Thread(target=self._post).start()

    def _post(self) -> None:
        offer = self._rtc.get_property("local-description").sdp.as_text()
        request = urllib.request.Request(
            self._endpoint,
            data=offer.encode(),
            method="POST",
            headers={
                "Content-Type": "application/sdp",
                "Authorization": f"Bearer {self._token}",
            },
        )
        with urllib.request.urlopen(request) as response:
            answer = response.read().decode()
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        kind = GstWebRTC.WebRTCSDPType.ANSWER
        description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        self._rtc.emit("set-remote-description", description, None)

    def _changed(self, *nothing: Any) -> None:
        sys.stdout.write(self._rtc.get_property("connection-state").value_nick + "\n")
        sys.stdout.flush()


def publish(endpoint: str, token: str, wav: str, seconds: str) -> None:
    Gst.init(None)
    publisher = Publisher(endpoint, token, wav)
    loop = GLib.MainLoop()
    publisher.pipeline.set_state(Gst.State.PLAYING)
    GLib.timeout_add(int(float(seconds) * 1000), loop.quit)
    loop.run()
    publisher.pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    publish(*sys.argv[1:])
