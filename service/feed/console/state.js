// State of the page, and its change by each event. Pure: no page, no clock, no calls.

import { withLine } from "./lines.js";
import { isReview } from "./text.js";
import { passes, NO_FILTERS, SEVERITIES } from "./url.js";

export const TALK_KEPT = 500; // lines kept of a room's transcript
const TALK_READ = 5000; // up to this many, new lines are added while somebody reads further back
const CASE_KEPT = 500; // lines of an open case; later ones are in the room's transcript only
const AROUND_MS = 60_000; // talk around an alert that belongs to its case
const GAPS_KEPT = 50;
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
    escalating: null, // the alert whose form for escalation is open
    failed: new Map(), // alert id -> its newest failed action that nobody here has seen
    undo: null,
    notices: [],
    hint: null, // why a key had no effect
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
    this.late = [];
    this.escalated = [];
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
 * @returns {{state: object, raised: Array, failed: Array, late: Array, escalated: Array, stale: Set<string>}}
 *   `raised`: new alerts; `failed`: actions that failed; `late`: actions whose result came too late;
 *   `escalated`: alerts; `stale`: alerts whose open case should be reloaded
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
    if (type === "alert.escalated") draft.escalated.push(data);
  } else if (type === "transcript.heard") heard(draft, data);
  else if (type === "audio.gap") gap(draft, data);
  else if (type === "room.joined" || type === "room.state") roomChanged(draft, data);
  else if (type === "room.left") roomChanged(draft, { ...data, state: "ended" });
  else if (["speaker.joined", "speaker.muted", "speaker.unmuted"].includes(type)) speaker(draft, data, true);
  else if (type === "speaker.left") speaker(draft, data, false);
  else if (type.startsWith("action.")) acted(draft, data);
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
  if (action.state === "failed") {
    draft.failed.push(action);
    if (draft.state.opened !== action.alert_id) draft.own("failed").set(action.alert_id, action);
  } else if (draft.state.failed.get(action.alert_id)?.action === action.action) {
    draft.own("failed").delete(action.alert_id); // somebody tries again, or it was done after all
  }
  if (action.late) draft.late.push(action);
}

/** The actions with one added or updated; an older state never replaces a newer one. */
export function withAction(actions = [], action) {
  const known = actions.find((one) => one.id === action.id);
  if (known && isOlder(action, known)) return actions;
  return known ? actions.map((one) => (one === known ? action : one)) : [...actions, action];
}

function isOlder(action, known) {
  const steps = (one) => [one.finished_at || "", one.delivered_at || ""];
  const [[finished, delivered], [lastFinished, lastDelivered]] = [steps(action), steps(known)];
  return finished === lastFinished ? delivered < lastDelivered : finished < lastFinished;
}

/** The known actions, updated by a list that the server sent; events may be newer than the list. */
export function withActions(known = [], listed) {
  return known.reduce(withAction, listed);
}

/** Show an action's mark as seen. */
export function withSeen(state, alertId) {
  if (!state.failed.has(alertId)) return {};
  const failed = new Map(state.failed);
  failed.delete(alertId);
  return { failed };
}

/** What is possible in the room may have changed, too: reload the open case. */
function roomChanged(draft, room) {
  const { opened, alerts } = draft.state;
  if (opened && alerts.get(opened)?.room_id === room.id) draft.stale.add(opened);
  putRoom(draft, room);
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
