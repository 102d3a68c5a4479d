// Actions whose result is awaited or that failed, above the talk of the case.

import { html, useEffect } from "../html.js";
import { handlingOf } from "../reasons.js";
import { useNow, useStore } from "../store.js";
import { actionWords, outstanding } from "../verbs.js";
import { useWords } from "../words.js";
import { NAME, Named, seconds } from "./shared.js";

const DELIVERY_MS = 2000; // no event tells of a delivery: the case is read again while an action is pending

/** @param {{store, alert, actions: Array, mayAct: boolean}} props */
export function Outstanding({ store, alert, actions, mayAct }) {
  const shown = outstanding(actions);
  const waits = shown.some((one) => one.state === "pending");
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => store.actions.readCase(alert.id), DELIVERY_MS);
    return () => clearInterval(timer);
  }, [waits, alert.id]);
  return shown.map((one) => html`<${One} key=${one.id} store=${store} alert=${alert} one=${one} mayAct=${mayAct} />`);
}

function One({ store, alert, one, mayAct }) {
  const t = useWords();
  const what = html`<b><${Named} text=${actionWords(one.action, handlingOf(alert), NAME, t)} name=${one.speaker_name} /></b>`;
  if (one.state === "pending") {
    return html`<p class="outstanding" data-outstanding=${one.action} data-state="pending" role="status">${what}${" · "}<${Awaited} one=${one} /></p>`;
  }
  return html`
    <div class="outstanding" data-outstanding=${one.action} data-state="failed">
      <p role="alert"><${Warning} />${what}${" · "}${t("acted.failed")}${one.late && ` · ${t("acted.late")}`}${one.detail && html` · <bdi>${one.detail}</bdi>`}</p>
      ${mayAct && html`<button type="button" class="button small" onClick=${() => store.actions.tryAgain(one)}>${t("action.try_again")}</button>`}
    </div>`;
}

/** "pending, 23 s left, delivered to the room server" */
export function Awaited({ one }) {
  const t = useWords();
  const now = useNow(1000);
  const left = one.expires_at ? Math.ceil((Date.parse(one.expires_at) - now) / 1000) : null;
  const time = left === null ? "" : left > 0 ? t("acted.left", { time: seconds(left, t) }) : t("acted.over");
  const delivered = t(one.delivered_at ? "acted.delivered" : "acted.undelivered");
  return html`<span>${t("acted.pending")}</span>${time && html`<span aria-hidden="true"> · ${time}</span>`}${" · "}<span>${delivered}</span>`;
}

function Warning() {
  return html`<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M8 2l6.500 11.500h-13zM8 6.500v3M8 11.800v.1" /></svg> `;
}
