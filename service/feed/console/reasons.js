// Outcomes of alerts and the reasons for them. The record holds reasons in plain English, for all
// readers of the history and of webhooks; the page translates those it knows.

/** The two outcomes by an alert's handling; the first is that of the key U, the second that of D. */
const OUTCOMES = { offence: ["upheld", "dismissed"], help: ["supported", "not_needed"] };

/** Reasons that the page offers where the case names none. */
const REASONS = {
  upheld: [
    { code: "broke_rule", record: "broke the rule" },
    { code: "repeated", record: "did it again" },
  ],
  dismissed: [
    { code: "quotation", record: "quotation or joke" },
    { code: "misheard", record: "misheard" },
    { code: "banter", record: "friendly banter" },
    { code: "other", record: "other reason" },
  ],
  supported: [],
  not_needed: [],
};

/** Reasons that records of the history may hold beside those above. */
const EARLIER = [
  { code: "serious", record: "serious: escalate to the host" },
  { code: "needs_help", record: "somebody needs help" },
];

const SEPARATOR = " \u2014 ";

/** "help": a person may be at risk, and nothing is held against them; "offence": a rule was broken. */
export function handlingOf(alert) {
  return alert?.handling === "help" ? "help" : "offence";
}

/** The outcomes that an alert may have, as [for the key U, for the key D]. */
export function outcomesOf(alert) {
  return OUTCOMES[handlingOf(alert)];
}

/** @returns {Array<{code: string, record: string}>} the reasons for an outcome that the case names */
export function reasonsOf(guidance, outcome) {
  return guidance?.reasons?.[outcome] || REASONS[outcome] || [];
}

/** The recorded text: the reason's words, then the moderator's own. */
export function recorded(reasons, code, text) {
  const known = reasons.find((reason) => reason.code === code);
  return [known ? known.record : "", text.trim()].filter(Boolean).join(SEPARATOR);
}

/** Split a recorded text into the known reason (or null) and the added words. */
export function readReason(reason, guidance) {
  const named = Object.values(guidance?.reasons || {}).flat();
  for (const known of [...named, ...Object.values(REASONS).flat(), ...EARLIER]) {
    if (reason === known.record) return { ...known, text: "" };
    if (reason.startsWith(known.record + SEPARATOR)) {
      return { ...known, text: reason.slice(known.record.length + SEPARATOR.length) };
    }
  }
  return { code: null, text: reason };
}

/** A reason in the page's language; its record if the page does not know it. */
export function reasonWords(reason, t) {
  return t.has(`reason.${reason.code}`) ? t(`reason.${reason.code}`) : capitalised(reason.record);
}

function capitalised(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
