// A room's live transcript, with its alerts and gaps.

import { html, useEffect, useLayoutEffect, useMemo, useRef } from "../html.js";
import { roomTitle, shownState } from "../rooms.js";
import { useStore } from "../store.js";
import { isSevere } from "../text.js";
import { useWords } from "../words.js";
import { StateMark, Unmatched, roomReason } from "./rooms.js";
import { useLost } from "./offline.js";
import { Cross, useFollow } from "./shared.js";
import { Talk, useInitials } from "./talk.js";

const NEAR_TOP_PX = 120;

/** @param {{store, id: string}} props */
export function Room({ store, id }) {
  const t = useWords();
  const room = useStore(store, (state) => state.rooms.get(id));
  const talk = useStore(store, (state) => state.talk.get(id));
  const title = useStore(store, (state) => roomTitle(state, id));
  const state = shownState(room, useLost(store));
  useEffect(() => {
    if (!store.state.talk.get(id)) store.actions.loadTalk(id);
    return () => store.actions.forgetTalk(id);
  }, [id]);
  return html`
    <div class="case room-view" key=${id} data-room=${id}>
      <header class="case-top">
        <div class="case-line">
          ${room && html`<span class="room-state"><${StateMark} state=${state} />${t(`room.${state}`)}</span>`}
          ${room && html`<span class="soft">${t("rooms.speakers", { n: room.speakers.size })}</span>`}
          <button type="button" class="icon-button case-close" aria-label=${t("room.close")}
            title=${`${t("room.close")} (Esc)`} onClick=${() => store.actions.openRoom(null)}>
            <${Cross} />
          </button>
        </div>
        <h2 id="room-title"><bdi>${title}</bdi></h2>
        ${room?.reason && room.state !== "listening" && html`<p class="room-reason">${roomReason(room.reason, t)}</p>`}
        <div role="status">${room && html`<${Unmatched} room=${room} />`}</div>
      </header>
      ${talk ? html`<${Running} store=${store} room=${room} live=${state === "listening"} id=${id} talk=${talk} />`
        : html`<p class="soft case-wait">${t("case.loading")}</p>`}
    </div>
  `;
}

function Running({ store, room, live, id, talk }) {
  const t = useWords();
  const labels = useInitials(talk.items);
  const alerts = useStore(store, (state) => state.alerts);
  const here = useMemo(() => [...alerts.values()].filter((alert) => alert.room_id === id), [alerts, id]);
  const unmasked = useStore(store, (state) => state.unmasked);
  const all = unmasked.has(`room:${id}`);
  const anySevere = here.some((alert) => alert.matches.some((match) => isSevere(match.category)));
  const follow = useFollow(talk.items);
  useEffect(() => {
    store.actions.readTalk(id, follow.away);
  }, [id, follow.away, talk.items]);
  const gaps = room?.gaps || NONE;

  // Older talk is inserted above: keep the visible lines in place.
  const place = useRef(null);
  useLayoutEffect(() => {
    const box = follow.box.current;
    if (!box) return;
    const line = (id) => box.querySelector(`[data-utterance="${CSS.escape(id)}"]`);
    const first = talk.items[0]?.utterance_id;
    const before = place.current;
    if (before && before.id !== first && !follow.atEnd.current) {
      const now = line(before.id);
      if (now) box.scrollTop += now.offsetTop - before.top;
    }
    place.current = first ? { id: first, top: line(first)?.offsetTop ?? 0 } : null;
  });
  const more = talk.next_cursor || talk.cut;
  const earlier = () => more && !talk.loading && store.actions.loadTalk(id, true);
  const onScroll = () => {
    follow.onScroll();
    if (follow.box.current.scrollTop < NEAR_TOP_PX && !follow.atEnd.current) earlier();
  };

  return html`
    <div class="room-tools">
      ${anySevere &&
      html`<button type="button" class="button quiet small" aria-pressed=${all} onClick=${() => store.actions.unmask(`room:${id}`)}>
        ${t(all ? "action.hide_words" : "action.show_words")}
      </button>`}
    </div>
    <div class="talk-box running" ref=${follow.box} onScroll=${onScroll} tabindex="0" role="region"
      aria-label=${t("room.talk", { name: roomTitle(store.state, id) })}>
      ${more
        ? html`<button type="button" class="button quiet earlier-talk" disabled=${talk.loading} onClick=${earlier}>
            ${t(talk.loading ? "case.loading" : "room.earlier")}
          </button>`
        : talk.items.length > 0 && html`<p class="soft talk-begins">${t("room.begins")}</p>`}
      ${talk.items.length
        ? html`<${Talk} store=${store} talk=${talk.items} gaps=${gaps} alerts=${here} labels=${labels}
            shown=${(alert) => all || unmasked.has(alert.id)} onOpen=${store.actions.open} />`
        : html`<p class="soft">${t(talk.loading ? "case.loading" : "room.nothing")}</p>`}
      ${live &&
      html`<p class="live-line soft"><span class="live-dot" aria-hidden="true"></span>${t("talk.live")}</p>`}
    </div>
    ${follow.away && html`<button type="button" class="pill to-now" onClick=${follow.toEnd}>${t("talk.to_now")}</button>`}
  `;
}

const NONE = [];
