// Banners about the page itself: lost connection, overload, demo model. One line each.

import { html, useState } from "../html.js";
import { useNow, useStore } from "../store.js";
import { age } from "../time.js";
import { useWords } from "../words.js";
import { PATIENCE_MS } from "./offline.js";
import { Cross } from "./shared.js";
import { SignInAgain } from "./signin.js";

const DEMO = "demo model: understands only the simulated voices";

/** @param {{store}} props */
export function Banners({ store }) {
  const signedOut = useStore(store, (state) => state.signedOut);
  return html`
    <div class="banners">
      ${signedOut !== null
        ? html`<${SignInAgain} store=${store} said=${signedOut} />`
        : html`<${Connection} store=${store} />`}
      <${Overload} store=${store} />
      <${Model} store=${store} />
    </div>
  `;
}

function Connection({ store }) {
  const t = useWords();
  const connection = useStore(store, (state) => state.connection);
  if (connection.state === "lost") return html`<${Lost} connection=${connection} store=${store} />`;
  if (connection.state !== "caught-up") return null;
  return html`<p class="banner caught-up" role="status">${t("banner.caught_up", { n: connection.missed })}</p>`;
}

function Lost({ store, connection }) {
  const t = useWords();
  const now = useNow(1000) - store.offset_ms;
  if (now - connection.since < PATIENCE_MS) return null;
  const { last_event_at: last } = connection;
  const said = last ? t("banner.lost", { time: age(now - last, t) }) : t("banner.lost_never");
  return html`<p class="banner lost">${said}</p>`;
}

function Overload({ store }) {
  const t = useWords();
  const overload = useStore(store, (state) => state.overload);
  if (!overload) return null;
  return html`<p class="banner overload" role="status">
    ${t("banner.overload", { n: Math.max(1, Math.round(overload.behind_s)) })}
  </p>`;
}

/** A notice that can be hidden until the page is loaded again. */
function Model({ store }) {
  const t = useWords();
  const notice = useStore(store, (state) => state.status.notice);
  const [hidden, setHidden] = useState("");
  if (!notice || notice === hidden) return null;
  return html`<div class="banner model">
    <p>${notice === DEMO ? t("banner.demo") : html`<bdi>${notice}</bdi>`}</p>
    <button type="button" class="icon-button" aria-label=${t("banner.hide")} title=${t("banner.hide")}
      onClick=${() => setHidden(notice)}><${Cross} /></button>
  </div>`;
}
