// The signed-in person and their feed: first the lists, then every event after them.

import { all, call, get, post } from "./api.js";
import { withLines } from "./lines.js";
import { withLists } from "./lists.js";
import { applyEvents, withActions } from "./state.js";
import { follow } from "./stream.js";
import { announcement, eventWords, isUrgent } from "./announcements.js";
import { isReview } from "./text.js";
import { LIVE_ROOMS, listQuery } from "./url.js";
import { words } from "./words.js";

const CAUGHT_UP_MS = 8000;
const SAID_EVERY_MS = 3000; // screen readers are told of new alerts together

/** The parts of a `GET /v1/alerts/{id}` answer: the alert, and what only the case shows. */
export function partCase({ talk, gaps, history, actions, can, cannot = [], guidance = null, ...alert }) {
  return { alert, talk, gaps, history, actions, can, cannot, guidance };
}

export function makeSession(store) {
  const { set } = store;
  let stream = null;
  let early = null; // events that came while the lists were loading
  let reads = 0; // number of the latest load; results of earlier loads are dropped
  let away = null; // the lost connection: since when, and the events missed
  const saying = makeSaying(store);

  function connection(patch) {
    set({ connection: { ...store.state.connection, ...patch } });
  }

  function begin() {
    stream?.close();
    early = [];
    connection({ state: "connecting", since: Date.now() });
    stream = follow({ opened, events, alive, lost, refused });
  }

  async function opened(_cursor, again) {
    if (!again || early !== null) return read();
    connection({ state: "live", since: Date.now() });
    setTimeout(caughtUp, 1200);
    readOpened(true);
    return undefined;
  }

  /** Reload the open case after a lost connection. */
  function readOpened(again) {
    const { opened: id, cases } = store.state;
    if (cases.has(id)) store.actions.loadCase(id, again);
  }

  /** Load the lists, then apply the events since the feed was opened. */
  async function read() {
    early = [];
    reads += 1;
    const mine = reads;
    try {
      const [status, policies, rooms, { items: ended }, page] = await Promise.all([
        get("/v1/status"),
        get("/v1/policies"),
        all(`/v1/rooms?${LIVE_ROOMS}&limit=200`),
        get("/v1/rooms?state=ended&limit=200"),
        get(`/v1/alerts?${listQuery(store.state.filters)}`),
      ]);
      const latest = await get("/v1/alerts?limit=1");
      if (mine !== reads) return;
      store.offset_ms = Date.parse(status.now) - Date.now();
      set({
        status,
        overload: status.overloaded ? { behind_s: status.behind_s } : null,
        ...policiesOf(policies.items),
        ...withLists(store.state, { rooms, ended, page }),
        latest_at: latest.items[0]?.raised_at ?? null,
        ready: true,
      });
      const waiting = early;
      early = null;
      if (store.state.talk.has(store.state.room)) store.actions.readTalkAnew(store.state.room);
      connection({ state: "live", since: Date.now() });
      if (waiting.length) events(waiting);
      readOpened(false);
    } catch (failed) {
      if (mine !== reads) return;
      if (failed.status === 401) signedOut(failed);
      else setTimeout(begin, 2000); // the feed is open, but the lists failed: start over
    }
  }

  function events(found) {
    connection({ last_event_at: Date.now() });
    if (early !== null) {
      early.push(...found);
      return;
    }
    const live = found.filter((event) => event.type === "speaker.levels");
    for (const event of live) store.showLevels(event.data);
    if (found.some((event) => event.type === "feed.reset")) {
      early = [];
      read();
      return;
    }
    const told = found.filter((event) => event.type !== "speaker.levels");
    if (!told.length) return;
    if (away !== null) away.missed += told.filter((event) => Date.parse(event.timestamp) - store.offset_ms < away.until).length;
    const { state, raised, failed, late, escalated, stale } = applyEvents(store.state, told, Date.now());
    set({ ...state, undo: stillMine(state.undo, state) });
    for (const alert of raised) if (!isReview(alert)) store.alarm?.(alert);
    saying(raised, eventWords(store, { failed, late, escalated }));
    for (const action of failed) store.actions.tellFailed(action);
    if (stale.has(store.state.opened)) readCase(store.state.opened);
  }

  function caughtUp() {
    if (away === null) return;
    const { missed } = away;
    away = null;
    if (!missed) return;
    connection({ state: "caught-up", missed, since: Date.now() });
    setTimeout(() => {
      if (store.state.connection.state === "caught-up") connection({ state: "live" });
    }, CAUGHT_UP_MS);
  }

  function alive() {
    if (away !== null && away.until === Infinity) away.until = Date.now();
    connection({ last_event_at: Date.now() });
  }

  function lost() {
    if (store.state.connection.state !== "lost") connection({ state: "lost", since: Date.now() });
    away = { missed: away?.missed ?? 0, until: Infinity };
  }

  function refused(problem) {
    signedOut(problem);
  }

  function signedOut(problem) {
    stream?.close();
    stream = null;
    set({ signedOut: problem.detail || words("refused.401") });
    connection({ state: "lost", since: Date.now() });
  }

  /** Reload history and talk of a case; the old ones stay until the answer comes. */
  async function readCase(id) {
    try {
      const { alert: _, ...rest } = partCase(await get(`/v1/alerts/${encodeURIComponent(id)}`));
      keepCase(id, rest);
    } catch {
      // the page already shows that the server is away; the next event tries again
    }
  }

  function keepCase(id, patch) {
    const known = store.state.cases.get(id);
    const cases = new Map(store.state.cases);
    const talk = patch.talk && known?.talk ? withLines(known.talk, patch.talk) : patch.talk || known?.talk;
    const actions = patch.actions ? withActions(known?.actions, patch.actions) : known?.actions;
    cases.set(id, { ...known, ...patch, talk, actions });
    set({ cases });
  }

  return {
    async start(key) {
      if (key) {
        await this.signIn(key).catch((failed) => set({ signInError: failed.detail || words("refused.unreachable") }));
        return;
      }
      try {
        set({ me: await get("/v1/session") });
        begin();
      } catch (failed) {
        if (failed.status === 0) setTimeout(() => this.start(null), 2000);
        set({ me: null, asked: true });
      }
    },

    /** @throws {import("./api.js").Refusal} */
    async signIn(key) {
      try {
        const me = await post("/v1/session", { key: key.trim() });
        const before = store.state.me;
        const mine = before === null || before.name === me.name ? {} : { drafts: new Map(), deciding: null, acting: null, escalating: null, undo: null };
        set({ ...mine, me, signedOut: null, signInError: null, asked: true }); // drafts of another person are not shown
        begin();
      } catch (failed) {
        set({ asked: true });
        throw failed;
      }
    },

    async signOut() {
      stream?.close();
      stream = null;
      await call("DELETE", "/v1/session").catch(() => {});
      location.replace(location.pathname); // no speech stays on the page
    },

    signedOut,
    readCase,
    keepCase,
  };
}

/** Drop an undo once somebody else has changed the alert. */
function stillMine(undo, { alerts, me }) {
  const alert = undo && alerts.get(undo.alert_id);
  if (!alert) return undo;
  const done = undo.what === "acknowledge" ? alert.state === "acknowledged" : alert.outcome === undo.what;
  return done && alert.owner === me?.name ? undo : null;
}

function policiesOf(packs) {
  const policies = new Map();
  const categories = new Set();
  for (const { pack, policies: rules } of packs) {
    for (const rule of rules) {
      policies.set(`${pack}/${rule.id}`, rule);
      categories.add(rule.category);
    }
  }
  return { policies, categories: [...categories].sort() };
}

/** Announce critical alerts and failed actions at once, the others together every few seconds. */
function makeSaying(store) {
  let waiting = [];
  let timer = null;
  let others = []; // sentences
  return (raised, said) => {
    const assertive = [announcement(store, raised).assertive, ...said.assertive].filter(Boolean).join(". ");
    if (assertive) store.set({ said: { ...store.state.said, assertive } });
    waiting.push(...raised.filter((alert) => !isUrgent(alert)));
    others.push(...said.polite);
    if (timer !== null || !(waiting.length || others.length)) return;
    timer = setTimeout(() => {
      timer = null;
      const polite = [announcement(store, waiting).polite, ...others].filter(Boolean).join(". ");
      store.set({ said: { ...store.state.said, polite } });
      waiting = [];
      others = [];
    }, SAID_EVERY_MS);
  };
}
