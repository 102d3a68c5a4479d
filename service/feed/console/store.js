// The page's state, its listeners, and the hooks by which views read it.

import { useEffect, useRef, useState } from "./html.js";
import { makeActions } from "./actions.js";
import { readFailures } from "./failures.js";
import { readPrefs } from "./prefs.js";
import { initialState } from "./state.js";

const HIDDEN_MS = 250; // interval in a hidden page, where timers run but frames do not

/** A store: `state` is replaced, never changed in place; listeners run once per frame. */
export function createStore() {
  const listeners = new Set();
  const levelListeners = new Map();
  let drawing = false;

  const store = {
    state: { ...initialState(), prefs: readPrefs(), failed: readFailures() },
    offset_ms: 0, // the server's clock minus the browser's

    /** Whether the person may decide about alerts. */
    get canAct() {
      return ["moderator", "admin"].includes(store.state.me?.role) && store.state.signedOut === null;
    },

    set(patch) {
      store.state = { ...store.state, ...patch };
      if (drawing) return;
      drawing = true;
      if (document.visibilityState === "visible") requestAnimationFrame(draw);
      else setTimeout(draw, HIDDEN_MS);
    },

    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** Live levels bypass the state: twice a second per room, they would re-render everything. */
    onLevels(roomId, listener) {
      if (!levelListeners.has(roomId)) levelListeners.set(roomId, new Set());
      levelListeners.get(roomId).add(listener);
      return () => levelListeners.get(roomId)?.delete(listener);
    },

    showLevels(levels) {
      for (const listener of levelListeners.get(levels.room_id) || []) listener(levels);
    },

    now: () => Date.now() + store.offset_ms,
  };

  function draw() {
    drawing = false;
    for (const listener of listeners) listener();
  }

  clock = store.now;
  store.actions = makeActions(store);
  return store;
}

let clock = Date.now;

/** The selected part of the state; the component renders again when it changes. */
export function useStore(store, selector) {
  const chosen = selector(store.state);
  const [, again] = useState(0);
  const latest = useRef({ selector, chosen });
  latest.current = { selector, chosen };
  useEffect(() => {
    const look = () => {
      const { selector: select, chosen: before } = latest.current;
      if (!Object.is(select(store.state), before)) again((count) => count + 1);
    };
    look(); // it may have changed since the rendering
    return store.subscribe(look);
  }, [store]);
  return chosen;
}

/** The server's time in ms, updated at every multiple of the interval. */
export function useNow(intervalMs) {
  const [now, tick] = useState(clock());
  useEffect(() => {
    const timer = setInterval(() => tick(clock()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}
