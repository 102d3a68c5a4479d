// Theme, language, sound and desktop notifications of this browser.

import { askPermission, permission, play } from "../alarm.js";
import { html, useState } from "../html.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { Dialog } from "./shared.js";

const SEVERITIES = ["off", "critical", "high", "all"];
const LOUDEST = { critical: "critical", high: "high", all: "medium" };

/** @param {{store}} props */
export function Settings({ store }) {
  const t = useWords();
  const prefs = useStore(store, (state) => state.prefs);
  const me = useStore(store, (state) => state.me);
  const [blocked, setBlocked] = useState(false);
  const choose = (name) => (event) => store.actions.setPref(name, event.target.value);
  const test = async () => setBlocked(!(await play(LOUDEST[prefs.sound] || "high")));

  return html`
    <${Dialog} store=${store} id="settings-title" title=${t("settings.title")}>
      <${Choice} id="theme" label=${t("settings.theme")} value=${prefs.theme} onChange=${choose("theme")}
        options=${[["system", t("theme.system")], ["light", t("theme.light")], ["dark", t("theme.dark")]]} />
      <${Choice} id="language" label=${t("settings.language")} value=${prefs.language} onChange=${choose("language")}
        options=${[["system", t("language.system")], ["en", "English"], ["zh", "简体中文"]]} />
      <${Choice} id="sound" label=${t("settings.sound")} value=${prefs.sound} onChange=${choose("sound")}
        options=${SEVERITIES.map((each) => [each, t(`least.${each}`)])}>
        <button type="button" class="button" onClick=${test}>${t("settings.test")}</button>
        ${blocked && html`<p class="soft" role="status">${t("settings.sound_blocked")}</p>`}
      <//>
      <${Notifications} value=${prefs.notify} onChange=${choose("notify")} />
      ${me && html`<div class="setting signed-in">
        <p class="soft">${t("settings.signed_in", { name: me.name, role: t.has(`role.${me.role}`) ? t(`role.${me.role}`) : me.role })}</p>
        <button type="button" class="button" onClick=${() => store.actions.signOut()}>${t("settings.sign_out")}</button>
      </div>`}
    <//>
  `;
}

function Choice({ id, label, value, options, onChange, children }) {
  return html`
    <div class="setting">
      <label for=${`setting-${id}`}>${label}</label>
      <div class="setting-value">
        <select id=${`setting-${id}`} value=${value} onChange=${onChange}>
          ${options.map(([each, text]) => html`<option key=${each} value=${each} selected=${each === value}>${text}</option>`)}
        </select>
        ${children}
      </div>
    </div>
  `;
}

function Notifications({ value, onChange }) {
  const t = useWords();
  const [allowed, setAllowed] = useState(permission());
  const change = async (event) => {
    onChange(event);
    if (event.target.value !== "off" && permission() === "default") setAllowed(await askPermission());
  };
  const ask = async () => setAllowed(await askPermission());
  return html`
    <${Choice} id="notify" label=${t("settings.notify")} value=${value} onChange=${change}
      options=${SEVERITIES.map((each) => [each, t(`least.${each}`)])}>
      ${value !== "off" && allowed === "default" &&
      html`<button type="button" class="button" onClick=${ask}>${t("notify.allow")}</button>`}
      <p class="soft" role="status">${t(value === "off" ? "notify.off" : `notify.${allowed}`)}</p>
    <//>
  `;
}
