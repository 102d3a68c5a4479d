// Failed actions that the person at this browser has not seen yet. They outlast a reload.

const PLACE = "earshot.failures";
const KEPT = 50; // failed actions remembered, the newest

/** @returns {Map<string, {id: string, action: string}>} alert id -> its newest failed action */
export function readFailures() {
  try {
    const stored = JSON.parse(localStorage.getItem(PLACE)) || [];
    return new Map(stored.map(([alertId, { id, action }]) => [String(alertId), { id, action }]));
  } catch {
    return new Map(); // storage may be blocked or hold something else
  }
}

/** Remember ids and kinds of actions, never names or words. */
export function writeFailures(failures) {
  try {
    const kept = [...failures].slice(-KEPT).map(([alertId, { id, action }]) => [alertId, { id, action }]);
    localStorage.setItem(PLACE, JSON.stringify(kept));
  } catch {
    // the marks then last as long as the page
  }
}
