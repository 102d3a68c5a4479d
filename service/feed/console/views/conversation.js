// The conversation around the alert: lanes, the talk, and where it goes on.

import { html, useLayoutEffect, useMemo, useRef } from "../html.js";
import { shownState } from "../rooms.js";
import { useStore } from "../store.js";
import { isSevere } from "../text.js";
import { useWords } from "../words.js";
import { Lanes } from "./lanes.js";
import { useLost } from "./offline.js";
import { useFollow } from "./shared.js";
import { Talk, useInitials } from "./talk.js";

const NOTHING = [];

/**
 * @param {object} props
 * @param {string|null} props.form the form that is open below; the alert's words then stay in view
 */
export function Conversation({ store, alert, loaded, form }) {
  const t = useWords();
  const talk = loaded?.talk || NOTHING;
  const gaps = loaded?.gaps || NOTHING;
  const labels = useInitials(talk, alert.speaker_id);
  const alerts = useStore(store, (state) => state.alerts);
  const unmasked = useStore(store, (state) => state.unmasked);
  const marking = useMemo(() => {
    const heard = new Set(talk.map((line) => line.utterance_id));
    const others = [...alerts.values()].filter((each) => each.id !== alert.id && heard.has(each.utterance_id));
    return [alert, ...others];
  }, [alerts, alert, talk]);
  const follow = useFollow(talk);
  const room = useStore(store, (state) => state.rooms.get(alert.room_id));
  const live = shownState(room, useLost(store)) === "listening";
  const severe = alert.matches.some((match) => isSevere(match.category));
  const shown = unmasked.has(alert.id);
  const heading = useRef(null);

  useWordsInView(follow, form, talk);

  // Scroll once to the alert's own words; after that the reader scrolls.
  const placed = useRef(false);
  useLayoutEffect(() => {
    const box = follow.box.current;
    const own = box?.querySelector(".own");
    if (placed.current || !own) return;
    placed.current = true;
    const below = box.scrollHeight - (own.offsetTop + own.offsetHeight);
    if (below < box.clientHeight / 2) return; // the end of the talk shows them too
    follow.atEnd.current = false;
    box.scrollTop = own.offsetTop - box.clientHeight / 2 + own.offsetHeight / 2;
  }, [talk]);

  return html`
    <section class="case-part" aria-labelledby="case-talk">
      <div class="part-head">
        <h3 id="case-talk" ref=${heading}>${t("case.talk")}</h3>
        ${severe &&
        html`<button type="button" class="button quiet small" aria-pressed=${shown}
          onClick=${() => store.actions.unmask(alert.id)}>
          ${t(shown ? "action.hide_words" : "action.show_words")} <kbd aria-hidden="true">X</kbd>
        </button>`}
      </div>
      ${!loaded?.talk
        ? !loaded?.error && html`<${Waiting} />`
        : !talk.length
          ? html`<p class="soft">${t("talk.nothing")}</p>`
          : html`
              <${Lanes} alert=${alert} talk=${talk} gaps=${gaps} labels=${labels} alerts=${marking}
                onPick=${(utterance) => follow.box.current?.querySelector(`[data-utterance="${utterance}"]`)?.scrollIntoView({ block: "nearest" })} />
              <div class="talk-box" ref=${follow.box} onScroll=${follow.onScroll} tabindex="0" role="region"
                aria-label=${t("talk.label")}>
                <${Talk} store=${store} talk=${talk} gaps=${gaps} alerts=${marking} focus=${alert} labels=${labels}
                  shown=${(each) => unmasked.has(each.id)} onOpen=${store.actions.open} />
                ${live && loaded.goes_on &&
                html`<p class="live-line soft"><span class="live-dot" aria-hidden="true"></span>${t("talk.live")}</p>`}
                ${live && !loaded.goes_on &&
                html`<p class="live-line soft">
                  <button type="button" class="link" onClick=${() => store.actions.openRoom(alert.room_id)}>
                    ${t("talk.in_room")}
                  </button>
                </p>`}
              </div>
              ${follow.away && live && loaded.goes_on &&
              html`<button type="button" class="pill to-now" onClick=${follow.toEnd}>${t("talk.to_now")}</button>`}
            `}
    </section>
  `;
}

/** While a form is open, keep the alert's matched words in view, whatever the size of the page. */
function useWordsInView(follow, form, talk) {
  useLayoutEffect(() => {
    const box = follow.box.current;
    const outer = box?.closest(".case-scroll");
    if (!form || !outer) return undefined;
    follow.atEnd.current = false; // new talk does not push the words away
    const show = () => {
      const own = box.querySelector(".own mark") || box.querySelector(".own");
      own?.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    };
    const watch = new ResizeObserver(show); // runs at once, too
    watch.observe(outer);
    watch.observe(box);
    return () => watch.disconnect();
  }, [form, talk.length > 0]);
}

function Waiting() {
  return html`<div class="waiting" aria-hidden="true"><i class="bar"></i><i class="bar"></i><i class="bar"></i></div>`;
}
