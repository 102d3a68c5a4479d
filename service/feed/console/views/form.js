// What the forms of a case share: keys, focus, the place below the talk, and what is missing.

import { html, useLayoutEffect, useRef, useState } from "../html.js";
import { useWords } from "../words.js";
import { take } from "./shared.js";

/**
 * A form below the talk: digits choose, Enter confirms, Esc goes back.
 * @param {object} props
 * @param {string} props.kind class of the form
 * @param {string} props.label
 * @param {string} props.confirmWords
 * @param {(place: number) => boolean} props.onDigit choose by place; whether there is such a choice
 * @param {() => string} props.onConfirm what is missing, or "" when it was done
 * @param {() => void} props.onDone closes the form
 */
export function Form({ kind, label, confirmWords, onDigit, onConfirm, onDone, store, children, ...rest }) {
  const t = useWords();
  const form = useRef(null);
  const [missing, setMissing] = useState("");

  useLayoutEffect(() => focusFirst(form.current), [label]);

  function confirm() {
    const found = onConfirm();
    setMissing(found);
    if (found) focusFirst(form.current);
    else onDone();
  }

  function keydown(event) {
    if (event.isComposing || event.keyCode === 229) return; // an input method is still composing
    const typing = event.target.matches("textarea, input:not([type=radio], [type=checkbox])");
    const plain = !(event.ctrlKey || event.metaKey || event.altKey);
    if (event.key === "Escape") {
      take(event);
      onDone();
    } else if (event.key === "Enter" && !event.shiftKey && event.target.tagName !== "BUTTON") {
      take(event);
      confirm();
    } else if (plain && !typing && onDigit(Number(event.key) - 1)) {
      take(event);
      setMissing("");
      form.current.querySelectorAll("input[type=radio]")[Number(event.key) - 1]?.focus({ preventScroll: true });
    } else if (plain && event.key.length === 1) {
      event.stopPropagation(); // the page's keys are off in this form
      if (!typing && /[a-z/?]/.test(event.key)) store.actions.hint(t("hint.form"));
    }
  }

  return html`
    <form ref=${form} class=${`decide ${kind}`} aria-label=${label} novalidate onKeyDown=${keydown} onChange=${() => setMissing("")}
      onSubmit=${(event) => {
        event.preventDefault();
        confirm();
      }} ...${rest}>
      <div class="decide-scroll" tabindex="-1">${children}</div>
      <div class="decide-foot">
        ${missing && html`<p class="missing" role="alert">${missing}</p>`}
        <div class="decide-buttons">
          <button type="submit" class="button primary"><span>${confirmWords}</span> <kbd aria-hidden="true">Enter</kbd></button>
          <button type="button" class="button quiet" onClick=${onDone}>${t("decide.back")} <kbd aria-hidden="true">Esc</kbd></button>
        </div>
      </div>
    </form>
  `;
}

/** Focus the choice that was made, else the first one, without choosing it. */
function focusFirst(form) {
  const field = form.querySelector("input:checked") || form.querySelector("input:not(:disabled), textarea");
  field?.focus({ preventScroll: true });
}

/** A text of the draft, or the suggested one until the person changes it. */
export function Words({ store, alertId, field, label, suggested = "", most = 2000 }) {
  const draft = store.state.drafts.get(alertId) || {};
  return html`
    <label class="words">
      <span>${label}</span>
      <textarea rows="2" maxlength=${most} dir="auto" value=${draft[field] ?? suggested}
        onInput=${(event) => store.actions.draft(alertId, { [field]: event.target.value })}></textarea>
    </label>`;
}
