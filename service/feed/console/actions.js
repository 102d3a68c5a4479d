// Actions of the person on the page: moving, opening, filtering, loading, settings.

import { makeActing } from "./acting.js";
import { get } from "./api.js";
import { makeDeciding } from "./deciding.js";
import { withLines } from "./lines.js";
import { writePrefs } from "./prefs.js";
import { makeSession, partCase } from "./session.js";
import { swept, withAnswer, withPage, withPending } from "./lists.js";
import { roomOf } from "./rooms.js";
import { cutTalk, goesOn, withAlert } from "./state.js";
import { NO_FILTERS, listQuery, readUrl, writeUrl } from "./url.js";
import { setLanguage, words } from "./words.js";

const NOTICE_MS = 12_000;
const HINT_MS = 6000;
const EARLIER = 20;
const TOLD = { 403: "refused.403", 409: "refused.409", 429: "refused.busy", 503: "refused.busy" };
const THEME_COLOURS = { light: "#ffffff", dark: "#1b1f26" };

const NO_FORM = { deciding: null, acting: null, escalating: null };

let notices = 0;

function talkPage(path, cursor) {
  return get(`${path}/talk?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
}

/** Query for the lines before those shown, or for the page where lines were trimmed. */
async function olderTalk(path, shown) {
  let page = await talkPage(path, shown.cut ? null : shown.next_cursor);
  const first = shown.items[0]?.started_at;
  while (first && shown.cut && page.next_cursor && page.items.at(-1).started_at >= first) {
    page = await talkPage(path, page.next_cursor);
  }
  return page;
}

export function makeActions(store) {
  const session = makeSession(store);
  const { set } = store;
  const alertPath = (id, step) => `/v1/alerts/${encodeURIComponent(id)}${step ? `/${step}` : ""}`;

  /** @param {{alertId?: string, stays?: boolean}} about the alert it opens; whether it stays until then */
  function notice(text, { alertId = null, stays = false } = {}) {
    notices += 1;
    const one = { id: notices, text, alertId };
    set({ notices: [...store.state.notices.slice(-3), one] });
    if (!stays) setTimeout(() => actions.dismissNotice(one.id), NOTICE_MS);
  }

  /** Say why a key has no effect now. */
  function hint(text) {
    notices += 1;
    const one = { id: notices, text };
    set({ hint: one });
    setTimeout(() => store.state.hint === one && set({ hint: null }), HINT_MS);
  }

  /** Show why an action failed, in the server's words if it sent any. */
  function tell(refused) {
    if (refused.status === 401) session.signedOut(refused);
    else if (refused.status === 0) notice(words("refused.unreachable"));
    else notice([words(TOLD[refused.status] || "refused.other"), refused.detail].join(" ").trim());
  }

  function put(alert) {
    set(withAlert(store.state, alert, Date.now()));
  }

  function address(push) {
    const url = location.pathname + writeUrl(store.state.filters, store.state.opened, store.state.view);
    if (url === location.pathname + location.search) return;
    if (push) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
  }

  async function loadList() {
    const asked = JSON.stringify(store.state.filters);
    set({ loading: true });
    try {
      const before = store.state.alerts;
      const page = await get(`/v1/alerts?${listQuery(store.state.filters)}`);
      if (JSON.stringify(store.state.filters) !== asked) return; // the filters have changed meanwhile
      set({ ...withAnswer(store.state, before, page), loading: false });
    } catch (refused) {
      set({ loading: false });
      tell(refused);
    }
  }

  function withMap(name, key, value) {
    return { [name]: new Map(store.state[name]).set(key, value) };
  }

  const page = { notice, hint, tell, put, alertPath, session };
  const actions = {
    ...makeActing(store, page),
    ...makeDeciding(store, page),
    readCase: session.readCase,
    start: session.start,
    signIn: session.signIn,
    signOut: session.signOut,

    select(id) {
      set({ selected: id });
    },
    move(by) {
      const { order, selected } = store.state;
      const at = order.indexOf(selected);
      const to = at < 0 ? 0 : Math.min(Math.max(at + by, 0), order.length - 1);
      if (!order.length) return hint(words("hint.empty"));
      if (to === at) hint(words(by > 0 ? "hint.last" : "hint.first"));
      set({ selected: order[to], moved: {} });
      if (store.state.opened && store.state.opened !== order[to]) actions.open(order[to], false);
      return undefined;
    },
    open(id, push = true) {
      set({ opened: id, selected: id, room: null, view: "watch", tab: "case", ...NO_FORM });
      actions.seeFailure(id);
      address(push);
    },
    close() {
      set({ opened: null, ...NO_FORM, tab: "feed", moved: {} });
      address(true);
    },
    openRoom(id) {
      set({ room: id, opened: id === null ? store.state.opened : null, tab: id === null ? "rooms" : "case" });
      address(true);
    },
    goTo(search) {
      const { filters, opened, view } = readUrl(search);
      const changed = JSON.stringify(filters) !== JSON.stringify(store.state.filters);
      const selected = opened ?? store.state.selected; // keys act on the open case
      set({ filters, opened, selected, view, ...NO_FORM, tab: opened ? "case" : "feed" });
      if (opened) actions.seeFailure(opened);
      if (changed) loadList();
    },
    /** Esc: go back one step. */
    back() {
      const { overlay, view, deciding, acting, escalating, opened, room, selected } = store.state;
      if (overlay) set({ overlay: null });
      else if (view === "rules") actions.setView("watch");
      else if (acting || deciding || escalating) set(NO_FORM);
      else if (opened) actions.close();
      else if (room) actions.openRoom(null);
      else if (selected) set({ selected: null });
    },

    draft(id, patch) {
      set(withMap("drafts", id, { ...store.state.drafts.get(id), ...patch }));
    },
    unmask(id) {
      const unmasked = new Set(store.state.unmasked);
      if (!unmasked.delete(id)) unmasked.add(id);
      set({ unmasked });
    },

    setFilter(name, value) {
      set({ filters: { ...store.state.filters, [name]: value }, selected: null });
      address(true);
      loadList();
    },
    clearFilters() {
      set({ filters: NO_FILTERS, selected: null });
      address(true);
      loadList();
    },
    async loadMore() {
      const { cursor, loading, filters } = store.state;
      if (!cursor || loading) return;
      set({ loading: true });
      try {
        const page = await get(`/v1/alerts?${listQuery(filters)}&cursor=${encodeURIComponent(cursor)}`);
        if (store.state.cursor === cursor) set(withPage(store.state, page));
      } catch (refused) {
        tell(refused);
      }
      set({ loading: false });
    },
    showPending() {
      set(withPending(store.state));
    },
    setReading(reading) {
      if (store.state.reading !== reading) set({ reading });
    },

    /** @param {boolean} again the talk was followed until now, and no event is missing */
    async loadCase(id, again = false) {
      const known = store.state.cases.get(id);
      const told = store.state.alerts.get(id);
      const goes_on = again ? known?.goes_on : !told || goesOn(told, store.now());
      set(
        withMap("cases", id, {
          ...{ talk: null, gaps: [], history: [], actions: [], can: [], cannot: [], guidance: null },
          ...{ ...known, goes_on, loading: true, error: null },
        }),
      );
      try {
        const before = store.state.alerts.get(id);
        const { alert, ...rest } = partCase(await get(alertPath(id)));
        if (!store.state.alerts.has(id)) set(withMap("alerts", id, alert));
        else if (store.state.alerts.get(id) === before) put(alert); // else an event is newer
        session.keepCase(id, told ? rest : { ...rest, goes_on: goesOn(alert, store.now()) });
        const asked = new URLSearchParams({ room: alert.room_id, speaker: alert.speaker_id, limit: EARLIER });
        const { items } = await get(`/v1/alerts?${asked}`);
        const earlier = items.filter((one) => one.id !== id && one.raised_at <= alert.raised_at);
        session.keepCase(id, { earlier, loading: false });
      } catch (refused) {
        if (refused.status === 401) {
          session.signedOut(refused); // reported once, above; signing in again loads the case too
          session.keepCase(id, { loading: false });
          return;
        }
        const error = refused.detail || words("refused.unreachable");
        session.keepCase(id, { loading: false, error: refused.status === 404 ? words("case.unknown") : error });
      }
    },
    async loadTalk(id, older = false) {
      const shown = store.state.talk.get(id) || { items: [], next_cursor: null };
      set(withMap("talk", id, { ...shown, loading: true }));
      const now = (patch) => {
        const talk = store.state.talk.get(id); // else the room was closed
        if (talk) set(withMap("talk", id, { ...talk, ...patch, loading: false }));
      };
      const path = `/v1/rooms/${encodeURIComponent(id)}`;
      try {
        const [page, room] = await Promise.all([older ? olderTalk(path, shown) : talkPage(path), older ? null : get(path)]);
        const live = store.state.talk.get(id)?.items || [];
        // Lines trimmed meanwhile lie between this page and the lines shown now.
        const joins = !older || live[0]?.utterance_id === shown.items[0]?.utterance_id;
        const read = { items: withLines(page.items, live), next_cursor: page.next_cursor, cut: false };
        now(joins ? read : {});
        if (room) set(withMap("titles", id, room.title));
        if (room && room.state !== "ended") {
          set(withMap("rooms", id, roomOf(room, store.state.rooms.get(id))));
        }
      } catch (refused) {
        now(older ? {} : { cut: true }); // the lines shown stay
        tell(refused);
      }
    },
    /** Keep all lines while somebody reads further back; at the end the oldest may be trimmed. */
    readTalk(id, reading) {
      const talk = store.state.talk.get(id);
      if (!talk || Boolean(talk.reading) === reading) return;
      if (!reading && talk.behind) actions.readTalkAnew(id);
      else set(withMap("talk", id, cutTalk({ ...talk, reading })));
    },
    /** Load the end of the talk again: lines before it may be missing. */
    readTalkAnew(id) {
      actions.forgetTalk(id);
      actions.loadTalk(id);
    },
    /** Forget the talk of a room that is closed. */
    forgetTalk(id) {
      const talk = new Map(store.state.talk);
      if (talk.delete(id)) set({ talk });
    },

    setPref(name, value) {
      const prefs = { ...store.state.prefs, [name]: value };
      set({ prefs });
      writePrefs(prefs);
      if (name === "language") setLanguage(value).catch(() => notice(words("refused.unreachable")));
      if (name === "theme") actions.applyTheme();
    },
    applyTheme() {
      const { theme } = store.state.prefs;
      const root = document.documentElement;
      if (theme === "system") delete root.dataset.theme;
      else root.dataset.theme = theme;
      for (const meta of document.querySelectorAll('meta[name="theme-color"]')) {
        const system = meta.media.includes("dark") ? "dark" : "light";
        meta.content = THEME_COLOURS[theme === "system" ? system : theme];
      }
    },
    setOverlay(overlay) {
      set({ overlay });
    },
    /** "rules": the report on rules; "watch": the feed. */
    setView(view) {
      set({ view });
      address(true);
      if (view === "watch") document.querySelector(".rules-button")?.focus();
    },
    hint,
    setTab(tab) {
      set({ tab });
    },
    dismissNotice(id) {
      set({ notices: store.state.notices.filter((one) => one.id !== id) });
    },
  };

  setInterval(() => {
    const patch = swept(store.state, Date.now());
    if (Object.keys(patch).length) set(patch);
  }, 500);
  return actions;
}
