// The live feed: server-sent events (WHATWG HTML, section 9.2) over fetch. Unlike EventSource, fetch
// shows the body of a refusal and the cursor at which a connection begins.

import { refusal } from "./api.js";

const SILENCE_MS = 40_000; // the server sends a heartbeat every 15 s
const SLEPT_MS = 15_000; // a timer this late means that the machine slept
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** Parser of chunks of text into events. `id` is the cursor; an event without `type` has only that. */
export class Parser {
  #rest = "";
  #event = { type: "", data: [], id: null };

  /** @returns {Array<{type: string, data: string, id: string|null}>} the events that the text completes */
  push(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    const found = [];
    for (const line of lines) {
      const field = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (field === "") this.#finish(found);
      else this.#read(field);
    }
    return found;
  }

  #read(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: a heartbeat
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "event") this.#event.type = value;
    else if (name === "data") this.#event.data.push(value);
    else if (name === "id") this.#event.id = value;
  }

  #finish(found) {
    const { type, data, id } = this.#event;
    if (type || data.length || id !== null) found.push({ type, data: data.join("\n"), id });
    this.#event = { type: "", data: [], id: null };
  }
}

/** The wait before the next attempt: doubling, with jitter so that pages do not reconnect at once. */
export function backOff(tries, random = Math.random()) {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (0.5 + random / 2);
}

/**
 * Follows the feed from now on, through every interruption, and delivers each event once.
 * @param {object} tell
 * @param {(cursor: string, again: boolean) => void} tell.opened connected; `again`: after an earlier connection
 * @param {(events: Array<{type: string, id: string|null, timestamp: string, data: object}>) => void} tell.events
 * @param {() => void} tell.alive bytes arrived, at least a heartbeat
 * @param {(reason: string) => void} tell.lost
 * @param {(refused: import("./api.js").Refusal) => void} tell.refused the key is no longer valid;
 *   following ends
 * @returns {{close: () => void}}
 */
export function follow(tell) {
  let cursor = null;
  let closed = false;
  let tries = 0;
  let running = null; // the AbortController of the connection
  let hurry = () => {}; // ends the wait between two attempts

  async function run() {
    while (!closed) {
      try {
        await connection();
      } catch (error) {
        if (closed) return;
        if (error.status === 401 || error.status === 403) {
          closed = true;
          tidy();
          tell.refused(error);
          return;
        }
      }
      if (closed) return;
      tell.lost();
      await new Promise((go) => {
        const timer = setTimeout(go, backOff(tries));
        hurry = () => {
          clearTimeout(timer);
          go();
        };
      });
      tries += 1;
    }
  }

  async function connection() {
    running = new AbortController();
    const silence = watchdog(running);
    try {
      const headers = cursor === null ? {} : { "Last-Event-ID": cursor };
      const response = await fetch("/v1/feed", {
        headers, signal: running.signal, cache: "no-store", credentials: "same-origin",
      });
      if (!response.ok) throw refusal(response.status, await response.text());
      await read(response, silence);
    } finally {
      silence.stop();
    }
  }

  async function read(response, silence) {
    const parser = new Parser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    let opened = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      silence.heard();
      tell.alive();
      const events = [];
      for (const { type, data, id } of parser.push(decoder.decode(value, { stream: true }))) {
        const again = cursor !== null;
        if (id !== null) cursor = id;
        if (!opened) {
          opened = true;
          tries = 0;
          tell.opened(cursor, again);
        }
        if (data) events.push({ ...JSON.parse(data), type, id });
      }
      if (events.length) tell.events(events);
    }
  }

  function wake() {
    tries = 0;
    hurry();
  }

  /** The browser reports a lost network at once; silence would show it much later. */
  function cut() {
    running?.abort();
  }

  let ticked = Date.now();
  const ticking = setInterval(() => {
    const now = Date.now();
    if (now - ticked > SLEPT_MS) {
      running?.abort(); // connections from before the sleep are dead
      wake();
    }
    ticked = now;
  }, 3000);
  const looked = () => document.visibilityState === "visible" && wake();
  addEventListener("online", wake);
  addEventListener("offline", cut);
  document.addEventListener("visibilitychange", looked);
  function tidy() {
    clearInterval(ticking);
    removeEventListener("online", wake);
    removeEventListener("offline", cut);
    document.removeEventListener("visibilitychange", looked);
  }

  run();
  return {
    close() {
      closed = true;
      tidy();
      hurry();
      running?.abort();
    },
  };
}

/** Aborts a connection that is silent for too long. */
function watchdog(running) {
  let timer = null;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => running.abort(), SILENCE_MS);
  };
  heard();
  return { heard, stop: () => clearTimeout(timer) };
}
