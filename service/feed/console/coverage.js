// Languages spoken in rooms for which there are no rules. No event names them: the room list is polled.

import { all } from "./api.js";
import { withCoverage } from "./rooms.js";
import { LIVE_ROOMS } from "./url.js";

const EVERY_MS = 10_000;

/** Poll the rooms' unmatched languages while the page is visible and connected. */
export function watchCoverage(store) {
  let reading = false;
  setInterval(async () => {
    const { me, ready, signedOut, connection } = store.state;
    const connected = me && ready && signedOut === null && connection.state !== "lost";
    if (reading || !connected || document.visibilityState !== "visible") return;
    reading = true;
    try {
      const listed = await all(`/v1/rooms?${LIVE_ROOMS}&limit=200`);
      store.set(withCoverage(store.state, listed));
    } catch {
      // the feed notices a server that is away; the next poll tries again
    } finally {
      reading = false;
    }
  }, EVERY_MS);
}
