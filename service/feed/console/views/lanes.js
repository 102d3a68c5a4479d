// Overview of the minute before and after an alert: a lane per speaker, a block per utterance.
// A picture of the list below it, so it is hidden from screen readers.

import { html } from "../html.js";
import { useNow } from "../store.js";
import { useWords } from "../words.js";

const AROUND_MS = 60_000;
const MOST_LANES = 6;

/** @param {{alert, talk, gaps, labels, alerts, onPick: (utteranceId: string) => void}} props */
export function Lanes({ alert, talk, gaps, labels, alerts, onPick }) {
  const t = useWords();
  const now = useNow(1000);
  const begins = Date.parse(alert.speech_started_at) - AROUND_MS;
  const ends = Date.parse(alert.speech_ended_at) + AROUND_MS;
  const at = (time) => Math.min(100, Math.max(0, ((time - begins) / (ends - begins)) * 100));
  const flagged = new Map(alerts.map((each) => [each.utterance_id, each]).reverse());
  const inTime = talk.filter((line) => Date.parse(line.ended_at) > begins && Date.parse(line.started_at) < ends);
  const speakers = [...labels].filter(([id]) => inTime.some((line) => line.speaker_id === id));

  const block = (line) => {
    const from = at(Date.parse(line.started_at));
    const flag = flagged.get(line.utterance_id);
    return html`<i
      key=${line.utterance_id}
      class=${`block${line.utterance_id === alert.utterance_id ? " own" : ""}`}
      data-severity=${flag?.severity}
      style=${{ left: `${from}%`, width: `${Math.max(0.8, at(Date.parse(line.ended_at)) - from)}%` }}
      onClick=${() => onPick(line.utterance_id)}
    ></i>`;
  };
  const hole = (gap) => {
    const from = at(Date.parse(gap.from_at));
    const width = Math.max(0.8, at(Date.parse(gap.to_at)) - from);
    return html`<i key=${gap.from_at} class="hole" style=${{ left: `${from}%`, width: `${width}%` }}></i>`;
  };

  return html`
    <div class="lanes" aria-hidden="true">
      ${speakers.slice(0, MOST_LANES).map(([id, label]) => html`
        <div class="lane" key=${id}>
          <span class="initial">${label}</span>
          <div class="track">
            ${gaps.filter((gap) => gap.speaker_id === id).map(hole)}
            ${inTime.filter((line) => line.speaker_id === id).map(block)}
          </div>
        </div>`)}
      ${speakers.length > MOST_LANES &&
      html`<p class="soft lanes-more">${t("lanes.more", { n: speakers.length - MOST_LANES })}</p>`}
      <div class="lane axis">
        <span></span>
        <div class="track">
          <span style=${{ left: "0%" }}>−60 s</span>
          <span class="zero" style=${{ left: `${at(Date.parse(alert.speech_started_at))}%` }}>${t("lanes.alert")}</span>
          <span style=${{ left: "100%" }}>+60 s</span>
          ${now < ends && html`<i class="now" style=${{ left: `${at(now)}%` }}></i>`}
        </div>
      </div>
    </div>
  `;
}
