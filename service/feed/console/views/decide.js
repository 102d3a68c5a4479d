// Form for the reason of a decision: one digit, an optional text, Enter. No reason is chosen for
// the person.

import { html } from "../html.js";
import { reasonWords, reasonsOf } from "../reasons.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { Form, Words } from "./form.js";

/**
 * @param {{store, alertId: string, outcome: string, guidance: object|null, onDone: () => void}} props
 *   `onDone` is called when the form closes, decided or not.
 */
export function Decide({ store, alertId, outcome, guidance, onDone }) {
  const t = useWords();
  const draft = useStore(store, (state) => state.drafts.get(alertId)) || {};
  const reasons = reasonsOf(guidance, outcome);
  const code = chosen(reasons, draft);

  function confirm() {
    const latest = store.state.drafts.get(alertId) || {}; // the draft may be newer than the rendering
    const found = chosen(reasons, latest);
    if (reasons.length && !found) return t("decide.choose");
    store.actions.decide(alertId, outcome, found, latest.reason || "");
    return "";
  }

  function choose(place) {
    if (reasons[place]) store.actions.draft(alertId, { code: reasons[place].code });
    return Boolean(reasons[place]);
  }

  return html`
    <${Form} store=${store} kind="for-decision" label=${t(`decide.${outcome}`)} data-outcome=${outcome}
      confirmWords=${t(`decide.confirm_${outcome}`)} onDigit=${choose} onConfirm=${confirm} onDone=${onDone}>
      <fieldset>
        <legend>${t(`decide.${outcome}`)}</legend>
        ${reasons.map(
          (reason, index) => html`
            <label key=${reason.code} class="reason">
              <input type="radio" name="reason" checked=${reason.code === code} onChange=${() => choose(index)} />
              <kbd aria-hidden="true">${index + 1}</kbd>
              <span>${reasonWords(reason, t)}</span>
            </label>
          `,
        )}
      </fieldset>
      <${Words} store=${store} alertId=${alertId} field="reason" label=${t("decide.words")} most=${1900} />
    <//>
  `;
}

/** The draft's reason if it is one of these, else null. */
function chosen(reasons, draft) {
  return reasons.some((reason) => reason.code === draft.code) ? draft.code : null;
}
