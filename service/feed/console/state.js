// State of the page, and its change by each event. Pure: no page, no clock, no calls.

import { withLine } from "./lines.js";
import { isReview } from "./text.js";
import { passes, NO_FILTERS, SEVERITIES } from "./url.js";

export const TALK_KEPT = 500; // lines kept of a room's transcript
const TALK_READ = 5000; // up to this many, new lines are added while somebody reads further back
const CASE_KEPT = 500; // lines of an open case; later ones are in the room's transcript only
const AROUND_MS = 60_000; // talk around an alert that belongs to its case
const GAPS_KEPT = 50;
const ALERTS_KEPT = 2000; // alerts kept beside those listed
export const LEAVES_MS = 8000; // time that a decided alert stays listed: that of its undo bar
export const FOLDS_MS = 10_000; // time that a retracted alert stays listed, struck through

export function initialState() {
  return {
    me: null,
    asked: false, // whether the server has answered who is signed in
    signInError: null,
    signedOut: null, // the server's sentence once the key is no longer valid
    ready: false,
    connection: { state: "connecting", since: 0, last_event_at: 0, missed: 0 },
    status: { notice: "", model: "", version: "" },
    overload: null,
    policies: new Map(),
    categories: [],
    rooms: new Map(),
    titles: new Map(), // also of ended rooms, whose alerts are still open
    alerts: new Map(),
    order: [],
    pending: [],
    leaving: new Map(),
    latest_at: null,
    cursor: null,
    loading: false,
    reading: false,
    filters: NO_FILTERS,
    selected: null,
    moved: null, // a new object each time the selected row should get the focus
    opened: null,
    room: null,
    tab: "feed",
    cases: new Map(),
    talk: new Map(),
    drafts: new Map(),
    unmasked: new Set(),
    deciding: null,
    acting: null, // the alert whose form for actions in the room is open
    undo: null,
    notices: [],
    said: { polite: "", assertive: "" },
    overlay: null,
    view: "watch", // or "rules"
    prefs: { theme: "system", language: "system", sound: "off", notify: "off" },
  };
}

/** Order of alerts: most severe first, then newest; ids break ties. */
export function gravestFirst(alerts) {
  const rank = (id) => SEVERITIES.indexOf(alerts.get(id).severity);
  return (one, other) => {
    const [a, b] = [alerts.get(one), alerts.get(other)];
    if (a.severity !== b.severity) return rank(other) - rank(one);
    if (a.raised_at !== b.raised_at) return a.raised_at < b.raised_at ? 1 : -1;
    return one < other ? 1 : -1;
  };
}

/** A draft of the next state: each map is copied once for all events of a batch. */
class Draft {
  constructor(state) {
    this.state = { ...state };
    this.copied = new Set();
    this.raised = [];
    this.failed = [];
    this.stale = new Set();
  }

  own(name) {
    if (!this.copied.has(name)) {
      const value = this.state[name];
      this.state[name] = Array.isArray(value) ? [...value] : new value.constructor(value);
      this.copied.add(name);
    }
    return this.state[name];
  }
}

/**
 * @param {Array} events as `stream.follow` delivers them
 * @param {number} now ms
 * @returns {{state: object, raised: Array, failed: Array, stale: Set<string>}} `raised`: new
 *   alerts; `failed`: actions that failed; `stale`: alerts whose open case should be reloaded
 */
export function applyEvents(state, events, now) {
  const draft = new Draft(state);
  for (const event of events) apply(draft, event, now);
  return draft;
}

function apply(draft, event, now) {
  const { type, data } = event;
  if (type === "alert.raised") putAlert(draft, data, now);
  else if (type.startsWith("alert.")) {
    putAlert(draft, data, now);
    draft.stale.add(data.id);
  } else if (type === "transcript.heard") heard(draft, data);
  else if (type === "audio.gap") gap(draft, data);
  else if (type === "room.joined" || type === "room.state") putRoom(draft, data);
  else if (type === "room.left") putRoom(draft, { ...data, state: "ended" });
  else if (["speaker.joined", "speaker.muted", "speaker.unmuted"].includes(type)) speaker(draft, data, true);
  else if (type === "speaker.left") speaker(draft, data, false);
  else if (type === "action.requested" || type === "action.done") acted(draft, data);
  else if (type === "overload.changed") draft.state.overload = data.state === "behind" ? data : null;
}

/** Put an alert into the state. */
export function withAlert(state, alert, now) {
  const draft = new Draft(state);
  putAlert(draft, alert, now);
  return draft.state;
}

function putAlert(draft, alert, now) {
  const known = draft.state.alerts.get(alert.id);
  draft.own("alerts").set(alert.id, alert);
  if (!draft.state.latest_at || alert.raised_at > draft.state.latest_at) draft.state.latest_at = alert.raised_at;
  if (!known && alert.state === "open") draft.raised.push(alert);
  const listed = draft.state.order.includes(alert.id);
  const belongs = passes(alert, draft.state.filters);
  if (belongs) {
    if (draft.state.leaving.has(alert.id)) draft.own("leaving").delete(alert.id);
    if (!listed && !draft.state.pending.includes(alert.id)) comeIn(draft, alert);
  } else if (draft.state.pending.includes(alert.id)) {
    draft.state.pending = draft.state.pending.filter((id) => id !== alert.id);
  } else if (listed && !draft.state.leaving.has(alert.id)) {
    const stays = alert.state === "retracted" ? FOLDS_MS : LEAVES_MS;
    draft.own("leaving").set(alert.id, now + stays);
  }
}

/** New alerts wait while somebody reads the list, so that no row moves under the pointer. */
function comeIn(draft, alert) {
  if (draft.state.reading && (alert.severity !== "critical" || isReview(alert))) {
    draft.own("pending").push(alert.id);
    return;
  }
  insert(draft.own("order"), alert.id, draft.state.alerts);
}

function insert(order, id, alerts) {
  const before = gravestFirst(alerts);
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(order[middle], id) < 0) low = middle + 1;
    else high = middle;
  }
  order.splice(low, 0, id);
}

function heard(draft, line) {
  const talk = draft.state.talk.get(line.room_id);
  if (talk) {
    const full = talk.reading && talk.items.length >= TALK_READ;
    const now = full ? { ...talk, behind: true } : cutTalk({ ...talk, items: withLine(talk.items, line) });
    draft.own("talk").set(line.room_id, now);
  }
  inOpenCase(draft, line.room_id, (found) => ({ ...found, talk: withLine(found.talk || [], line) }));
}

/**
 * A room's talk, trimmed to the newest lines unless somebody reads further back. `cut`: the trimmed
 * lines can be loaded again.
 */
export function cutTalk(talk) {
  const cut = !talk.reading && talk.items.length > TALK_KEPT;
  return cut ? { ...talk, items: talk.items.slice(-TALK_KEPT), cut: true } : talk;
}

function gap(draft, lost) {
  const room = draft.state.rooms.get(lost.room_id);
  if (room) draft.own("rooms").set(room.id, { ...room, gaps: [...room.gaps, lost].slice(-GAPS_KEPT) });
  inOpenCase(draft, lost.room_id, (found) => ({ ...found, gaps: [...found.gaps, lost] }));
}

/**
 * Whether new talk continues the talk around the alert. For an older alert it does not: the time
 * between would look like silence.
 */
export function goesOn(alert, now) {
  return now <= Date.parse(alert.speech_ended_at) + AROUND_MS;
}

/** Add new talk to the open case, also while the case is loading. */
function inOpenCase(draft, roomId, change) {
  const id = draft.state.opened;
  const found = id && draft.state.cases.get(id);
  if (!found?.goes_on || draft.state.alerts.get(id)?.room_id !== roomId) return;
  const full = found.talk?.length >= CASE_KEPT;
  draft.own("cases").set(id, full ? { ...found, goes_on: false } : change(found));
}

function acted(draft, action) {
  const found = draft.state.cases.get(action.alert_id);
  if (found) draft.own("cases").set(action.alert_id, { ...found, actions: withAction(found.actions, action) });
  if (action.state === "failed") draft.failed.push(action);
}

/** The actions with one added or updated; a result replaces a pending request, never the reverse. */
export function withAction(actions = [], action) {
  const known = actions.find((one) => one.id === action.id);
  if (known?.finished_at && !action.finished_at) return actions;
  return known ? actions.map((one) => (one === known ? action : one)) : [...actions, action];
}

function putRoom(draft, room) {
  if (room.title) draft.own("titles").set(room.id, room.title);
  if (room.state === "ended") {
    draft.own("rooms").delete(room.id);
    return;
  }
  const known = draft.state.rooms.get(room.id);
  draft.own("rooms").set(room.id, {
    ...room,
    speakers: known ? known.speakers : new Map(),
    gaps: known ? known.gaps : [],
    unmatched_languages: known ? known.unmatched_languages : [],
  });
}

function speaker(draft, { room_id, id, name, role, muted }, here) {
  const room = draft.state.rooms.get(room_id);
  if (!room) return;
  const speakers = new Map(room.speakers);
  if (here) speakers.set(id, { id, name, role, muted });
  else speakers.delete(id);
  draft.own("rooms").set(room_id, { ...room, speakers });
}

/** The page's form of a room that the server lists. */
export function roomOf(listed, known) {
  const gaps = listed.gaps ? [...listed.gaps].reverse() : known?.gaps || [];
  const speakers = listed.speakers.map(({ id, name, role, muted }) => [id, { id, name, role, muted }]);
  return { ...listed, speakers: new Map(speakers), gaps };
}

/** The rooms with their unmatched languages as just listed; {} where nothing has changed. */
export function withCoverage(state, listed) {
  const codes = (room) => room.unmatched_languages.map(({ language }) => language).join();
  const rooms = new Map(state.rooms);
  for (const { id, unmatched_languages } of listed) {
    const known = rooms.get(id);
    if (known && codes(known) !== codes({ unmatched_languages })) rooms.set(id, { ...known, unmatched_languages });
  }
  return [...rooms].some(([id, room]) => room !== state.rooms.get(id)) ? { rooms } : {};
}

/** A room's title, or its id where nothing else is known of it. */
export function roomTitle(state, id) {
  return state.titles.get(id) || id;
}

/** The state with freshly loaded lists. */
export function withLists(state, { rooms, ended, page }) {
  const alerts = new Map(state.alerts);
  for (const alert of page.items) alerts.set(alert.id, alert);
  const order = page.items.map((alert) => alert.id);
  return {
    rooms: new Map(rooms.map((room) => [room.id, roomOf(room, state.rooms.get(room.id))])),
    titles: new Map([...state.titles, ...[...ended, ...rooms].map((room) => [room.id, room.title])]),
    ...listed(alerts, order, page.next_cursor),
  };
}

/**
 * The list for other filters, with the events since it was requested.
 * @param {Map} before the alerts at the time of the request
 */
export function withAnswer(state, before, page) {
  const alerts = new Map(state.alerts);
  const told = (id) => state.alerts.get(id) !== before.get(id);
  for (const alert of page.items) if (!told(alert.id)) alerts.set(alert.id, alert);
  const ids = new Set(page.items.map((alert) => alert.id));
  for (const id of state.alerts.keys()) if (told(id)) ids.add(id);
  const order = [...ids].filter((id) => passes(alerts.get(id), state.filters));
  return listed(alerts, order.sort(gravestFirst(alerts)), page.next_cursor);
}

function listed(alerts, order, cursor) {
  return { alerts, order, pending: [], leaving: new Map(), cursor };
}

/** Add a further page of the list, sorted in among the live alerts. */
export function withPage(state, page) {
  const alerts = new Map(state.alerts);
  for (const alert of page.items) alerts.set(alert.id, alert);
  const known = new Set([...state.order, ...state.pending]);
  const order = [...state.order, ...page.items.map((alert) => alert.id).filter((id) => !known.has(id))];
  order.sort(gravestFirst(alerts));
  return { alerts, order, cursor: page.next_cursor };
}

/** Show the alerts that waited. */
export function withPending(state) {
  const order = [...state.order, ...state.pending].sort(gravestFirst(state.alerts));
  return { order, pending: [] };
}

/** Drop alerts whose time in the list is over, and those that are not shown. */
export function swept(state, now) {
  const patch = {};
  const gone = new Set([...state.leaving].filter(([, until]) => until <= now).map(([id]) => id));
  if (gone.size) {
    patch.leaving = new Map([...state.leaving].filter(([id]) => !gone.has(id)));
    patch.order = state.order.filter((id) => !gone.has(id));
    if (gone.has(state.selected)) patch.selected = neighbour(state, gone);
  }
  const order = patch.order || state.order;
  if (state.alerts.size > order.length + state.pending.length + ALERTS_KEPT) {
    const kept = new Set([...order, ...state.pending, state.opened]);
    patch.alerts = new Map([...state.alerts].filter(([id]) => kept.has(id)));
  }
  return patch;
}

function neighbour(state, gone) {
  const at = state.order.indexOf(state.selected);
  const after = state.order.slice(at).find((id) => !gone.has(id));
  return after || state.order.slice(0, at).findLast((id) => !gone.has(id)) || null;
}
