// Form for the reason of a decision: one digit, an optional text, Enter. It never covers the talk.

import { html, useLayoutEffect, useRef } from "../html.js";
import { REASONS } from "../reasons.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { take } from "./shared.js";

/**
 * @param {{store, alertId: string, outcome: "upheld"|"dismissed", onDone: () => void}} props
 *   `onDone` is called when the box closes, decided or not.
 */
export function Decide({ store, alertId, outcome, onDone }) {
  const t = useWords();
  const draft = useStore(store, (state) => state.drafts.get(alertId)) || {};
  const form = useRef(null);
  const reasons = REASONS[outcome];
  const code = chosen(reasons, draft);

  useLayoutEffect(() => {
    form.current.querySelector("input:checked").focus({ preventScroll: true });
    form.current.scrollIntoView({ block: "nearest" });
  }, [outcome, alertId]);

  function confirm() {
    const latest = store.state.drafts.get(alertId) || {}; // the draft may be newer than the rendering
    store.actions.decide(alertId, outcome, chosen(reasons, latest), latest.reason || "");
    onDone();
  }

  function keydown(event) {
    if (event.isComposing || event.keyCode === 229) return; // an input method is still composing
    const typing = event.target.tagName === "TEXTAREA";
    const plain = !(event.ctrlKey || event.metaKey || event.altKey);
    if (event.key === "Escape") {
      take(event);
      onDone();
    } else if (event.key === "Enter" && !event.shiftKey && event.target.tagName !== "BUTTON") {
      take(event);
      confirm();
    } else if (plain && !typing && reasons[Number(event.key) - 1]) {
      take(event);
      store.actions.draft(alertId, { code: reasons[Number(event.key) - 1].code });
      form.current.querySelectorAll("input")[Number(event.key) - 1].focus();
    } else if (plain && event.key.length === 1) {
      event.stopPropagation(); // the page's keys are off in this form
    }
  }

  return html`
    <form
      ref=${form}
      class="decide"
      data-outcome=${outcome}
      aria-label=${t(`decide.${outcome}`)}
      onKeyDown=${keydown}
      onSubmit=${(event) => {
        event.preventDefault();
        confirm();
      }}
    >
      <fieldset>
        <legend>${t(`decide.${outcome}`)}</legend>
        ${reasons.map(
          (reason, index) => html`
            <label key=${reason.code} class="reason">
              <input
                type="radio"
                name="reason"
                checked=${reason.code === code}
                onChange=${() => store.actions.draft(alertId, { code: reason.code })}
              />
              <kbd aria-hidden="true">${index + 1}</kbd>
              <span>${t(`reason.${reason.code}`)}</span>
            </label>
          `,
        )}
      </fieldset>
      <label class="words">
        <span>${t("decide.words")}</span>
        <textarea
          rows="2"
          maxlength="1900"
          dir="auto"
          value=${draft.reason || ""}
          onInput=${(event) => store.actions.draft(alertId, { reason: event.target.value })}
        ></textarea>
      </label>
      <div class="decide-buttons">
        <button type="submit" class="button primary">
          ${t(`decide.confirm_${outcome}`)} <kbd aria-hidden="true">Enter</kbd>
        </button>
        <button type="button" class="button quiet" onClick=${onDone}>
          ${t("decide.back")} <kbd aria-hidden="true">Esc</kbd>
        </button>
      </div>
    </form>
  `;
}

/** The draft's reason, or the first reason of this outcome. */
function chosen(reasons, draft) {
  return reasons.some((reason) => reason.code === draft.code) ? draft.code : reasons[0].code;
}
