// Why an alert was upheld or dismissed: short lists of one key each. On record they stand in plain
// English, so that every reader of the history and of the webhooks understands them; the page shows
// those it knows in its own language.

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

/** What goes on record: the reason's plain words, and the moderator's own behind them. */
export function recorded(outcome, code, text) {
  const known = REASONS[outcome].find((reason) => reason.code === code);
  return [known ? known.record : "", text.trim()].filter(Boolean).join(SEPARATOR);
}

/** The way back: the known reason (or null) and the words that were added. */
export function readReason(reason) {
  for (const known of [...REASONS.upheld, ...REASONS.dismissed]) {
    if (reason === known.record) return { code: known.code, text: "" };
    if (reason.startsWith(known.record + SEPARATOR)) {
      return { code: known.code, text: reason.slice(known.record.length + SEPARATOR.length) };
    }
  }
  return { code: null, text: reason };
}
