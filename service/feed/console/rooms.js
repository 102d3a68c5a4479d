// Rooms as the page shows them: title, state, languages without rules. Pure.

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

const COUNTS = new WeakMap(); // a map of titles -> how many rooms have each title

/** Whether another room has the same title, so that its id must tell them apart. */
export function isNamesake(titles, id) {
  if (!COUNTS.has(titles)) {
    const counts = new Map();
    for (const title of titles.values()) counts.set(title, (counts.get(title) || 0) + 1);
    COUNTS.set(titles, counts);
  }
  return COUNTS.get(titles).get(titles.get(id)) > 1;
}

/** A room's title, with its id if another room has the same; the id where nothing else is known. */
export function roomTitle({ titles }, id) {
  const title = titles.get(id);
  if (!title) return id;
  return isNamesake(titles, id) && title !== id ? `${title} (${id})` : title;
}

/** State of a room as the page may state it: "unknown" while it has no connection. */
export function shownState(room, lost) {
  return !room || lost ? "unknown" : room.state;
}
