// Entry point of the page.

import { createAlarm } from "./alarm.js";
import { watchCoverage } from "./coverage.js";
import { html, render } from "./html.js";
import { installKeys } from "./keys.js";
import { createStore } from "./store.js";
import { notificationWords } from "./announcements.js";
import { readUrl } from "./url.js";
import { App } from "./views/app.js";
import { setLanguage, words } from "./words.js";

const store = createStore();
await setLanguage(store.state.prefs.language).catch(() => {}); // then in English
store.actions.applyTheme();
const address = readUrl(location.search);
store.set({ ...address, tab: address.opened ? "case" : "feed" });
store.alarm = createAlarm({
  prefs: () => store.state.prefs,
  words: (alert) => notificationWords(store, alert),
  burstWords: (n) => ({ title: words("notify.burst_title", { n }), body: words("notify.burst_body") }),
  open: store.actions.open,
});
installKeys(store);
watchCoverage(store);
addEventListener("popstate", () => store.actions.goTo(location.search));
render(html`<${App} store=${store} />`, document.body);

const key = new URLSearchParams(location.hash.slice(1)).get("key");
if (location.hash) history.replaceState(null, "", location.pathname + location.search);
store.actions.start(key);
