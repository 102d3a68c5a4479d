// Top bar: the connection, the signed-in person, and buttons for rules, settings and help.

import { html } from "../html.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { ThemeAndLanguage } from "./theme.js";

const READS_ONLY = new Set(["observer", "room_server"]);

/** @param {{store}} props */
export function Topbar({ store }) {
  const t = useWords();
  const me = useStore(store, (state) => state.me);
  return html`
    <header class="topbar">
      <h1 class="brand"><${Mark} />earshot</h1>
      <${Connection} store=${store} />
      <div class="topbar-end">
        ${READS_ONLY.has(me.role) &&
        html`<span class="chip read-only" title=${t("topbar.read_only_why")}>${t("topbar.read_only")}</span>`}
        <p class="person" title=${`${me.name}, ${t(`role.${me.role}`)}`}>
          <bdi>${me.name}</bdi> <span class="soft">${t(`role.${me.role}`)}</span>
        </p>
        ${READS_ONLY.has(me.role)
          ? html`<a class="topbar-link" href="/rules" target="_blank" rel="noopener">${t("topbar.rules")}</a>`
          : html`<${RulesButton} store=${store} />`}
        <${ThemeAndLanguage} store=${store} />
        <button type="button" class="icon-button" aria-label=${t("topbar.help")} title=${`${t("topbar.help")} (?)`}
          onClick=${() => store.actions.setOverlay("help")}><${KeyboardIcon} /></button>
        <button type="button" class="icon-button" aria-label=${t("topbar.settings")} title=${t("topbar.settings")}
          onClick=${() => store.actions.setOverlay("settings")}><${SettingsIcon} /></button>
      </div>
    </header>
  `;
}

function RulesButton({ store }) {
  const t = useWords();
  const here = useStore(store, (state) => state.view === "rules");
  return html`<button type="button" class="topbar-link rules-button" aria-pressed=${here ? "true" : "false"}
    aria-label=${t("topbar.rules")} title=${`${t("topbar.rules_why")} (P)`}
    onClick=${() => store.actions.setView(here ? "watch" : "rules")}>
    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M8 5h9M8 10h9M8 15h9M2.500 5l1 1 2-2M2.500 10l1 1 2-2M2.500 15l1 1 2-2" /></svg>
    <span>${t("topbar.rules")}</span>
  </button>`;
}

function Connection({ store }) {
  const t = useWords();
  const state = useStore(store, ({ connection }) => connection.state);
  const out = useStore(store, ({ signedOut }) => signedOut !== null);
  const shown = out ? "signed_out" : state === "caught-up" ? "live" : state;
  return html`<p class="connection" role="status" data-connection=${out ? "signed-out" : state}>
    <span class="dot" aria-hidden="true"></span>${t(`connection.${shown}`)}
  </p>`;
}

function Mark() {
  return html`<svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
    <path d="M4 9.500v5M9.300 6v12M14.700 8v8M20 10.500v3" />
  </svg>`;
}

function KeyboardIcon() {
  return html`<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <rect x="2" y="5" width="16" height="10.500" rx="2" />
    <path d="M5.200 8.300h.1M8.400 8.300h.1M11.600 8.300h.1M14.800 8.300h.1M6.500 12.300h7" />
  </svg>`;
}

function SettingsIcon() {
  return html`<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <path d="M3 6h8M15.500 6H17M3 14h1.500M9 14h8" /><circle cx="13" cy="6" r="2.200" /><circle cx="6.700" cy="14" r="2.200" />
  </svg>`;
}
