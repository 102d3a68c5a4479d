// Rows of a conversation: utterances by start, with the pauses and gaps between them.
// Pure: no page, no clock, no words of the interface.

const PAUSE_MS = 4000; // shorter pauses are not shown
const TOGETHER_MS = 700; // an utterance ends with a pause: a shorter overlap does not count
const JOINED_MS = 2500; // the same speaker continues: no new heading

/**
 * A short label for each speaker, unique without colour.
 * @param {Array<{id: string, name: string}>} speakers in the order they should win a letter
 * @returns {Map<string, string>} speaker id -> label ("M", "Ma" or "M2")
 */
export function initials(speakers) {
  const labels = new Map();
  const taken = new Set();
  for (const { id, name } of speakers) {
    if (labels.has(id)) continue;
    const letters = [...(name || id)].filter((char) => /[\p{L}\p{N}]/u.test(char));
    const first = (letters[0] || "?").toLocaleUpperCase();
    const candidates = [first, first + (letters[1] || "")];
    for (let number = 2; number <= speakers.length + 2; number += 1) {
      candidates.push(first + number);
    }
    const label = candidates.find((candidate) => !taken.has(candidate)) || first;
    taken.add(label);
    labels.set(id, label);
  }
  return labels;
}

/**
 * The places of an alert's words in the utterances shown. Its excerpt is one utterance, preceded by
 * the last words of the utterance before if a phrase ran across both.
 * @returns {Map<string, Array<[number, number]>>} utterance id -> code-point spans into its text
 */
export function spansInTalk(alert, talk) {
  const found = new Map();
  const at = talk.findIndex((line) => line.utterance_id === alert.utterance_id);
  if (at < 0) return found;
  const excerpt = [...alert.excerpt];
  const own = [...talk[at].text];
  const shared = commonSuffix(excerpt, own);
  const spans = alert.matches.flatMap((match) => match.spans);
  place(found, talk[at], spans, excerpt.length - shared, own.length - shared, shared);

  const carried = excerpt.length - shared;
  const before = talk
    .slice(0, at)
    .reverse()
    .find((line) => line.speaker_id === alert.speaker_id);
  if (carried > 0 && before) {
    const text = [...before.text];
    const begins = lastPlace(text, trimmed(excerpt.slice(0, carried)));
    if (begins >= 0) place(found, before, spans, 0, begins, carried);
  }
  return found;
}

/** Map the spans within excerpt[from, from + length) to the line that holds this text. */
function place(found, line, spans, from, to, length) {
  const inside = spans
    .map(([start, end]) => [Math.max(start, from), Math.min(end, from + length)])
    .filter(([start, end]) => start < end)
    .map(([start, end]) => [start - from + to, end - from + to]);
  if (inside.length) found.set(line.utterance_id, inside);
}

function commonSuffix(one, other) {
  let length = 0;
  while (
    length < one.length &&
    length < other.length &&
    one[one.length - 1 - length] === other[other.length - 1 - length]
  ) {
    length += 1;
  }
  return length;
}

function trimmed(chars) {
  let end = chars.length;
  while (end > 0 && /\s/u.test(chars[end - 1])) end -= 1;
  return chars.slice(0, end);
}

function lastPlace(chars, wanted) {
  for (let at = chars.length - wanted.length; wanted.length && at >= 0; at -= 1) {
    if (wanted.every((char, offset) => chars[at + offset] === char)) return at;
  }
  return -1;
}

/**
 * Rows in time order.
 * @param {Array} talk transcript.heard objects, in any order
 * @param {Array} gaps audio.gap objects
 * @returns {Array<{kind: "line", line, heading: boolean, together: boolean}
 *   | {kind: "pause", at: number, lasts_ms: number} | {kind: "gap", gap, at: number}>}
 */
export function rows(talk, gaps = []) {
  const things = [
    ...talk.filter((line) => line.text).map((line) => ({ kind: "line", at: Date.parse(line.started_at), line })),
    ...gaps.map((gap) => ({ kind: "gap", at: Date.parse(gap.from_at), gap })),
  ].sort((one, other) => one.at - other.at);
  const out = [];
  let quietSince = null; // time at which all speakers had stopped
  let last = null; // the previous line
  for (const thing of things) {
    const ends = Date.parse(thing.kind === "line" ? thing.line.ended_at : thing.gap.to_at);
    if (quietSince !== null && thing.at - quietSince >= PAUSE_MS) {
      out.push({ kind: "pause", at: quietSince, lasts_ms: thing.at - quietSince });
      last = null;
    }
    if (thing.kind === "gap") {
      out.push({ kind: "gap", at: thing.at, gap: thing.gap });
      last = null;
    } else {
      const { line } = thing;
      const goesOn =
        last !== null &&
        last.speaker_id === line.speaker_id &&
        thing.at - Date.parse(last.ended_at) < JOINED_MS;
      const together = quietSince !== null && thing.at < quietSince - TOGETHER_MS && !goesOn;
      out.push({ kind: "line", at: thing.at, line, heading: !goesOn, together });
      last = line;
    }
    quietSince = Math.max(quietSince ?? ends, ends);
  }
  return out;
}

/** The talk with these lines added, in time order; they replace lines with the same id. */
export function withLines(talk, lines) {
  const found = new Map([...talk, ...lines].map((line) => [line.utterance_id, line]));
  return [...found.values()].sort((one, other) => (one.started_at < other.started_at ? -1 : Number(one.started_at > other.started_at)));
}

/** The talk with this line added, in time order; a final line replaces its interim one. */
export function withLine(talk, line) {
  const rest = talk.filter((each) => each.utterance_id !== line.utterance_id);
  const at = rest.findLastIndex((each) => each.started_at <= line.started_at) + 1;
  return [...rest.slice(0, at), line, ...rest.slice(at)];
}
