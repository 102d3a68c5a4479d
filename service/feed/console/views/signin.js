// Sign-in by a key, typed or from a link; also inside a page whose key has ended.

import { html, useEffect, useRef, useState } from "../html.js";
import { useStore } from "../store.js";
import { exactTime } from "../time.js";
import { useWords } from "../words.js";
import { ThemeAndLanguage } from "./theme.js";

/** @param {{store}} props */
export function SignIn({ store }) {
  const t = useWords();
  const [before, after] = t("signin.where", { command: "\u0001" }).split("\u0001");
  return html`
    <main class="door">
      <div class="door-box">
        <div class="door-top">
          <h1><img src="/console/icon.svg" width="32" height="32" alt="" />earshot</h1>
          <${ThemeAndLanguage} store=${store} />
        </div>
        <h2>${t("signin.title")}</h2>
        <p>${t("signin.how")}</p>
        <${KeyForm} store=${store} />
        <p class="soft">${before}<code>earshot key create</code>${after}</p>
        <p><a href="/rules">${t("signin.members")}</a></p>
      </div>
    </main>
  `;
}

/** Sign-in in place of the banners, once the key has ended; the page stays. */
export function SignInAgain({ store, said }) {
  const t = useWords();
  return html`
    <div class="banner signed-out">
      <div>
        <p role="alert"><strong><bdi>${sentence(said)}</bdi></strong></p>
        <p>${t("signin.again")}</p>
      </div>
      <${KeyForm} store=${store} />
    </div>
  `;
}

function KeyForm({ store }) {
  const t = useWords();
  const field = useRef(null);
  const linked = useStore(store, (state) => state.signInError);
  const [typed, setTyped] = useState("");
  const [refused, setRefused] = useState(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => field.current.focus(), []);

  async function submit(event) {
    event.preventDefault();
    if (!typed.trim() || busy) return;
    setBusy(true);
    setRefused(null);
    try {
      await store.actions.signIn(typed);
    } catch (problem) {
      setRefused(problem.detail || t(problem.status === 429 ? "refused.busy" : "refused.unreachable"));
      field.current?.focus();
    }
    setBusy(false);
  }

  const said = refused ?? linked;
  return html`
    <form class="key-form" onSubmit=${submit}>
      <label for="key">${t("signin.key")}</label>
      <div class="key-row">
        <input ref=${field} id="key" name="key" type="password" autocomplete="current-password" spellcheck=${false}
          autocapitalize="off" value=${typed} aria-invalid=${said ? "true" : undefined}
          aria-describedby=${said ? "key-said" : undefined} onInput=${(event) => setTyped(event.target.value)} />
        <button type="submit" class="button primary" aria-disabled=${busy ? "true" : undefined}>${t("signin.go")}</button>
      </div>
      ${said && html`<p id="key-said" class="key-said" role="alert">${sentence(said)}</p>`}
    </form>
  `;
}

const INSTANT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

/** The server's text as a sentence, with its times formatted. */
function sentence(text) {
  const told = text.replace(INSTANT, exactTime);
  const begun = told.charAt(0).toUpperCase() + told.slice(1);
  return /[.。！？!?]$/.test(begun) ? begun : `${begun}.`;
}
