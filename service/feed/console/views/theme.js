// Buttons for theme and language, in the top bar and on the sign-in page.

import { html, useEffect, useState } from "../html.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";

const OTHER_LANGUAGE = {
  en: { setting: "zh", tag: "zh-Hans", short: "中文", name: "中文（简体）" },
  zh: { setting: "en", tag: "en", short: "EN", name: "English" },
};

/** @param {{store}} props */
export function ThemeAndLanguage({ store }) {
  return html`<${LanguageButton} store=${store} /><${ThemeButton} store=${store} />`;
}

function LanguageButton({ store }) {
  const t = useWords();
  const other = OTHER_LANGUAGE[t.language];
  return html`<button type="button" class="icon-button look language-button" lang=${other.tag} aria-label=${other.name}
    title=${other.name} onClick=${() => store.actions.setPref("language", other.setting)}>${other.short}</button>`;
}

/** Switch the theme. Choosing the system's theme follows the system again. */
function ThemeButton({ store }) {
  const t = useWords();
  const system = useSystemTheme();
  const chosen = useStore(store, (state) => state.prefs.theme);
  const to = (chosen === "system" ? system : chosen) === "dark" ? "light" : "dark";
  const name = t(`topbar.${to}`);
  return html`<button type="button" class="icon-button look" aria-label=${name} title=${name}
    onClick=${() => store.actions.setPref("theme", to === system ? "system" : to)}>
    ${to === "dark" ? html`<${Moon} />` : html`<${Sun} />`}
  </button>`;
}

function useSystemTheme() {
  const [query] = useState(() => matchMedia("(prefers-color-scheme: dark)"));
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const changed = () => setDark(query.matches);
    changed(); // it may have changed since the rendering
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, [query]);
  return dark ? "dark" : "light";
}

function Moon() {
  return html`<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <path d="M16.500 12.200A7 7 0 0 1 7.800 3.500a7 7 0 1 0 8.700 8.700z" />
  </svg>`;
}

function Sun() {
  return html`<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
    <circle cx="10" cy="10" r="3.300" />
    <path d="M10 2v1.800M10 16.200V18M2 10h1.800M16.200 10H18M4.300 4.300l1.300 1.300M14.400 14.400l1.300 1.300M4.300 15.700l1.300-1.300M14.400 5.600l1.300-1.300" />
  </svg>`;
}
