// Reasons for upholding or dismissing an alert. The record holds them in plain English, for all
// readers of the history and of webhooks; the page translates those it knows.

export const REASONS = {
  upheld: [
    { code: "broke_rule", record: "broke the rule" },
    { code: "serious", record: "serious: escalate to the host" },
    { code: "repeated", record: "did it again" },
    { code: "needs_help", record: "somebody needs help" },
  ],
  dismissed: [
    { code: "quotation", record: "quotation or joke" },
    { code: "misheard", record: "misheard" },
    { code: "banter", record: "friendly banter" },
    { code: "other", record: "other reason" },
  ],
};

const SEPARATOR = " \u2014 ";

/** The recorded text: the reason's words, then the moderator's own. */
export function recorded(outcome, code, text) {
  const known = REASONS[outcome].find((reason) => reason.code === code);
  return [known ? known.record : "", text.trim()].filter(Boolean).join(SEPARATOR);
}

/** Split a recorded text into the known reason (or null) and the added words. */
export function readReason(reason) {
  for (const known of [...REASONS.upheld, ...REASONS.dismissed]) {
    if (reason === known.record) return { code: known.code, text: "" };
    if (reason.startsWith(known.record + SEPARATOR)) {
      return { code: known.code, text: reason.slice(known.record.length + SEPARATOR.length) };
    }
  }
  return { code: null, text: reason };
}
