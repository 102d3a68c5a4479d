// List of rooms: state, speakers, live levels and the latest gap.

import { html, useEffect, useMemo, useRef } from "../html.js";
import { initials } from "../lines.js";
import { isNamesake, roomTitle, shownState } from "../rooms.js";
import { useNow, useStore } from "../store.js";
import { age, exactTime } from "../time.js";
import { useWords } from "../words.js";
import { useLost } from "./offline.js";
import { gapReason } from "./talk.js";
import { seconds } from "./shared.js";

const FLOOR_DBFS = -60; // quieter than this is an empty meter
const LEAST_SPEAKING = 0.1; // a speaking person's meter shows at least this
const GAP_SHOWN_MS = 5 * 60_000;

const URGENCY = { lost: 0, degraded: 1, paused: 2, joining: 3, listening: 4, ended: 5 };

/** @param {{store}} props */
export function Rooms({ store }) {
  const t = useWords();
  const rooms = useStore(store, (state) => state.rooms);
  const opened = useStore(store, (state) => state.room);
  const alerts = useStore(store, (state) => state.alerts);
  const lost = useLost(store);
  const flagged = useMemo(() => undecidedByRoom(alerts), [alerts]);
  const shown = useMemo(
    () =>
      [...rooms.values()]
        .filter((room) => room.state !== "ended")
        .sort((one, other) => URGENCY[one.state] - URGENCY[other.state] || one.title.localeCompare(other.title)),
    [rooms],
  );
  const heard = shown.reduce((sum, room) => sum + room.speakers.size, 0);
  return html`
    <div class="rooms">
      <div class="rooms-head">
        <h2>${t("rooms.title")}</h2>
        ${shown.length > 0 &&
        html`<p class="soft">${t("rooms.count", { n: shown.length })} · ${t("rooms.speakers", { n: heard })}</p>`}
      </div>
      ${shown.length
        ? html`<ul class="room-list">
            ${shown.map((room) => html`<${RoomCard} key=${room.id} store=${store} room=${room} lost=${lost}
              opened=${opened === room.id} flagged=${flagged.get(room.id)} />`)}
          </ul>`
        : html`<p class="soft rooms-empty">${t("rooms.empty")}</p>`}
    </div>
  `;
}

function undecidedByRoom(alerts) {
  const counts = new Map();
  for (const alert of alerts.values()) {
    if (alert.state === "open") counts.set(alert.room_id, (counts.get(alert.room_id) || 0) + 1);
  }
  return counts;
}

function RoomCard({ store, room, lost, opened, flagged }) {
  const t = useWords();
  const speakers = [...room.speakers.values()];
  const labels = useMemo(() => initials(speakers), [room.speakers]);
  const meters = useMeters(store, room.id, t, lost);
  const titles = useStore(store, (state) => state.titles);
  const state = shownState(room, lost);
  return html`
    <li class="room-card" data-listed=${room.id} data-state=${state} aria-current=${opened ? "true" : undefined}>
      <button type="button" class="room-open" onClick=${() => store.actions.openRoom(room.id)}>
        <span class="room-title" title=${roomTitle({ titles }, room.id)}><bdi>${room.title || room.id}</bdi>
          ${isNamesake(titles, room.id) && html`${" "}<span class="soft room-id"><bdi>${room.id}</bdi></span>`}</span>
        <span class="room-state"><${StateMark} state=${state} />${t(`room.${state}`)}</span>
        ${flagged && html`<span class="count" title=${t("rooms.open_alerts", { n: flagged })}>
          <span aria-hidden="true">${flagged}</span><span class="visually-hidden">${t("rooms.open_alerts", { n: flagged })}</span>
        </span>`}
      </button>
      ${room.tags?.length > 0 && html`<p class="room-tags">${room.tags.map((tag) => html`<span key=${tag} class="chip"><bdi>${tag}</bdi></span>`)}</p>`}
      ${room.reason && room.state !== "listening" && html`<p class="room-reason">${roomReason(room.reason, t)}</p>`}
      ${speakers.length
        ? html`<ul class="speakers" aria-label=${t("rooms.speakers", { n: speakers.length })}>
            ${speakers.map((speaker) => html`
              <li key=${speaker.id} class="speaker-row" ref=${(element) => meters.keep(speaker.id, element)}
                title=${speaker.name}>
                <span class="initial" aria-hidden="true">${labels.get(speaker.id)}</span>
                <span class="speaker-name">
                  <bdi>${speaker.name}</bdi>
                  ${speaker.role && speaker.role !== "speaker" && html`<span class="soft role">${roleWord(speaker.role, t)}</span>`}
                  ${speaker.muted && html`<span class="soft role muted">${t("rooms.muted")}</span>`}
                </span>
                <span class="meter" role="meter" aria-label=${t("meter.label", { name: speaker.name })}
                  aria-valuemin="0" aria-valuemax="1" aria-valuenow="0" aria-valuetext=${t("meter.silent")}><span class="level"></span></span>
              </li>`)}
          </ul>`
        : html`<p class="soft room-nobody">${t("rooms.nobody")}</p>`}
      <${Unmatched} room=${room} />
      <${LatestGap} room=${room} />
    </li>
  `;
}

/** A shape for each state, beside the colour. */
export function StateMark({ state }) {
  const marks = { listening: "●", joining: "◌", degraded: "◐", paused: "‖", lost: "✕", ended: "■" };
  return html`<span class="state-mark" data-state=${state} aria-hidden="true">${marks[state] || "?"}</span>`;
}

/** Languages spoken in the room for which it has no rules. */
export function Unmatched({ room }) {
  const t = useWords();
  const languages = room.unmatched_languages.map(({ language }) => languageName(language, t.language));
  if (!languages.length) return null;
  const listed = new Intl.ListFormat(t.language, { type: "conjunction" }).format(languages);
  return html`<p class="room-unmatched">${t("room.unmatched", { languages: listed, n: languages.length })}</p>`;
}

function languageName(code, language) {
  try {
    return new Intl.DisplayNames(language, { type: "language" }).of(code);
  } catch {
    return code; // no well-formed language code
  }
}

function LatestGap({ room }) {
  const t = useWords();
  const now = useNow(15000);
  const gap = room.gaps?.at?.(-1);
  if (!gap || now - Date.parse(gap.to_at) > GAP_SHOWN_MS) return null;
  const lasts = Math.max(1, Math.round((Date.parse(gap.to_at) - Date.parse(gap.from_at)) / 1000));
  return html`<p class="room-gap" title=${exactTime(gap.from_at)}>
    ${t("gap.line", { time: seconds(lasts, t), reason: gapReason(gap.reason, t) })}
    ${" · "}${t("case.ago", { time: age(now - Date.parse(gap.to_at), t) })}
  </p>`;
}

export function roomReason(reason, t) {
  if (/closed by request/i.test(reason)) return t("room_reason.closed");
  if (/no connector/i.test(reason)) return t("room_reason.no_connector");
  return reason;
}

export function roleWord(role, t) {
  return t.has(`role.${role}`) ? t(`role.${role}`) : role;
}

/** Write levels straight into the page, twice a second, without rendering. */
function useMeters(store, roomId, t, lost) {
  const rows = useRef(new Map());
  const words = useRef(t);
  words.current = t;
  useEffect(
    () =>
      store.onLevels(roomId, ({ levels_dbfs: levels, speaking }) => {
        for (const [id, row] of rows.current) show(row, levels[id], speaking.includes(id), words.current);
      }),
    [roomId],
  );
  useEffect(() => {
    if (lost) for (const row of rows.current.values()) show(row, undefined, false, words.current); // not known
  }, [lost]);
  return {
    keep(id, row) {
      if (row) rows.current.set(id, row);
      else rows.current.delete(id);
    },
  };
}

function show(row, dbfs, speaking, t) {
  const loud = dbfs === undefined ? 0 : Math.min(1, Math.max(0, 1 - dbfs / FLOOR_DBFS));
  const share = speaking ? Math.max(loud, LEAST_SPEAKING) : loud;
  const meter = row.querySelector(".meter");
  meter.firstElementChild.style.setProperty("--level", share.toFixed(2));
  if (row.classList.contains("speaking") === speaking) return;
  row.classList.toggle("speaking", speaking);
  meter.setAttribute("aria-valuenow", speaking ? "1" : "0");
  meter.setAttribute("aria-valuetext", t(speaking ? "meter.speaking" : "meter.silent"));
}
