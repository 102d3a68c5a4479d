// The whole page: three columns side by side, or one at a time behind tabs.

import { html, useEffect, useMemo } from "../html.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { Banners } from "./banners.js";
import { Case } from "./case.js";
import { Feed } from "./feed.js";
import { Help } from "./help.js";
import { Report } from "./report.js";
import { Room } from "./room.js";
import { Rooms } from "./rooms.js";
import { Settings } from "./settings.js";
import { SignIn } from "./signin.js";
import { Topbar } from "./topbar.js";
import { Toasts } from "./undo.js";

/** @param {{store}} props */
export function App({ store }) {
  const me = useStore(store, (state) => state.me);
  const asked = useStore(store, (state) => state.asked);
  if (me) return html`<${Console} store=${store} />`;
  return asked ? html`<${SignIn} store=${store} />` : null;
}

function Console({ store }) {
  const t = useWords();
  const tab = useStore(store, (state) => state.tab);
  const opened = useStore(store, (state) => state.opened);
  const room = useStore(store, (state) => state.room);
  const overlay = useStore(store, (state) => state.overlay);
  const view = useStore(store, ({ view: wanted, me }) => (DECIDES.has(me.role) ? wanted : "watch"));
  const open = useOpen(store);
  return html`
    <div class="page" data-view=${view} data-tab=${tab} data-beside=${opened || room ? "open" : "empty"}>
      <${Topbar} store=${store} />
      <main>
        <${Banners} store=${store} />
        ${view === "rules" ? html`<${Report} store=${store} />` : html`<div class="columns">
          <section id="rooms-part" class="column rooms-column" aria-label=${t("region.rooms")}>
            <${Rooms} store=${store} />
          </section>
          <section id="feed-part" class="column feed-column" aria-label=${t("region.feed")}>
            <${Feed} store=${store} />
          </section>
          <section id="case-part" class="column case-column" aria-label=${t("region.case")}>
            ${opened
              ? html`<${Case} key=${opened} store=${store} id=${opened} />`
              : room
                ? html`<${Room} key=${room} store=${store} id=${room} />`
                : html`<${Nothing} />`}
          </section>
        </div>`}
        <${Toasts} store=${store} />
        <${Said} store=${store} />
      </main>
      <${Tabs} store=${store} tab=${tab} open=${open} />
      ${overlay === "help" && html`<${Help} store=${store} />`}
      ${overlay === "settings" && html`<${Settings} store=${store} />`}
    </div>
  `;
}

const DECIDES = new Set(["moderator", "admin"]);

function Nothing() {
  const t = useWords();
  const [before, after] = t("case.choose_how", { key: "\u0001" }).split("\u0001");
  return html`<div class="nothing">
    <p class="nothing-title">${t("case.choose")}</p>
    <p class="soft with-keys">${before}<kbd>Enter</kbd>${after}</p>
    <p class="soft with-touch">${t("case.choose_touch")}</p>
  </div>`;
}

const TABS = ["feed", "rooms", "case"];

function Tabs({ store, tab, open }) {
  const t = useWords();
  const choose = (name) => () => store.actions.setTab(name);
  const keydown = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length];
    store.actions.setTab(next);
    event.currentTarget.querySelector(`[data-part="${next}"]`).focus();
  };
  return html`
    <nav class="tabs" aria-label=${t("tabs.label")}>
      <div role="tablist" aria-label=${t("tabs.label")} onKeyDown=${keydown}>
        ${TABS.map((name) => html`
          <button key=${name} type="button" role="tab" data-part=${name} aria-selected=${tab === name ? "true" : "false"}
            aria-controls=${`${name}-part`} tabindex=${tab === name ? 0 : -1} onClick=${choose(name)}>
            ${t(`region.${name}`)}
            ${name === "feed" && open > 0 && html`<span class="tab-count" aria-hidden="true">${open > 99 ? "99+" : open}</span>`}
          </button>`)}
      </div>
    </nav>
  `;
}

/** Live regions that announce changes to screen readers, severe alerts at once. */
function Said({ store }) {
  const { polite, assertive } = useStore(store, (state) => state.said);
  return html`
    <div class="visually-hidden" aria-live="polite">${polite}</div>
    <div class="visually-hidden" aria-live="assertive">${assertive}</div>
  `;
}

/** The number of open alerts; the title shows it too, for a page in another tab. */
function useOpen(store) {
  const order = useStore(store, (state) => state.order);
  const pending = useStore(store, (state) => state.pending);
  const alerts = useStore(store, (state) => state.alerts);
  const open = useMemo(() => {
    const isOpen = (id) => alerts.get(id)?.state === "open";
    return order.filter(isOpen).length + pending.filter(isOpen).length;
  }, [order, pending, alerts]);
  useEffect(() => {
    document.title = open ? `(${open}) earshot` : "earshot";
  }, [open]);
  return open;
}
