// One alert in the feed, readable in two seconds: the words first, then speaker, room and rule.

import { html, useMemo } from "../html.js";
import { roomTitle } from "../rooms.js";
import { useNow, useStore } from "../store.js";
import { isReview, marking, maskWords, pieces } from "../text.js";
import { age, exactTime } from "../time.js";
import { useWords } from "../words.js";
import { handlingOf, outcomesOf } from "../reasons.js";
import { actionWords } from "../verbs.js";
import { Escalated } from "./escalate.js";
import { Severity, ruleText } from "./shared.js";

const BEFORE_MATCH = 70; // characters shown before the match

/** @param {{store, id: string, index: number, size: number}} props `size` -1: unknown */
export function Card({ store, id, index, size }) {
  const t = useWords();
  const alert = useStore(store, (state) => state.alerts.get(id));
  const selected = useStore(store, (state) => state.selected === id);
  const opened = useStore(store, (state) => state.opened === id);
  const failed = useStore(store, (all) => all.failed.get(id));
  if (!alert) return null;
  const { state } = alert;
  const open = (event) => {
    if (!event.target.closest("button") && !getSelection().toString()) store.actions.open(id);
  };
  return html`
    <article class="card" data-row=${id} data-alert=${id} data-severity=${alert.severity} data-state=${state}
      data-review=${isReview(alert) ? "" : undefined} data-handling=${handlingOf(alert)} data-failed=${failed ? "" : undefined}
      data-provisional=${alert.provisional && state !== "retracted" ? "" : undefined}
      data-selected=${selected ? "" : undefined} data-opened=${opened ? "" : undefined}
      tabindex="0" aria-labelledby=${`severity-${id} said-${id} about-${id}`} aria-posinset=${index + 1} aria-setsize=${size}
      onClick=${open} onFocusIn=${() => store.actions.select(id)}>
      <span class="card-severity" id=${`severity-${id}`}><${Severity} severity=${alert.severity} t=${t} /></span>
      <p class="card-said" id=${`said-${id}`}><${Said} store=${store} alert=${alert} /></p>
      <p class="card-about" id=${`about-${id}`}><${About} store=${store} alert=${alert} failed=${failed} /></p>
      <${Since} alert=${alert} />
      <div class="card-side"><${Side} store=${store} alert=${alert} /></div>
    </article>
  `;
}

/** The quoted words with the match marked; severe words are masked until somebody shows them. */
function Said({ store, alert }) {
  const t = useWords();
  const unmasked = useStore(store, (state) => state.unmasked.has(alert.id));
  const { spans, severe } = useMemo(() => marking(alert), [alert]);
  const masked = severe && !unmasked;
  const shown = useMemo(() => shortened(pieces(alert.excerpt, spans)).map((piece) => {
    if (!piece.marked) return piece.text;
    if (!masked) return html`<mark>${piece.text}</mark>`;
    return html`<mark class="masked"><span aria-hidden="true">${maskWords(piece.text)}</span
      ><span class="visually-hidden">${t("card.masked")}</span></mark>`;
  }), [alert, masked, t]);
  const words = html`“<bdi dir="auto">${shown}</bdi>”`;
  return alert.state === "retracted" ? html`<s>${words}</s>` : words;
}

/** Shorten the text before the match, so that the match is visible. */
function shortened(found) {
  const [first] = found;
  const chars = [...first.text];
  if (first.marked || found.length === 1 || chars.length <= BEFORE_MATCH) return found;
  const kept = chars.slice(-BEFORE_MATCH).join("");
  const word = kept.indexOf(" ");
  return [{ marked: false, text: `… ${word < 0 ? kept : kept.slice(word + 1)}` }, ...found.slice(1)];
}

function About({ store, alert, failed }) {
  const t = useWords();
  const room = useStore(store, (state) => roomTitle(state, alert.room_id));
  const policies = useStore(store, (state) => state.policies);
  const names = t("card.in", { name: "\u0001", room: "\u0002" }).split(/([\u0001\u0002])/);
  return html`
    ${failed && html`<span class="chip failed">${t("card.failed", { action: failedAction(alert, failed, t) })}</span>`}
    ${names.map((part) =>
      part === "\u0001" ? html`<bdi class="card-speaker">${alert.speaker_name}</bdi>`
      : part === "\u0002" ? html`<bdi>${room}</bdi>`
      : part)}
    <${Escalated} alert=${alert} />
    ${isReview(alert) && html`<span class="chip review" title=${t("card.review_why")}>${t("card.review")}</span>`}
    ${alert.repeats > 0 && html`<span class="chip" title=${t("case.repeats", { n: alert.repeats + 1 })}>×${alert.repeats + 1}</span>`}
    ${alert.state === "retracted"
      ? html`<span class="card-note">${t("card.withdrawn")}</span>`
      : html`<span class="card-rule">${alert.matches.length > 0 && ruleText(policies, alert.matches[0], t.language).title}</span>`}
    ${alert.provisional && alert.state !== "retracted" && html`<span class="card-note speaking">${t("card.provisional")}</span>`}
  `;
}

function failedAction(alert, { action }, t) {
  return actionWords(action, handlingOf(alert), `\u2068${alert.speaker_name}\u2069`, t);
}

function Since({ alert }) {
  const t = useWords();
  const now = useNow(1000);
  const exact = useMemo(() => exactTime(alert.raised_at), [alert.raised_at, t]);
  return html`<time class="card-since" datetime=${alert.raised_at} title=${exact}>
    ${age(now - Date.parse(alert.raised_at), t)}
  </time>`;
}

/** The button for the next step, or the person who has the alert. */
function Side({ store, alert }) {
  const t = useWords();
  const me = useStore(store, (state) => state.me);
  if (alert.state === "retracted") return null;
  if (alert.state === "resolved") {
    return html`<span class="card-owner">${named(t(`card.${alert.outcome || outcomesOf(alert)[0]}_by`, { name: "\u0001" }), alert.owner)}</span>`;
  }
  if (alert.state === "acknowledged") {
    return html`<span class="card-owner">
      ${alert.owner === me?.name ? t("card.yours") : named(t("card.with", { name: "\u0001" }), alert.owner)}
    </span>`;
  }
  if (!store.canAct) return null;
  return html`<button type="button" class="button small" onClick=${() => store.actions.acknowledge(alert.id)}>
    ${t("action.acknowledge")} <kbd aria-hidden="true">A</kbd>
  </button>`;
}

/** A sentence with a person's name in it. */
function named(sentence, name) {
  const [before, after] = sentence.split("\u0001");
  return html`${before}<bdi>${name}</bdi>${after}`;
}
