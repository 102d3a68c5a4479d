// Changes of the state by lists that the server sends, and by time. Pure.

import { roomOf } from "./rooms.js";
import { gravestFirst } from "./state.js";
import { passes } from "./url.js";

const ALERTS_KEPT = 2000; // alerts kept beside those listed

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
