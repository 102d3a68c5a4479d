// Form for an action in the room: one digit, an optional text, Enter. An action that is not
// possible is listed with the reason.

import { html, useState } from "../html.js";
import { handlingOf } from "../reasons.js";
import { useStore } from "../store.js";
import { actionWords, choices, whyNone, whyNot } from "../verbs.js";
import { useWords } from "../words.js";
import { Form, Words } from "./form.js";
import { Helplines } from "./guidance.js";
import { NAME, Named } from "./shared.js";

/** @param {{store, alert, loaded, muted: boolean, onDone: () => void}} props */
export function Act({ store, alert, loaded, muted, onDone }) {
  const t = useWords();
  const draft = useStore(store, (state) => state.drafts.get(alert.id)) || {};
  const [sure, setSure] = useState(false);
  const handling = handlingOf(alert);
  const offered = choices(handling, loaded.can, muted);
  const action = offered.includes(draft.action) ? draft.action : ""; // never an action that was not chosen
  const suggested = loaded.guidance?.steps.find((step) => step.action === "warn")?.message;
  const named = (one) => html`<${Named} text=${actionWords(one, handling, NAME, t)} name=${alert.speaker_name} />`;

  function choose(place) {
    if (offered[place]) store.actions.draft(alert.id, { action: offered[place] });
    return Boolean(offered[place]);
  }

  function confirm() {
    const latest = store.state.drafts.get(alert.id) || {}; // the draft may be newer than the rendering
    if (!offered.includes(latest.action)) return t("act.choose");
    if (latest.action === "end_room" && !sure) return t("act.confirm_end");
    store.actions.act(alert.id, latest.action, latest.act_reason || "", latest.message ?? suggested ?? "");
    return "";
  }

  return html`
    <${Form} store=${store} kind="act" label=${t("act.title")} data-action=${action} onDigit=${choose} onConfirm=${confirm}
      onDone=${onDone} confirmWords=${action ? named(action) : t("act.title")}>
      ${handling === "help" && html`<${Helplines} guidance=${loaded.guidance} />`}
      <fieldset>
        <legend>${t("act.title")}</legend>
        ${offered.map((one, index) => html`
          <label key=${one} class="reason">
            <input type="radio" name="action" checked=${one === action} onChange=${() => choose(index)} />
            <kbd aria-hidden="true">${index + 1}</kbd>
            <span>${named(one)}</span>
          </label>`)}
        <${Impossible} cannot=${loaded.cannot} handling=${handling} muted=${muted} named=${named} />
      </fieldset>
      ${action === "mute_speaker" && html`<p class="soft act-note">${t("act.stays")}</p>`}
      ${action === "warn" && html`<${Words} store=${store} alertId=${alert.id} field="message" most=${300} suggested=${suggested}
        label=${t(handling === "help" ? "act.help.message" : "act.message")} />`}
      ${action === "end_room" && html`
        <label class="reason sure">
          <input type="checkbox" checked=${sure} onChange=${(event) => setSure(event.target.checked)} />
          <span>${t("act.sure")}</span>
        </label>`}
      <${Words} store=${store} alertId=${alert.id} field="act_reason" label=${t("act.reason")} />
    <//>
  `;
}

/** The actions that are not possible, each with the reason. */
function Impossible({ cannot = [], handling, muted, named }) {
  const t = useWords();
  const shown = choices(handling, cannot.map((one) => one.action), muted);
  return cannot.filter((one) => shown.includes(one.action)).map((one) => html`
    <p key=${one.action} class="impossible"><span>${named(one.action)}</span> <span class="why-not">${whyNot(one, t)}</span></p>`);
}

/** The button that opens the form; where no action is possible, it says why before it is pressed. */
export function ActButton({ store, alert, loaded }) {
  const t = useWords();
  if (!loaded?.talk) return null; // not known yet
  const nothing = loaded.can.length === 0;
  return html`
    <button type="button" class="button" aria-disabled=${nothing ? "true" : undefined}
      aria-describedby=${nothing ? "why-no-action" : undefined} onClick=${() => store.actions.startActing(alert.id)}>
      ${t("action.act")} <kbd aria-hidden="true">M</kbd>
    </button>
    ${nothing && html`<p id="why-no-action" class="soft why-no-action">
      ${loaded.cannot.length ? whyNone(loaded.cannot, t) : t("act.nothing")}
    </p>`}`;
}
