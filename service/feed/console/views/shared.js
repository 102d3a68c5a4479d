// Small components that several views share.

import { html, useEffect, useRef, useState } from "../html.js";
import { useWords } from "../words.js";

/** A rule's title and description in the page's language; the match's own if the pack is unknown. */
export function ruleText(policies, match, language) {
  const rule = policies.get(`${match.pack}/${match.rule_id}`);
  if (!rule) return { title: match.title || match.rule_id, description: "" };
  const translated = rule.translations?.[language] || {};
  return {
    title: translated.title || match.title || rule.title,
    description: translated.description || rule.description,
  };
}

export function ruleTitle(store, match, t) {
  return ruleText(store.state.policies, match, t.language).title;
}

/** Placeholder of a name in a text for `Named`. */
export const NAME = "\u0001";

/** A sentence with a name in it, which may run from right to left. */
export function Named({ text, name }) {
  return text.split(/(\u0001)/).map((part) => (part === NAME ? html`<bdi>${name}</bdi>` : part));
}

/** "8 s", "2 min 5 s": a length of time in words. */
export function seconds(count, t) {
  if (count < 60) return t("time.s", { n: count });
  const [minutes, rest] = [Math.floor(count / 60), count % 60];
  if (minutes >= 60) return t("time.h_min", { h: Math.floor(minutes / 60), min: minutes % 60 });
  return rest ? t("time.min_s", { min: minutes, s: rest }) : t("time.min", { n: minutes });
}

/** A category's name; the id made readable if the category is unknown. */
export function categoryName(category, t) {
  return t.has(`category.${category}`) ? t(`category.${category}`) : category.replaceAll("_", " ");
}

/** A native modal dialog: Esc or a click beside it closes it, and the focus returns. */
export function Dialog({ store, id, title, children }) {
  const t = useWords();
  const element = useRef(null);
  const close = () => store.actions.setOverlay(null);
  useEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return html`
    <dialog
      ref=${element}
      class="panel"
      aria-labelledby=${id}
      onCancel=${(event) => {
        event.preventDefault();
        close();
      }}
      onKeyDown=${(event) => event.stopPropagation()}
      onClick=${(event) => event.target === element.current && close()}
    >
      <header class="panel-head">
        <h2 id=${id} tabindex="-1" autofocus>${title}</h2>
        <button type="button" class="icon-button" aria-label=${t("panel.close")} title=${`${t("panel.close")} (Esc)`}
          onClick=${close}><${Cross} /></button>
      </header>
      <div class="panel-body">${children}</div>
    </dialog>
  `;
}

/**
 * Keep a scrolling list at its end while the reader is there.
 * @param {Array} items the list's items; a new array after each change
 * @returns {{box: ref, away: boolean, toEnd: () => void, onScroll: (event) => void}} `away`: the
 *   reader has scrolled up.
 */
export function useFollow(items) {
  const box = useRef(null);
  const atEnd = useRef(true);
  const [away, setAway] = useState(false);
  const toEnd = () => {
    atEnd.current = true;
    setAway(false);
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useEffect(() => {
    if (atEnd.current) toEnd();
  }, [items]);
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 48;
    setAway(!atEnd.current);
  };
  return { box, away, toEnd, onScroll, atEnd };
}

export function Severity({ severity, t }) {
  return html`<span class="severity-word" data-severity=${severity}>${t(`severity.${severity}`)}</span>`;
}

export function Cross() {
  return html`<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M4 4l8 8M12 4l-8 8" /></svg>`;
}

/** Mark a key as handled. */
export function take(event) {
  event.preventDefault();
  event.stopPropagation();
}
