// Texts of alerts for screen readers and desktop notifications.

import { failedWords, lateWords } from "./acting.js";
import { roomTitle } from "./rooms.js";
import { isReview, marking, maskWords, pieces } from "./text.js";
import { ruleText } from "./views/shared.js";
import { language, words } from "./words.js";

const EXCERPT = 160;

function names(store, alert) {
  return {
    severity: words(`severity.${alert.severity}`),
    name: `\u2068${alert.speaker_name}\u2069`, // the name may run from right to left
    room: roomTitle(store.state, alert.room_id),
    rule: ruleText(store.state.policies, alert.matches[0], language()).title,
  };
}

/** The alert's words, severe ones masked. */
export function maskedExcerpt(alert) {
  const { spans, severe } = marking(alert);
  if (!severe) return alert.excerpt;
  return pieces(alert.excerpt, spans)
    .map((piece) => (piece.marked ? maskWords(piece.text) : piece.text))
    .join("");
}

/** @returns {{title: string, body: string}} masked */
export function notificationWords(store, alert) {
  const said = names(store, alert);
  return {
    title: words("notify.title", said),
    body: `${said.rule}\n\u201c${[...maskedExcerpt(alert)].slice(0, EXCERPT).join("")}\u201d`,
  };
}

/** Whether the alert is announced at once. */
export function isUrgent(alert) {
  return alert.severity === "critical" && !isReview(alert);
}

/** The announcement of new alerts: each critical one by itself, the others as a count. */
export function announcement(store, raised) {
  const critical = raised.filter(isUrgent);
  const others = raised.length - critical.length;
  return {
    assertive: critical.map((alert) => words("said.critical", names(store, alert))).join(". "),
    polite: others > 0 ? words("said.new", { n: others }) : "",
  };
}

/** Sentences about failed and late actions, and about escalated alerts. */
export function eventWords(store, { failed, late, escalated }) {
  const results = late.filter((action) => action.state !== "failed");
  return {
    assertive: failed.map((action) => failedWords(store, action)),
    polite: [
      ...results.map((action) => lateWords(store, action)),
      ...escalated.map((alert) => words("said.escalated", { ...names(store, alert), to: alert.escalated_to || words("escalate.on_call") })),
    ],
  };
}
