// The open case: speaker, room, conversation, reasons of the match, history and actions.

import { html, useEffect } from "../html.js";
import { handlingOf, outcomesOf } from "../reasons.js";
import { roomTitle } from "../rooms.js";
import { useNow, useStore } from "../store.js";
import { isReview } from "../text.js";
import { age, exactTime } from "../time.js";
import { isMuted } from "../verbs.js";
import { useWords } from "../words.js";
import { Act, ActButton } from "./act.js";
import { Conversation } from "./conversation.js";
import { Decide } from "./decide.js";
import { Escalate, Escalated } from "./escalate.js";
import { Guidance } from "./guidance.js";
import { History } from "./history.js";
import { Outstanding } from "./outstanding.js";
import { Cross, Severity, ruleText } from "./shared.js";
import { Why } from "./why.js";

/** @param {{store, id: string}} props */
export function Case({ store, id }) {
  const t = useWords();
  const alert = useStore(store, (state) => state.alerts.get(id));
  const loaded = useStore(store, (state) => state.cases.get(id));
  const me = useStore(store, (state) => state.me);
  useEffect(() => {
    store.actions.loadCase(id);
    if (!store.state.unmasked.has(id)) store.actions.unmask(id); // opening a case shows its words
    store.actions.seeFailure(id);
  }, [id]);
  const form = useForm(store, id, loaded);
  const help = handlingOf(alert) === "help";
  const guidance = alert && html`<${Guidance} alert=${alert} guidance=${loaded?.guidance} />`;

  if (!alert) {
    const text = loaded?.error || t(loaded && !loaded.loading ? "case.unknown" : "case.loading");
    return html`<div class="case"><${Close} store=${store} /><p class="soft case-wait">${text}</p></div>`;
  }
  return html`
    <div class="case" key=${id} data-alert=${id} data-severity=${alert.severity} data-state=${alert.state}
      data-handling=${handlingOf(alert)} data-form=${form ?? undefined}>
      <${Top} store=${store} alert=${alert} loaded=${loaded} form=${form} />
      <div class="case-scroll">
        ${loaded?.error &&
        html`<p class="case-error" role="alert">
          ${loaded.error}
          <button type="button" class="button quiet" onClick=${() => store.actions.loadCase(id)}>${t("case.again")}</button>
        </p>`}
        ${help && guidance}
        <${Conversation} store=${store} alert=${alert} loaded=${loaded} form=${form} />
        <${Why} store=${store} alert=${alert} talk=${loaded?.talk || NOTHING} />
        ${!help && guidance}
        <${Earlier} store=${store} alert=${alert} earlier=${loaded?.earlier} />
        <${History} store=${store} alert=${alert} steps=${loaded?.history || NOTHING} guidance=${loaded?.guidance}
          actions=${loaded?.actions || NOTHING} mayAct=${mayDecide(me)} />
      </div>
      ${form && html`<${Forms} store=${store} alert=${alert} loaded=${loaded} form=${form} />`}
    </div>
  `;
}

const NOTHING = [];

/** The form that is open below the talk: "decide", "act", "escalate", or null. */
function useForm(store, id, loaded) {
  const deciding = useStore(store, (state) => state.deciding?.id === id);
  const acting = useStore(store, (state) => state.acting === id);
  const escalating = useStore(store, (state) => state.escalating === id);
  const ready = Boolean(loaded?.talk);
  const impossible = acting && ready && !loaded.can?.length;
  useEffect(() => {
    if (impossible) store.actions.cannotAct(id);
  }, [impossible]);
  if (!ready && !loaded?.error) return null; // what may be chosen is not known yet
  if (deciding) return "decide";
  if (escalating) return "escalate";
  return acting && loaded.can?.length ? "act" : null;
}

function Forms({ store, alert, loaded, form }) {
  const room = useStore(store, (state) => state.rooms.get(alert.room_id));
  const outcome = useStore(store, (state) => state.deciding?.outcome);
  if (form === "decide") {
    return html`<${Decide} store=${store} alertId=${alert.id} outcome=${outcome} guidance=${loaded.guidance}
      onDone=${() => store.actions.decideLater()} />`;
  }
  if (form === "escalate") {
    return html`<${Escalate} store=${store} alertId=${alert.id} onDone=${() => store.actions.escalateLater()} />`;
  }
  return html`<${Act} store=${store} alert=${alert} loaded=${loaded} muted=${isMuted(room, alert, loaded.actions)}
    onDone=${() => store.actions.actLater()} />`;
}

/** Whether the person's role may decide, also while they are signed out. */
function mayDecide(me) {
  return me?.role === "moderator" || me?.role === "admin";
}

function Close({ store }) {
  const t = useWords();
  return html`<button type="button" class="icon-button case-close" aria-label=${t("case.close")}
    title=${`${t("case.close")} (Esc)`} onClick=${() => store.actions.close()}>
    <${Cross} />
  </button>`;
}

function Top({ store, alert, loaded, form }) {
  const t = useWords();
  const now = useNow(1000);
  const room = useStore(store, (state) => roomTitle(state, alert.room_id));
  const me = useStore(store, (state) => state.me);
  const policies = useStore(store, (state) => state.policies);
  const here = useStore(store, (state) => state.rooms.get(alert.room_id));
  const muted = isMuted(here, alert, loaded?.actions);
  return html`
    <header class="case-top">
      <div class="case-line">
        <${Severity} severity=${alert.severity} t=${t} />
        <span class="state-word" data-state=${alert.state} data-outcome=${alert.outcome}>${stateWord(alert, t)}</span>
        ${alert.owner && html`<span class="case-owner">${ownerWords(store, alert, t)}</span>`}
        <${Escalated} alert=${alert} />
        ${isReview(alert) && html`<span class="chip review" title=${t("card.review_why")}>${t("card.review")}</span>`}
        ${alert.repeats > 0 &&
        html`<span class="chip" title=${t("case.repeats", { n: alert.repeats + 1 })}>×${alert.repeats + 1}</span>`}
        ${muted && html`<span class="chip">${t("case.muted")}</span>`}
        <time class="soft" datetime=${alert.raised_at} title=${exactTime(alert.raised_at)}>
          ${t("case.ago", { time: age(now - Date.parse(alert.raised_at), t) })}
        </time>
        <${Close} store=${store} />
      </div>
      <h2 id="case-title"><bdi>${alert.speaker_name}</bdi></h2>
      <p class="case-where">
        <button type="button" class="link" onClick=${() => store.actions.openRoom(alert.room_id)}>
          <bdi>${room}</bdi>
        </button>
        <span class="case-rule">${ruleText(policies, alert.matches[0], t.language).title}</span>
      </p>
      ${!form && html`
        <${Outstanding} store=${store} alert=${alert} actions=${loaded?.actions || NOTHING} mayAct=${mayDecide(me)} />
        <${Actions} store=${store} alert=${alert} loaded=${loaded} />`}
    </header>
  `;
}

function stateWord(alert, t) {
  if (alert.state === "resolved") return t(`state.${alert.outcome || "resolved"}`);
  if (alert.provisional && alert.state !== "retracted") return t("state.provisional");
  return t(`state.${alert.state}`);
}

function ownerWords(store, alert, t) {
  const mine = alert.owner === store.state.me?.name;
  if (mine) return t("case.yours");
  return t("case.owner", { name: "\u0001" })
    .split(/(\u0001)/)
    .map((part) => (part === "\u0001" ? html`<bdi>${alert.owner}</bdi>` : part));
}

function Actions({ store, alert, loaded }) {
  const t = useWords();
  const me = useStore(store, (state) => state.me);
  if (alert.state === "retracted") return html`<p class="soft case-said">${t("case.withdrawn")}</p>`;
  if (!mayDecide(me)) return html`<p class="soft case-said">${t("case.readonly")}</p>`;
  const act = html`<${ActButton} store=${store} alert=${alert} loaded=${loaded} />`;
  if (alert.state === "resolved") {
    return html`<div class="actions decided">
      <p class="soft case-said">${t(`case.was_${alert.outcome || outcomesOf(alert)[0]}`)}</p>
      <button type="button" class="button" onClick=${() => store.actions.reopen(alert.id)}>${t("action.reopen")}</button>
      ${act}
    </div>`;
  }
  const othersCase = alert.owner && alert.owner !== me.name;
  return html`
    <div class="actions">
      ${alert.state === "open" &&
      html`<button type="button" class="button" onClick=${() => store.actions.acknowledge(alert.id)}>
        ${t("action.acknowledge")} <kbd aria-hidden="true">A</kbd>
      </button>`}
      ${othersCase &&
      html`<button type="button" class="button" onClick=${() => store.actions.assign(alert.id)}>${t("action.take_over")}</button>`}
      ${outcomesOf(alert).map((outcome, place) => html`
        <button key=${outcome} type="button" class=${`button ${outcome}`} title=${t(`decide.${outcome}`)}
          onClick=${() => store.actions.startDeciding(alert.id, outcome)}>
          ${t(`action.${outcome}`)} <kbd aria-hidden="true">${"UD"[place]}</kbd>
        </button>`)}
      <button type="button" class="button" onClick=${() => store.actions.startEscalating(alert.id)}>
        ${t("action.escalate")} <kbd aria-hidden="true">E</kbd>
      </button>
      ${act}
    </div>
  `;
}

function Earlier({ store, alert, earlier }) {
  const t = useWords();
  const policies = useStore(store, (state) => state.policies);
  const now = useNow(30000);
  if (!earlier) return null;
  return html`
    <section class="case-part" aria-labelledby="case-earlier">
      <h3 id="case-earlier">
        ${t("case.earlier")} ${earlier.length > 0 && html`<span class="count">${earlier.length}</span>`}
      </h3>
      ${earlier.length
        ? html`<ul class="earlier">
            ${earlier.map((each) => html`
              <li key=${each.id}>
                <button type="button" data-severity=${each.severity} onClick=${() => store.actions.open(each.id)}>
                  <${Severity} severity=${each.severity} t=${t} />
                  <span class="earlier-rule">${ruleText(policies, each.matches[0], t.language).title}</span>
                  <span class="soft">${stateWord(each, t)}</span>
                  <time class="soft" datetime=${each.raised_at} title=${exactTime(each.raised_at)}>
                    ${age(now - Date.parse(each.raised_at), t)}
                  </time>
                </button>
              </li>`)}
          </ul>`
        : html`<p class="soft">${t("case.first")}</p>`}
    </section>
  `;
}
