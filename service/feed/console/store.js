// The page's state, who hears of its changes, and the hooks by which views read it.

import { useEffect, useRef, useState } from "./html.js";
import { makeActions } from "./actions.js";
import { readPrefs } from "./prefs.js";
import { initialState } from "./state.js";

const HIDDEN_MS = 250; // pages nobody sees are drawn seldom: timers run there, frames do not

/** A store: `state` is replaced, never changed in place; listeners hear of it once per frame. */
export function createStore() {
  const listeners = new Set();
  const levelListeners = new Map();
  let drawing = false;

  const store = {
    state: { ...initialState(), prefs: readPrefs() },
    offset_ms: 0, // the server's clock minus ours

    /** Whether the person may decide. */
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

    /** Live levels go past the state: twice a second and room they would draw everything anew. */
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

/** What the selector takes from the state; the component is drawn anew when that changes. */
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
    look(); // it may have changed between the drawing and now
    return store.subscribe(look);
  }, [store]);
  return chosen;
}

/** The server's time in ms, told again at every multiple of the interval. */
export function useNow(intervalMs) {
  const [now, tick] = useState(clock());
  useEffect(() => {
    const timer = setInterval(() => tick(clock()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}
