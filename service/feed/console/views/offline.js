// Whether the page has been without a connection for so long that what it shows may be untrue.

import { useNow, useStore } from "../store.js";

export const PATIENCE_MS = 1500; // a shorter interruption changes nothing on the page

export function useLost(store) {
  const connection = useStore(store, (state) => state.connection);
  const out = useStore(store, (state) => state.signedOut !== null);
  const now = useNow(1000) - store.offset_ms;
  return out || (connection.state === "lost" && now - connection.since >= PATIENCE_MS);
}
