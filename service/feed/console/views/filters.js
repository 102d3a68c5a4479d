// Filters of the feed. The page's address keeps them.

import { html, useMemo, useState } from "../html.js";
import { roomTitle } from "../rooms.js";
import { useStore } from "../store.js";
import { NO_FILTERS, SEVERITIES, STATES } from "../url.js";
import { useWords } from "../words.js";
import { categoryName } from "./shared.js";

/** @param {{store}} props */
export function Filters({ store }) {
  const t = useWords();
  const filters = useStore(store, (state) => state.filters);
  const rooms = useStore(store, (state) => state.rooms);
  const titles = useStore(store, (state) => state.titles);
  const categories = useStore(store, (state) => state.categories);
  const roomOptions = useMemo(() => {
    const found = [...new Set([...rooms.keys(), filters.room])].filter(Boolean).map((id) => [id, roomTitle({ titles }, id)]);
    return found.sort(([, one], [, other]) => one.localeCompare(other));
  }, [rooms, titles, filters.room]);
  const known = new Set([...categories, filters.category].filter(Boolean));
  const [open, setOpen] = useState(false); // on a narrow page the filters are folded
  const categoryOptions = [...known].map((each) => [each, categoryName(each, t)]);
  return html`
    <button type="button" class="button small filters-toggle" data-set=${areSet(filters) ? "" : undefined} aria-expanded=${open ? "true" : "false"}
      aria-controls="filters" onClick=${() => setOpen(!open)}>${t("filter.label")}</button>
    <div id="filters" class="filters" role="group" aria-label=${t("filter.label")} data-open=${open ? "" : undefined}>
      <${Choice} store=${store} name="room" options=${[["", t("filter.any_room")], ...roomOptions]} />
      <${Choice} store=${store} name="severity" options=${SEVERITIES.map((each) => [each, t(`severity.${each}`)])} />
      <${Choice} store=${store} name="category" options=${[["", t("filter.any_category")], ...categoryOptions]} />
      <${Choice} store=${store} name="state" options=${STATES.map((each) => [each, t(`filter.${each}`)])} />
    </div>
  `;
}

function Choice({ store, name, options }) {
  const t = useWords();
  const value = useStore(store, (state) => state.filters[name]);
  return html`
    <div class="filter" data-set=${value !== NO_FILTERS[name] ? "" : undefined}>
      <label for=${`filter-${name}`}>${t(`filter.${name}`)}</label>
      <select id=${`filter-${name}`} value=${value} onChange=${(event) => store.actions.setFilter(name, event.target.value)}>
        ${options.map(([each, text]) => html`<option key=${each} value=${each} selected=${each === value}>${text}</option>`)}
      </select>
    </div>
  `;
}

/** Whether any filter is set. */
export function areSet(filters) {
  return Object.keys(NO_FILTERS).some((name) => filters[name] !== NO_FILTERS[name]);
}

export function ClearFilters({ store }) {
  const t = useWords();
  return html`<button type="button" class="button quiet small clear-filters" onClick=${store.actions.clearFilters}>
    ${t("filter.clear")}
  </button>`;
}
