// The filters and the open alert in the page's address, so that it can be reloaded and shared.

export const SEVERITIES = ["low", "medium", "high", "critical"];
export const STATES = ["undecided", "escalated", "open", "acknowledged", "resolved", "retracted", "all"];
export const CATEGORIES = [
  "child_sexual_exploitation", "hate", "indiscriminate_weapons", "non_violent_crimes", "privacy_violations",
  "sex_related_crimes", "sexual_content", "suicide_self_harm", "violent_crimes",
];
export const LIVE_ROOMS = ["joining", "listening", "paused", "degraded", "lost"].map((state) => `state=${state}`).join("&");
export const NO_FILTERS = { room: "", severity: "low", category: "", state: "undecided" };

/** @returns {{filters: object, opened: string|null, view: "watch"|"rules"}} the address's values; bad ones are ignored */
export function readUrl(search) {
  const asked = new URLSearchParams(search);
  const severity = asked.get("severity");
  const state = asked.get("state");
  const category = asked.get("category");
  return {
    filters: {
      room: asked.get("room") || "",
      severity: SEVERITIES.includes(severity) ? severity : NO_FILTERS.severity,
      category: CATEGORIES.includes(category) ? category : NO_FILTERS.category,
      state: STATES.includes(state) ? state : NO_FILTERS.state,
    },
    opened: asked.get("alert") || null,
    view: asked.get("view") === "rules" ? "rules" : "watch",
  };
}

/** The address for these values; defaults are left out. */
export function writeUrl(filters, opened, view = "watch") {
  const said = new URLSearchParams();
  for (const name of ["room", "severity", "category", "state"]) {
    if (filters[name] && filters[name] !== NO_FILTERS[name]) said.set(name, filters[name]);
  }
  if (opened) said.set("alert", opened);
  if (view === "rules") said.set("view", view);
  const text = said.toString();
  return text ? `?${text}` : "";
}

/** The query of the alerts' list for these filters, most severe first. */
export function listQuery(filters) {
  const asked = new URLSearchParams({ order: "severity", limit: "200" });
  if (filters.room) asked.set("room", filters.room);
  if (filters.category) asked.set("category", filters.category);
  if (filters.severity !== "low") asked.set("severity", filters.severity);
  if (filters.state === "escalated") asked.set("escalated", "true");
  for (const state of wantedStates(filters.state)) asked.append("state", state);
  return asked;
}

function wantedStates(state) {
  if (state === "undecided" || state === "escalated") return ["open", "acknowledged"];
  return state === "all" ? [] : [state];
}

/** Whether an alert passes these filters. */
export function passes(alert, filters) {
  const states = wantedStates(filters.state);
  return (
    (!filters.room || alert.room_id === filters.room) &&
    (!filters.category || alert.category === filters.category) &&
    (filters.state !== "escalated" || Boolean(alert.escalated_at)) &&
    SEVERITIES.indexOf(alert.severity) >= SEVERITIES.indexOf(filters.severity) &&
    (states.length === 0 || states.includes(alert.state))
  );
}
