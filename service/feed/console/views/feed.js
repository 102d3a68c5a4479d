// The feed: number of alerts, filters, and the list or the reason why it is empty.

import { html, useMemo, useRef } from "../html.js";
import { useStore } from "../store.js";
import { useWords } from "../words.js";
import { Card } from "./card.js";
import { Empty } from "./empty.js";
import { ClearFilters, Filters, areSet } from "./filters.js";
import { VirtualList } from "./virtual.js";

const DRAWN_KEPT = 1000; // most cards kept, in a page that stays open for days

/** @param {{store}} props */
export function Feed({ store }) {
  const order = useStore(store, (state) => state.order);
  const pending = useStore(store, (state) => state.pending);
  const ready = useStore(store, (state) => state.ready);
  return html`
    <div class="feed">
      <div class="feed-head">
        <${Summary} store=${store} />
        ${pending.length > 0 && html`<${NewOnes} store=${store} count=${pending.length} />`}
        <${Filters} store=${store} />
      </div>
      <div class="feed-body">
        ${order.length > 0
          ? html`<${List} store=${store} order=${order} />`
          : html`<div class="list">${ready ? html`<${Empty} store=${store} />` : html`<${Waiting} />`}</div>`}
      </div>
    </div>
  `;
}

function Waiting() {
  return html`<div class="waiting feed-waiting" aria-hidden="true"><i class="bar"></i><i class="bar"></i><i class="bar"></i></div>`;
}

function List({ store, order }) {
  const t = useWords();
  const selected = useStore(store, (state) => state.selected);
  const more = useStore(store, (state) => state.cursor !== null);
  const loading = useStore(store, (state) => state.loading);
  const focusing = useStore(store, (state) => state.moved);
  const drawn = useRef(new Map());
  const size = more ? -1 : order.length;

  // A card that keeps its place renders again only when its own data changes.
  const row = (id, index) => {
    const known = drawn.current.get(id);
    if (known && known.index === index && known.size === size) return known.card;
    const card = html`<${Card} key=${id} store=${store} id=${id} index=${index} size=${size} />`;
    if (drawn.current.size > DRAWN_KEPT) drawn.current.clear();
    drawn.current.set(id, { index, size, card });
    return card;
  };
  return html`<${VirtualList} ids=${order} row=${row} chosen=${selected} focusing=${focusing} busy=${loading}
    label=${t("feed.title")} onEnd=${store.actions.loadMore} onReading=${store.actions.setReading} />`;
}

function NewOnes({ store, count }) {
  const t = useWords();
  const show = () => {
    store.actions.showPending();
    const list = document.querySelector(".feed .list");
    if (list) list.scrollTop = 0;
  };
  return html`<button type="button" class="pill new-ones" onClick=${show}>${t("feed.new", { n: count })}</button>`;
}

/** The numbers of alerts: all, critical and high. */
function Summary({ store }) {
  const t = useWords();
  const order = useStore(store, (state) => state.order);
  const leaving = useStore(store, (state) => state.leaving);
  const more = useStore(store, (state) => state.cursor !== null);
  const alerts = useStore(store, (state) => state.alerts);
  const filters = useStore(store, (state) => state.filters);
  const { total, critical, high } = useMemo(() => {
    const found = { total: order.length - leaving.size, critical: 0, high: 0 };
    for (const id of order) {
      const { severity } = alerts.get(id) || {};
      if (severity !== "critical" && severity !== "high") break; // most severe first
      if (!leaving.has(id)) found[severity] += 1;
    }
    return found;
  }, [order, leaving, alerts]);
  return html`
    <div class="summary">
      <h2>${more ? t("feed.count_more", { n: total }) : t("feed.count", { n: total })}</h2>
      ${[["critical", critical], ["high", high]].map(([severity, n]) => n > 0 && html`
        <span key=${severity} class="summary-severity" data-severity=${severity}>
          ${t("feed.of", { n, severity: t(`severity.${severity}`).toLocaleLowerCase() })}
        </span>`)}
      ${areSet(filters) && order.length > 0 && html`<${ClearFilters} store=${store} />`}
    </div>
  `;
}
