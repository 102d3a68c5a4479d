// History of an alert: who did what, when and why; and a box for notes.

import { html } from "../html.js";
import { handlingOf, readReason, reasonWords } from "../reasons.js";
import { useStore } from "../store.js";
import { exactTime, timeOfDay } from "../time.js";
import { actionWords } from "../verbs.js";
import { useWords } from "../words.js";
import { Awaited } from "./outstanding.js";
import { NAME, Named } from "./shared.js";

/** @param {{store, alert, steps: Array<{at, who, action, reason}>, actions: Array, guidance: object|null}} props */
export function History({ store, alert, steps, actions, guidance, mayAct }) {
  const t = useWords();
  const lines = [...steps.map((step) => [step.at, html`<${Line} step=${step} guidance=${guidance} />`]),
    ...actions.map((one) => [one.requested_at, html`<${Acted} key=${one.id} one=${one} handling=${handlingOf(alert)} />`])];
  lines.sort(([one], [other]) => (one < other ? -1 : 1));
  return html`
    <section class="case-part" aria-labelledby="case-history">
      <h3 id="case-history">${t("case.history")}</h3>
      ${lines.length
        ? html`<ol class="history">${lines.map(([, line]) => line)}</ol>`
        : html`<p class="soft">${t("history.nothing")}</p>`}
      ${mayAct && html`<${NoteBox} store=${store} alertId=${alert.id} />`}
    </section>
  `;
}

function Line({ step, guidance }) {
  const t = useWords();
  const [action, detail] = split(step.action);
  const { code, text, record } = readReason(step.reason || "", guidance);
  const reason = [code && reasonWords({ code, record }, t), text].filter(Boolean);
  return html`
    <li data-action=${action}>
      <time datetime=${step.at} title=${exactTime(step.at)}>${timeOfDay(step.at)}</time>
      <div>
        <span class="did"><${Did} action=${action} detail=${detail} who=${step.who} /></span>
        ${reason.length > 0 &&
        html`<bdi dir="auto" class=${action === "note" ? "note" : "because"}>${reason.join(" · ")}</bdi>`}
      </div>
    </li>
  `;
}

/** An action in the room, with its result. */
function Acted({ one, handling }) {
  const t = useWords();
  const who = one.requested_by === "the room server" ? t("who.room_server") : one.requested_by;
  return html`
    <li data-action=${one.action} data-state=${one.state}>
      <time datetime=${one.requested_at} title=${exactTime(one.requested_at)}>${timeOfDay(one.requested_at)}</time>
      <div>
        <span class="did"><bdi class="who">${who}</bdi>${t("act.by")}<${Named} text=${actionWords(one.action, handling, NAME, t)} name=${one.speaker_name} /></span>
        <span class="acted" data-state=${one.state}>${one.state === "pending"
          ? html`<${Awaited} one=${one} />`
          : html`${t(`acted.${one.state}`)}${one.late && html`${" · "}<b>${t("acted.late")}</b>`}${one.detail && html` · <bdi>${one.detail}</bdi>`}`}</span>
        ${(one.reason || one.message) &&
        html`<bdi dir="auto" class="because">${[one.reason, one.message].filter(Boolean).join(" · ")}</bdi>`}
      </div>
    </li>
  `;
}

/** "Ann acknowledged it", with the name where the language puts it. */
function Did({ action, detail, who }) {
  const t = useWords();
  const key = action === "resolve" ? `did.${detail}` : action === "escalate" && !detail ? "did.escalate_on_call" : `did.${action}`;
  const sentence = t(DID.has(key) ? key : "did.other", { who: "\u0001", name: "\u0002", action });
  return sentence
    .split(/([\u0001\u0002])/)
    .map((part) =>
      part === "\u0001" ? html`<bdi class="who">${who}</bdi>`
      : part === "\u0002" ? html`<bdi class="who">${detail}</bdi>`
      : part,
    );
}

const DID = new Set([
  "did.acknowledge", "did.upheld", "did.dismissed", "did.supported", "did.not_needed", "did.reopen", "did.note", "did.assign",
  "did.escalate", "did.escalate_on_call", "did.stand", "did.retract",
]);

/** "resolve: upheld" -> ["resolve", "upheld"]. */
function split(action) {
  const at = action.indexOf(":");
  return at < 0 ? [action, ""] : [action.slice(0, at).trim(), action.slice(at + 1).trim()];
}

function NoteBox({ store, alertId }) {
  const t = useWords();
  const text = useStore(store, (state) => state.drafts.get(alertId)?.note) || "";
  const add = (event) => {
    event.preventDefault();
    const latest = store.state.drafts.get(alertId)?.note?.trim(); // may be newer than the rendering
    if (latest) store.actions.note(alertId, latest);
  };
  return html`
    <form class="note-box" onSubmit=${add}>
      <label for="case-note">${t("note.label")}</label>
      <textarea
        id="case-note"
        rows="2"
        maxlength="2000"
        dir="auto"
        value=${text}
        onInput=${(event) => store.actions.draft(alertId, { note: event.target.value })}
        onKeyDown=${(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) add(event);
        }}
      ></textarea>
      <button type="submit" class="button" disabled=${!text.trim()}>${t("note.add")}</button>
    </form>
  `;
}
