// Marking and masking of words. Spans are Unicode code-point offsets; JavaScript counts UTF-16.

const SEVERE = new Set([
  "child_sexual_exploitation",
  "hate",
  "sex_related_crimes",
  "sexual_content",
  "suicide_self_harm",
  "violent_crimes",
]);

/** Whether the words of a category are severe: they are masked until somebody shows them. */
export function isSevere(category) {
  return SEVERE.has(category);
}

/** Whether an alert is for review only: all its matches are. */
export function isReview(alert) {
  return alert.matches.length > 0 && alert.matches.every((match) => match.review);
}

/** The text with each word as its first letter and dots; spaces and punctuation stay. */
export function maskWords(text) {
  return text.replace(/[\p{L}\p{N}\p{M}'’]+/gu, (word) => {
    const [first, ...rest] = graphemes(word);
    return first + "●".repeat(Math.max(rest.length, 1));
  });
}

const SEGMENTER = globalThis.Intl?.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;

function graphemes(text) {
  return SEGMENTER ? Array.from(SEGMENTER.segment(text), (each) => each.segment) : [...text];
}

/**
 * The text, split where its marking changes.
 * @param {string} text
 * @param {Array<[number, number]>} spans half-open, in any order; may overlap or lie beyond the text
 * @returns {Array<{text: string, marked: boolean}>} joined, they are the text
 */
export function pieces(text, spans) {
  const chars = [...text];
  const cuts = new Set([0, chars.length]);
  for (const [from, to] of spans) {
    if (from < to) for (const cut of [from, to]) cuts.add(Math.min(Math.max(cut, 0), chars.length));
  }
  const edges = [...cuts].sort((one, other) => one - other);
  const out = [];
  for (let index = 0; index + 1 < edges.length; index += 1) {
    const [from, to] = [edges[index], edges[index + 1]];
    const marked = spans.some(([start, end]) => start <= from && to <= end);
    const part = chars.slice(from, to).join("");
    if (out.length && out.at(-1).marked === marked) out.at(-1).text += part;
    else out.push({ text: part, marked });
  }
  return out;
}

/** All spans of an alert, and whether they are masked by default. */
export function marking(alert) {
  return {
    spans: alert.matches.flatMap((match) => match.spans),
    severe: alert.matches.some((match) => isSevere(match.category)),
  };
}
