// Form for an escalation: to whom, and why. And the badge of an escalated alert.

import { html } from "../html.js";
import { exactTime } from "../time.js";
import { useWords } from "../words.js";
import { useStore } from "../store.js";
import { Form, Words } from "./form.js";

const LONGEST_NAME = 100; // characters of a name or team

/** @param {{store, alertId: string, onDone: () => void}} props */
export function Escalate({ store, alertId, onDone }) {
  const t = useWords();
  const draft = useStore(store, (state) => state.drafts.get(alertId)) || {};

  function confirm() {
    const { to = "", escalate_reason: reason = "" } = store.state.drafts.get(alertId) || {};
    if (!reason.trim()) return t("escalate.say_why");
    store.actions.escalate(alertId, to.trim(), reason.trim());
    return "";
  }

  return html`
    <${Form} store=${store} kind="for-escalation" label=${t("escalate.title")} confirmWords=${t("escalate.confirm")}
      onDigit=${() => false} onConfirm=${confirm} onDone=${onDone}>
      <p class="legend">${t("escalate.title")}</p>
      <label class="words">
        <span>${t("escalate.to")}</span>
        <input type="text" maxlength=${LONGEST_NAME} dir="auto" autocomplete="off" value=${draft.to || ""}
          onInput=${(event) => store.actions.draft(alertId, { to: event.target.value })} />
      </label>
      <${Words} store=${store} alertId=${alertId} field="escalate_reason" label=${t("escalate.why")} />
    <//>
  `;
}

/** "Escalated to Trust and safety" */
export function Escalated({ alert }) {
  const t = useWords();
  if (!alert.escalated_at) return null;
  const [before, after] = t("escalate.badge", { to: "\u0001" }).split("\u0001");
  const to = alert.escalated_to ? html`<bdi>${alert.escalated_to}</bdi>` : t("escalate.on_call");
  return html`<span class="chip escalated" title=${exactTime(alert.escalated_at)}>${before}${to}${after}</span>`;
}
