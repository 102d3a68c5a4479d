// Bar at the foot of the page: undo of the last step, or the reason why a step failed.

import { html } from "../html.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { Cross } from "./shared.js";

/** @param {{store}} props */
export function Toasts({ store }) {
  const t = useWords();
  const undo = useStore(store, (state) => state.undo);
  const notices = useStore(store, (state) => state.notices);
  const hint = useStore(store, (state) => state.hint);
  return html`
    <div class="toasts">
      ${notices.map((notice) => html`
        <div key=${`n${notice.id}`} class="toast refusal">
          <p role="alert"><bdi>${notice.text}</bdi></p>
          ${notice.alertId && html`<button type="button" class="button small" onClick=${() => store.actions.open(notice.alertId)}>
            ${t("action.open_case")}</button>`}
          <button type="button" class="icon-button" aria-label=${t("panel.close")}
            onClick=${() => store.actions.dismissNotice(notice.id)}><${Cross} /></button>
        </div>`)}
      <div role="status">${hint && html`<p key=${`h${hint.id}`} class="toast hint">${hint.text}</p>`}</div>
      ${undo && html`<${UndoBar} key=${`u${undo.alert_id}${undo.until}`} store=${store} undo=${undo} />`}
    </div>
  `;
}

function UndoBar({ store, undo }) {
  const t = useWords();
  const name = useStore(store, (state) => state.alerts.get(undo.alert_id)?.speaker_name);
  return html`
    <div class="toast undo">
      <p role="status">${t(`undo.${undo.what}`)}${name && html`${" · "}<bdi>${name}</bdi>`}</p>
      <button type="button" class="button" onClick=${() => store.actions.undo()}>
        ${t("action.undo")} <kbd aria-hidden="true">Z</kbd>
      </button>
      <span class="undo-left" aria-hidden="true"></span>
    </div>
  `;
}
