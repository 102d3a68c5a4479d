// Conversation in time order, with the alerts' words marked, pauses and gaps.

import { html, useMemo } from "../html.js";
import { initials, rows, spansInTalk } from "../lines.js";
import { isSevere, maskWords, pieces } from "../text.js";
import { exactTime, timeOfDay } from "../time.js";
import { useWords } from "../words.js";
import { Severity, ruleTitle, seconds } from "./shared.js";

/** Labels of all speakers in the talk; `first` (a speaker id) gets its letter first. */
export function useInitials(talk, first) {
  const key = [...new Set(talk.map((line) => `${line.speaker_id}\n${line.speaker_name}`))].join("\n\n");
  return useMemo(() => {
    const speakers = talk.map((line) => ({ id: line.speaker_id, name: line.speaker_name }));
    return initials(speakers.sort((one, other) => (other.id === first) - (one.id === first)));
  }, [key, first]);
}

/** Map of utterance ids to [{alert, spans}]: the words of each line that alerts mark. */
export function marksOf(alerts, talk) {
  const marks = new Map();
  for (const alert of alerts) {
    const spans = spansInTalk(alert, talk);
    if (!spans.has(alert.utterance_id) && talk.some((line) => line.utterance_id === alert.utterance_id)) {
      spans.set(alert.utterance_id, []);
    }
    for (const [id, found] of spans) {
      if (!marks.has(id)) marks.set(id, []);
      marks.get(id).push({ alert, spans: found });
    }
  }
  return marks;
}

/**
 * @param {object} props
 * @param {Array} props.talk transcript.heard objects
 * @param {Array} props.gaps audio.gap objects
 * @param {Array} props.alerts the alerts whose words are marked
 * @param {object|null} props.focus the alert whose case this is; the others are links
 * @param {(alert) => boolean} props.shown whether an alert's severe words are shown
 * @param {(id: string) => void} props.onOpen
 */
export function Talk({ store, talk, gaps, alerts, focus = null, labels, shown, onOpen }) {
  const t = useWords();
  const marks = useMemo(() => marksOf(alerts, talk), [alerts, talk]);
  const shownRows = useMemo(() => rows(talk, gaps), [talk, gaps]);
  const names = useMemo(() => new Map(talk.map((line) => [line.speaker_id, line.speaker_name])), [talk]);
  return html`
    <ol class="talk" aria-label=${t("talk.label")}>
      ${shownRows.map((row) => {
        if (row.kind === "pause") return html`<${Pause} key=${`p${row.at}`} row=${row} />`;
        if (row.kind === "gap") {
          const key = `g${row.gap.speaker_id}${row.gap.from_at}`;
          return html`<${Gap} key=${key} gap=${row.gap} name=${names.get(row.gap.speaker_id)} />`;
        }
        return html`<${Line}
          key=${row.line.utterance_id}
          store=${store}
          row=${row}
          label=${labels.get(row.line.speaker_id)}
          marks=${marks.get(row.line.utterance_id) || NONE}
          focus=${focus}
          shown=${shown}
          onOpen=${onOpen}
        />`;
      })}
    </ol>
  `;
}

const NONE = [];

function Line({ store, row, label, marks, focus, shown, onOpen }) {
  const t = useWords();
  const { line, heading, together } = row;
  const own = focus !== null && marks.some((mark) => mark.alert.id === focus.id);
  const others = marks.filter((mark) => mark.alert.id !== focus?.id);
  const gravest = own ? focus : others[0]?.alert;
  return html`
    <li
      class=${`line${heading ? " heading" : ""}${own ? " own" : ""}`}
      data-utterance=${line.utterance_id}
      data-severity=${gravest?.severity}
      data-provisional=${line.provisional || undefined}
    >
      <time datetime=${line.started_at} title=${exactTime(line.started_at)}>
        ${timeOfDay(line.started_at)}
      </time>
      <span class="initial" aria-hidden="true">${heading ? label : ""}</span>
      <div class="said">
        ${heading
          ? html`<span class="speaker">
              <bdi>${line.speaker_name}</bdi>
              ${together && html`<span class="soft together">${t("talk.together")}</span>`}
            </span>`
          : html`<span class="visually-hidden"><bdi>${line.speaker_name}</bdi>: </span>`}
        <p><bdi dir="auto" lang=${line.language || undefined}><${Said} line=${line} marks=${marks} shown=${shown} /></bdi></p>
        ${(line.provisional || line.marks.length > 0) && html`<${Doubts} line=${line} />`}
        ${others.map(({ alert }) => html`
          <button key=${alert.id} type="button" class="alert-link" data-severity=${alert.severity}
            onClick=${() => onOpen(alert.id)}>
            <${Severity} severity=${alert.severity} t=${t} />
            <span class="alert-link-title">${ruleTitle(store, alert.matches[0], t)}</span>
            ${alert.state === "resolved" && html`<span class="soft">${t(`state.${alert.outcome || "resolved"}`)}</span>`}
            ${alert.state === "retracted" && html`<span class="soft">${t("state.retracted")}</span>`}
          </button>`)}
      </div>
    </li>
  `;
}

/** The words of a line, with matches marked, and masked if severe and not shown yet. */
function Said({ line, marks, shown }) {
  const t = useWords();
  const spans = marks.flatMap((mark) => mark.spans);
  if (!spans.length) return line.text;
  const severe = marks.some((mark) => mark.alert.matches.some((match) => isSevere(match.category)));
  const hidden = severe && !marks.every((mark) => shown(mark.alert));
  return pieces(line.text, spans).map((piece) => {
    if (!piece.marked) return piece.text;
    if (!hidden) return html`<mark>${piece.text}</mark>`;
    return html`<mark class="masked">
      <span aria-hidden="true">${maskWords(piece.text)}</span>
      <span class="visually-hidden">${t("talk.masked")}</span>
    </mark>`;
  });
}

function Doubts({ line }) {
  const t = useWords();
  const explained = line.marks.includes("spoken") ? EXPLAINED : NONE;
  const open = line.marks.filter((mark) => !explained.includes(mark));
  const doubts = open.map((mark) => (DOUBTS.has(mark) ? t(`doubt.${mark}`) : t("doubt.other")));
  if (line.provisional) doubts.unshift(t("talk.provisional"));
  return html`<span class="doubts">${[...new Set(doubts)].join(" · ")}</span>`;
}

const DOUBTS = new Set([
  "no_speech", "noise", "repetition", "phantom", "too_fast", "unsure", "low_confidence", "compression",
  "spoken", "not_spoken",
]);
/** Quality marks that the mark "spoken" explains. */
const EXPLAINED = ["compression", "repetition", "too_fast"];

function Pause({ row }) {
  const t = useWords();
  const lasts = Math.round(row.lasts_ms / 1000);
  return html`<li class="pause" style=${{ "--long": Math.min(lasts, 30) }}>
    <span>${t("talk.pause", { time: seconds(lasts, t) })}</span>
  </li>`;
}

export function Gap({ gap, name }) {
  const t = useWords();
  const lasts = Math.max(1, Math.round((Date.parse(gap.to_at) - Date.parse(gap.from_at)) / 1000));
  const text = t("gap.line", { time: seconds(lasts, t), reason: gapReason(gap.reason, t) });
  return html`<li class="gap">
    <time datetime=${gap.from_at} title=${exactTime(gap.from_at)}>${timeOfDay(gap.from_at)}</time>
    <span class="initial" aria-hidden="true">╱</span>
    <span>${name && html`<bdi>${name}</bdi>${": "}`}${text}</span>
  </li>`;
}

/** The server's reason in the page's language; unchanged if it is unknown. */
export function gapReason(reason, t) {
  const key = GAP_REASONS.find(([pattern]) => pattern.test(reason))?.[1];
  return key ? t(`gap.${key}`) : reason;
}

const GAP_REASONS = [
  [/verdict_backlog/, "backlog"],
  [/connection was lost|connection lost/i, "connection"],
  [/stood still/i, "stillness"],
  [/interrupted/i, "interrupted"],
  [/packets/i, "packets"],
  [/queue|overload|behind|too much|full|in time/i, "overload"],
  [/could not transcribe|workers failed|memory/i, "model"],
  [/put on record/i, "record"],
  [/stopp/i, "stopping"],
];
