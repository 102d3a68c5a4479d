// The empty feed: no rooms, no alerts, or no alert that matches the filters.

import { html, useState } from "../html.js";
import { shownState } from "../rooms.js";
import { useNow, useStore } from "../store.js";
import { age } from "../time.js";
import { useWords } from "../words.js";
import { ClearFilters, areSet } from "./filters.js";
import { useLost } from "./offline.js";

/** @param {{store}} props */
export function Empty({ store }) {
  const rooms = useStore(store, (state) => state.rooms);
  const filters = useStore(store, (state) => state.filters);
  if (areSet(filters)) return html`<${NothingPasses} store=${store} />`;
  return rooms.size ? html`<${Quiet} store=${store} />` : html`<${FirstStart} store=${store} />`;
}

/** States of rooms in which speech may be missed. */
const NOT_HEARD = new Set(["lost", "degraded", "paused"]);

/** "3 rooms", "11 speakers". */
function useCovered(store, t) {
  const rooms = useStore(store, (state) => state.rooms);
  const speakers = [...rooms.values()].reduce((sum, room) => sum + room.speakers.size, 0);
  return { rooms: t("rooms.count", { n: rooms.size }), speakers: t("rooms.speakers", { n: speakers }) };
}

function Quiet({ store }) {
  const t = useWords();
  const now = useNow(1000);
  const covered = useCovered(store, t);
  const latest = useStore(store, (state) => state.latest_at);
  const rooms = useStore(store, (state) => state.rooms);
  const lost = useLost(store);
  const deaf = [...rooms.values()].filter((room) => NOT_HEARD.has(shownState(room, false))).length;
  const time = latest && age(now - Date.parse(latest), t);
  return html`
    <div class="empty">
      <svg class="empty-mark" data-deaf=${deaf || lost ? "" : undefined} viewBox="0 0 120 40" width="120" height="40" aria-hidden="true">
        <path d="M4 20h28l5-5 6 10 6-16 7 24 6-17 5 8 4-4h45" />
      </svg>
      <p class="empty-title">${t(lost ? "quiet.unknown" : deaf ? "quiet.not_all" : "quiet.title")}</p>
      <p>${t(latest ? "quiet.line" : "quiet.yet", { ...covered, time })}</p>
      ${deaf > 0 && html`<p class="empty-deaf">${t("quiet.deaf", { n: deaf })}</p>`}
    </div>
  `;
}

function NothingPasses({ store }) {
  const t = useWords();
  const covered = useCovered(store, t);
  return html`
    <div class="empty">
      <p class="empty-title">${t("none.title")}</p>
      <p class="soft">${t("none.how", covered)}</p>
      <${ClearFilters} store=${store} />
    </div>
  `;
}

function FirstStart({ store }) {
  const t = useWords();
  const notice = useStore(store, (state) => state.status.notice);
  const { origin } = location;
  const room = [
    'curl -H "Authorization: Bearer $KEY" \\',
    '  -H "Content-Type: application/json" \\',
    `  -d '{"id": "lounge", "title": "Late Night Lounge",`,
    `       "connector": {"kind": "whip"}}' \\`,
    `  ${origin}/v1/rooms`,
  ].join("\n");
  const speaker = [
    'curl -H "Authorization: Bearer $KEY" \\',
    '  -H "Content-Type: application/json" \\',
    `  -d '{"speaker_id": "ann", "name": "Ann",`,
    `       "role": "speaker", "expires_in_s": 3600}' \\`,
    `  ${origin}/v1/rooms/lounge/publish-tokens`,
  ].join("\n");
  const [before, after] = t("empty.speaker", { path: "\u0001" }).split("\u0001");
  return html`
    <div class="empty first-start">
      <p class="empty-title">${t("empty.title")}</p>
      <p>${t("empty.how")}</p>
      <ol>
        <li><${Command} text=${room}>${t("empty.room")}<//></li>
        <li><${Command} text=${speaker}>${before}<code>/whip/lounge</code>${after}<//></li>
        ${notice && html`<li>
          <${Command} text=${`earshot simulate --url ${origin} --key $KEY`}>${t("empty.simulated")}<//>
        </li>`}
      </ol>
    </div>
  `;
}

function Command({ text, children }) {
  const t = useWords();
  const [copied, setCopied] = useState(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    } catch {
      // copying is blocked: the text can still be selected
    }
  }
  return html`
    <div class="command-head">
      <p>${children}</p>
      <button type="button" class="button small" onClick=${copy}>${t(copied ? "empty.copied" : "empty.copy")}</button>
    </div>
    <pre class="command" tabindex="0"><code>${text}</code></pre>
  `;
}
