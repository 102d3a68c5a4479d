"""Measurements inside the page: the time until an alert is painted, and long tasks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page

from tests.server import Server

PAINTED_WITHIN_MS = 300.0
LONGEST_TASK_MS = 100.0

_WATCH = """
window.alertTimes = {};
const nowMs = () => performance.timeOrigin + performance.now();
const read = ReadableStreamDefaultReader.prototype.read;
ReadableStreamDefaultReader.prototype.read = async function (...given) {
  const result = await read.apply(this, given);
  if (result.value) {
    const at = nowMs();
    const text = new TextDecoder().decode(result.value);
    for (const [, id] of text.matchAll(/event: alert\\.raised\\n[^\\0]*?"id":"([^"]+)"/g)) {
      (window.alertTimes[id] ??= {}).read ??= at;
    }
  }
  return result;
};
new MutationObserver(() => {
  for (const one of document.querySelectorAll('article[data-alert]')) {
    const times = (window.alertTimes[one.dataset.alert] ??= {});
    if (times.seen) continue;
    times.seen = true;
    requestAnimationFrame(() => setTimeout(() => { times.painted = nowMs(); }));
  }
}).observe(document, {
  childList: true, subtree: true, attributes: true, attributeFilter: ['data-alert'],
});
"""

_SCROLL = """
async ([last, screens]) => {
  const tasks = [];
  const keep = list => tasks.push(...list.map(entry => entry.duration));
  const observer = new PerformanceObserver(list => keep(list.getEntries()));
  observer.observe({type: 'longtask'});
  const frame = () => new Promise(requestAnimationFrame);
  let box = document.querySelector('article[data-alert]');
  const scrolls = one => /auto|scroll/.test(getComputedStyle(one).overflowY)
    && one.scrollHeight > one.clientHeight;
  while (box && !scrolls(box)) box = box.parentElement;
  box ??= document.scrollingElement;
  const began = performance.now();
  let frames = 0;
  while (!document.querySelector(`article[data-alert="${last}"]`)) {
    if (performance.now() - began > 60000) throw new Error('the end of the list was never reached');
    box.scrollTop += box.clientHeight * screens;
    await frame();
    frames += 1;
  }
  for (let left = 40; left; left -= 1) {
    box.scrollTop -= box.scrollHeight / 40;
    await frame();
    frames += 1;
  }
  await new Promise(go => setTimeout(go, 100));
  keep(observer.takeRecords());
  observer.disconnect();
  return {tasks, frames, lasted_ms: performance.now() - began,
    articles: document.querySelectorAll('article[data-alert]').length};
}
"""


@dataclass(frozen=True, slots=True)
class Painted:
    """Times until an alert is painted, in ms, since the page or another client read its event."""

    alert_id: str
    after_page_ms: float
    after_client_ms: float


@dataclass(frozen=True, slots=True)
class Scrolled:
    """Result of scrolling.

    Attributes:
        longest_ms: Longest task by the clock; 0 if none took 50 ms.
        longest_cpu_ms: Longest task by processor time, without the turns of other programs.
        articles: Alerts in the page at the end.
    """

    longest_ms: float
    longest_cpu_ms: float
    frames: int
    lasted_ms: float
    articles: int


@dataclass(slots=True)
class Reader:
    """Another subscriber of the feed, with the times of the alerts, in ms since the epoch."""

    read: dict[str, float] = field(default_factory=dict)


def watch_paints(context: BrowserContext) -> None:
    """Record when the page reads alerts and paints them. Call it before the page opens."""
    context.add_init_script(_WATCH)


@contextmanager
def reading(server: Server) -> Iterator[Reader]:
    """Follow the feed on a thread of its own."""
    reader, begun = Reader(), threading.Event()
    client = server.client()
    client.timeout = httpx.Timeout(10, read=None)  # a heartbeat comes every 15 s
    stream = client.stream("GET", "/v1/feed", params={"types": "alert.raised"})

    def follow() -> None:
        try:
            with stream as feed:
                for line in feed.iter_lines():
                    begun.set()
                    if line.startswith("data: "):
                        alert = json.loads(line.removeprefix("data: "))["data"]
                        reader.read[alert["id"]] = time.time() * 1000
        except httpx.HTTPError:
            return  # closed by the test

    thread = threading.Thread(target=follow, name="reader", daemon=True)
    thread.start()
    assert begun.wait(10)
    yield reader
    client.close()


def painted(page: Page, reader: Reader) -> list[Painted]:
    """Return the times of all alerts that both have read and the page has painted."""
    times = page.evaluate("window.alertTimes")
    return [
        Painted(id_, at["painted"] - at["read"], at["painted"] - reader.read[id_])
        for id_, at in times.items()
        if "painted" in at and "read" in at and id_ in reader.read
    ]


def scroll_through(page: Page, last: str, *, screens: float = 3) -> Scrolled:
    """Scroll down until this alert shows, some screens a frame; then up again."""
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["toplevel"])
    try:
        found = page.evaluate(_SCROLL, [last, screens])
    finally:
        trace = json.loads(browser.stop_tracing())
    return Scrolled(
        max(found["tasks"], default=0.0),
        _longest_task_ms(trace["traceEvents"]),
        found["frames"],
        found["lasted_ms"],
        found["articles"],
    )


def _longest_task_ms(events: list[dict[str, Any]]) -> float:
    """Return the longest task of the threads that run pages, by processor time."""
    pages = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event["tdur"] / 1000
        for event in events
        if "RunTask" in event["name"] and "tdur" in event and (event["pid"], event["tid"]) in pages
    ]
    assert tasks, "the trace has no tasks of the page"
    return float(max(tasks))


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
