// The open case: speaker, room, conversation, reasons of the match, history and actions.

import { html, useEffect, useLayoutEffect, useMemo, useRef } from "../html.js";
import { recorded } from "../reasons.js";
import { roomTitle } from "../state.js";
import { useNow, useStore } from "../store.js";
import { isReview, isSevere } from "../text.js";
import { age, exactTime } from "../time.js";
import { useWords } from "../words.js";
import { Act, isMuted } from "./act.js";
import { Decide } from "./decide.js";
import { History } from "./history.js";
import { Lanes } from "./lanes.js";
import { Cross, Severity, ruleText, useFollow } from "./shared.js";
import { Talk, useInitials } from "./talk.js";
import { Why } from "./why.js";

const DECIDED = new Set(["resolved", "retracted"]);

/** @param {{store, id: string}} props */
export function Case({ store, id }) {
  const t = useWords();
  const alert = useStore(store, (state) => state.alerts.get(id));
  const loaded = useStore(store, (state) => state.cases.get(id));
  const me = useStore(store, (state) => state.me);
  useEffect(() => {
    store.actions.loadCase(id);
    if (!store.state.unmasked.has(id)) store.actions.unmask(id); // opening a case shows its words
  }, [id]);

  if (!alert) {
    const text = loaded?.error || t(loaded && !loaded.loading ? "case.unknown" : "case.loading");
    return html`<div class="case"><${Close} store=${store} /><p class="soft case-wait">${text}</p></div>`;
  }
  return html`
    <div class="case" key=${id} data-alert=${id} data-severity=${alert.severity} data-state=${alert.state}>
      <${Top} store=${store} alert=${alert} loaded=${loaded} />
      <div class="case-scroll">
        ${loaded?.error &&
        html`<p class="case-error" role="alert">
          ${loaded.error}
          <button type="button" class="button quiet" onClick=${() => store.actions.loadCase(id)}>${t("case.again")}</button>
        </p>`}
        <${Conversation} store=${store} alert=${alert} loaded=${loaded} />
        <${Why} store=${store} alert=${alert} talk=${loaded?.talk || NOTHING} />
        <${Earlier} store=${store} alert=${alert} earlier=${loaded?.earlier} />
        <${History} store=${store} alertId=${id} steps=${loaded?.history || NOTHING}
          actions=${loaded?.actions || NOTHING} mayAct=${mayDecide(me)} />
      </div>
    </div>
  `;
}

const NOTHING = [];

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

function Top({ store, alert, loaded }) {
  const t = useWords();
  const now = useNow(1000);
  const room = useStore(store, (state) => roomTitle(state, alert.room_id));
  const deciding = useStore(store, (state) => state.deciding);
  const policies = useStore(store, (state) => state.policies);
  const acting = useStore(store, (state) => state.acting) === alert.id;
  const here = useStore(store, (state) => state.rooms.get(alert.room_id));
  const mine = deciding?.id === alert.id ? deciding.outcome : null;
  const can = loaded?.can || NOTHING;
  const muted = isMuted(here, alert, loaded?.actions);
  return html`
    <header class="case-top">
      <div class="case-line">
        <${Severity} severity=${alert.severity} t=${t} />
        <span class="state-word" data-state=${alert.state} data-outcome=${alert.outcome}>${stateWord(alert, t)}</span>
        ${alert.owner && html`<span class="case-owner">${ownerWords(store, alert, t)}</span>`}
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
      ${mine
        ? html`<${Decide} store=${store} alertId=${alert.id} outcome=${mine} onDone=${() => store.actions.decideLater()} />`
        : html`<${Actions} store=${store} alert=${alert} can=${acting ? NOTHING : can} />`}
      ${acting && can.length > 0 &&
      html`<${Act} store=${store} alert=${alert} can=${can} muted=${muted} onDone=${() => store.actions.actLater()} />`}
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

function Actions({ store, alert, can }) {
  const t = useWords();
  const me = useStore(store, (state) => state.me);
  if (alert.state === "retracted") return html`<p class="soft case-said">${t("case.withdrawn")}</p>`;
  if (!mayDecide(me)) return html`<p class="soft case-said">${t("case.readonly")}</p>`;
  const act = can.length > 0 && html`<button type="button" class="button" onClick=${() => store.actions.startActing(alert.id)}>
    ${t("action.act")} <kbd aria-hidden="true">M</kbd>
  </button>`;
  if (alert.state === "resolved") {
    return html`<div class="actions decided">
      <p class="soft case-said">${t(alert.outcome === "upheld" ? "case.was_upheld" : "case.was_dismissed")}</p>
      ${act}
      <button type="button" class="button" onClick=${() => store.actions.reopen(alert.id)}>${t("action.reopen")}</button>
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
      <button type="button" class="button upheld" title=${t("decide.upheld")}
        onClick=${() => store.actions.startDeciding(alert.id, "upheld")}>
        ${t("action.uphold")} <kbd aria-hidden="true">U</kbd>
      </button>
      <button type="button" class="button" title=${t("decide.dismissed")}
        onClick=${() => store.actions.startDeciding(alert.id, "dismissed")}>
        ${t("action.dismiss")} <kbd aria-hidden="true">D</kbd>
      </button>
      ${act}
    </div>
  `;
}

function Conversation({ store, alert, loaded }) {
  const t = useWords();
  const talk = loaded?.talk || NOTHING;
  const gaps = loaded?.gaps || NOTHING;
  const labels = useInitials(talk, alert.speaker_id);
  const alerts = useStore(store, (state) => state.alerts);
  const unmasked = useStore(store, (state) => state.unmasked);
  const marking = useMemo(() => {
    const heard = new Set(talk.map((line) => line.utterance_id));
    const others = [...alerts.values()].filter((each) => each.id !== alert.id && heard.has(each.utterance_id));
    return [alert, ...others];
  }, [alerts, alert, talk]);
  const follow = useFollow(talk);
  const room = useStore(store, (state) => state.rooms.get(alert.room_id));
  const live = room?.state === "listening";
  const severe = alert.matches.some((match) => isSevere(match.category));
  const shown = unmasked.has(alert.id);
  const heading = useRef(null);

  // Scroll once to the alert's own words; after that the reader scrolls.
  const placed = useRef(false);
  useLayoutEffect(() => {
    const box = follow.box.current;
    const own = box?.querySelector(".own");
    if (placed.current || !own) return;
    placed.current = true;
    const below = box.scrollHeight - (own.offsetTop + own.offsetHeight);
    if (below < box.clientHeight / 2) return; // the end of the talk shows them too
    follow.atEnd.current = false;
    box.scrollTop = own.offsetTop - box.clientHeight / 2 + own.offsetHeight / 2;
  }, [talk]);

  return html`
    <section class="case-part" aria-labelledby="case-talk">
      <div class="part-head">
        <h3 id="case-talk" ref=${heading}>${t("case.talk")}</h3>
        ${severe &&
        html`<button type="button" class="button quiet small" aria-pressed=${shown}
          onClick=${() => store.actions.unmask(alert.id)}>
          ${t(shown ? "action.hide_words" : "action.show_words")} <kbd aria-hidden="true">X</kbd>
        </button>`}
      </div>
      ${!loaded?.talk
        ? !loaded?.error && html`<${Waiting} />`
        : !talk.length
          ? html`<p class="soft">${t("talk.nothing")}</p>`
          : html`
              <${Lanes} alert=${alert} talk=${talk} gaps=${gaps} labels=${labels} alerts=${marking}
                onPick=${(utterance) => follow.box.current?.querySelector(`[data-utterance="${utterance}"]`)?.scrollIntoView({ block: "nearest" })} />
              <div class="talk-box" ref=${follow.box} onScroll=${follow.onScroll} tabindex="0" role="region"
                aria-label=${t("talk.label")}>
                <${Talk} store=${store} talk=${talk} gaps=${gaps} alerts=${marking} focus=${alert} labels=${labels}
                  shown=${(each) => unmasked.has(each.id)} onOpen=${store.actions.open} />
                ${live && loaded.goes_on &&
                html`<p class="live-line soft"><span class="live-dot" aria-hidden="true"></span>${t("talk.live")}</p>`}
                ${live && !loaded.goes_on &&
                html`<p class="live-line soft">
                  <button type="button" class="link" onClick=${() => store.actions.openRoom(alert.room_id)}>
                    ${t("talk.in_room")}
                  </button>
                </p>`}
              </div>
              ${follow.away && live && loaded.goes_on &&
              html`<button type="button" class="pill to-now" onClick=${follow.toEnd}>${t("talk.to_now")}</button>`}
            `}
    </section>
  `;
}

function Waiting() {
  return html`<div class="waiting" aria-hidden="true"><i class="bar"></i><i class="bar"></i><i class="bar"></i></div>`;
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
