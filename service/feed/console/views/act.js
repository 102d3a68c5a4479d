// Form for an action in the room: one digit, an optional text, Enter. Like the form for reasons.

import { html, useLayoutEffect, useRef, useState } from "../html.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { NAME, Named, take } from "./shared.js";

const ORDER = ["mute_speaker", "unmute_speaker", "warn", "remove_speaker", "end_room"];
const OPPOSITE = { mute_speaker: "unmute_speaker", unmute_speaker: "mute_speaker" };

/** The actions to offer: of mute and unmute, the one that has an effect. */
export function choices(can, muted) {
  const without = muted ? "mute_speaker" : "unmute_speaker";
  return ORDER.filter((action) => can.includes(action) && (action !== without || !can.includes(OPPOSITE[action])));
}

/** Whether the speaker is muted: as the room reports, else by the last action. */
export function isMuted(room, alert, actions = []) {
  const there = room?.speakers.get(alert.speaker_id);
  if (there) return there.muted === true;
  const last = actions.findLast((one) => one.state === "done" && one.action in OPPOSITE);
  return last?.action === "mute_speaker";
}

/** @param {{store, alert, can: string[], muted: boolean, onDone: () => void}} props */
export function Act({ store, alert, can, muted, onDone }) {
  const t = useWords();
  const draft = useStore(store, (state) => state.drafts.get(alert.id)) || {};
  const offered = choices(can, muted);
  const [picked, pick] = useState(offered[0]);
  const [sure, setSure] = useState(false);
  const form = useRef(null);
  const action = offered.includes(picked) ? picked : ""; // never an action that was not chosen
  const name = alert.speaker_name;
  const ready = action !== "" && (action !== "end_room" || sure);

  useLayoutEffect(() => {
    form.current.querySelector("input:checked")?.focus({ preventScroll: true });
    form.current.scrollIntoView({ block: "nearest" });
  }, [alert.id]);

  function confirm() {
    if (!ready) return;
    const latest = store.state.drafts.get(alert.id) || {}; // the draft may be newer than the rendering
    store.actions.act(alert.id, action, latest.act_reason || "", latest.message || "");
    onDone();
  }

  function keydown(event) {
    if (event.isComposing || event.keyCode === 229) return; // an input method is still composing
    const typing = event.target.tagName === "TEXTAREA";
    const plain = !(event.ctrlKey || event.metaKey || event.altKey);
    const numbered = offered[Number(event.key) - 1];
    if (event.key === "Escape") {
      take(event);
      onDone();
    } else if (event.key === "Enter" && !event.shiftKey && event.target.tagName !== "BUTTON") {
      take(event);
      confirm();
    } else if (plain && !typing && numbered) {
      take(event);
      pick(numbered);
      form.current.querySelectorAll("input[type=radio]")[Number(event.key) - 1].focus();
    } else if (plain && event.key.length === 1) {
      event.stopPropagation(); // the page's keys are off in this form
    }
  }

  const words = (field, label) => html`
    <label class="words">
      <span>${label}</span>
      <textarea rows="2" maxlength=${field === "message" ? 300 : 2000} dir="auto" value=${draft[field] || ""}
        onInput=${(event) => store.actions.draft(alert.id, { [field]: event.target.value })}></textarea>
    </label>`;

  return html`
    <form ref=${form} class="decide act" data-action=${action} aria-label=${t("act.title")} onKeyDown=${keydown}
      onSubmit=${(event) => {
        event.preventDefault();
        confirm();
      }}>
      <fieldset>
        <legend>${t("act.title")}</legend>
        ${offered.map((one, index) => html`
          <label key=${one} class="reason">
            <input type="radio" name="action" checked=${one === action} onChange=${() => pick(one)} />
            <kbd aria-hidden="true">${index + 1}</kbd>
            <span><${Named} text=${t(`act.${one}`, { name: NAME })} name=${name} /></span>
          </label>`)}
      </fieldset>
      ${action === "mute_speaker" && html`<p class="soft act-note">${t("act.stays")}</p>`}
      ${action === "warn" && words("message", t("act.message"))}
      ${action === "end_room" && html`
        <label class="reason sure">
          <input type="checkbox" checked=${sure} onChange=${(event) => setSure(event.target.checked)} />
          <span>${t("act.sure")}</span>
        </label>`}
      ${words("act_reason", t("act.reason"))}
      <div class="decide-buttons">
        <button type="submit" class="button primary" disabled=${!ready}>
          ${action ? html`<${Named} text=${t(`act.${action}`, { name: NAME })} name=${name} />` : t("act.title")} <kbd aria-hidden="true">Enter</kbd>
        </button>
        <button type="button" class="button quiet" onClick=${onDone}>
          ${t("decide.back")} <kbd aria-hidden="true">Esc</kbd>
        </button>
      </div>
    </form>
  `;
}
