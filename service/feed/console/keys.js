// Keyboard map: one key per command, ignored while somebody types.

import { REASONS } from "./reasons.js";

const SEVERITY_OF = { 1: "low", 2: "medium", 3: "high", 4: "critical" };

const TYPES = new Set(["checkbox", "radio", "button", "submit"]);

function isTyping(element) {
  if (element.isContentEditable || element.tagName === "TEXTAREA" || element.tagName === "SELECT") return true;
  return element.tagName === "INPUT" && !TYPES.has(element.type);
}

/** Elements that use Enter themselves. */
function isPressed(element) {
  return element.closest("button, a[href], summary, input, [role=tab]") !== null;
}

/** @param {object} store */
export function installKeys(store) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || event.altKey || !store.state.me) return;
    const typing = isTyping(event.target);
    if (event.key === "Escape" && typing) {
      event.target.blur();
      event.preventDefault();
      return;
    }
    if (typing || (store.state.overlay && event.key !== "Escape")) return;
    if (press(store, event)) event.preventDefault();
  });
}

/** The alert that keys act on: that of the open case, unless the focus is in the list. */
function meant({ opened, selected }, element) {
  return element.closest(".card") ? selected ?? opened : opened ?? selected;
}

/** @returns {boolean} whether the key had an effect */
function press(store, event) {
  const { actions, state } = store;
  if (state.view === "rules") return pressOnRules(store, event.key);
  const id = meant(state, event.target);
  switch (event.key) {
    case "j":
    case "k":
      actions.move(event.key === "j" ? 1 : -1);
      return true;
    case "Enter":
      if (!state.selected || isPressed(event.target)) return false;
      if (state.deciding?.id === state.selected || state.acting === state.selected) return true; // the form does not have the focus yet
      actions.open(state.selected);
      return true;
    case "a":
      return id !== null && (actions.acknowledge(id), true);
    case "u":
    case "d":
      return id !== null && (decide(store, id, event.key === "u" ? "upheld" : "dismissed"), true);
    case "m":
      return id !== null && (act(store, id), true);
    case "z":
      actions.undo();
      return true;
    case "x":
      return (id ?? state.room) !== null && (actions.unmask(id ?? `room:${state.room}`), true);
    case "/":
      actions.setTab("feed");
      document.querySelector(".filters:not([data-open])")?.previousElementSibling.click();
      focusOn(".filters select");
      return true;
    case "r":
      actions.setTab("rooms");
      focusOn(".rooms-column button");
      return true;
    case "p":
      if (!["moderator", "admin"].includes(state.me.role)) return false;
      actions.setView("rules");
      return true;
    case "?":
      actions.setOverlay("help");
      return true;
    case "Escape":
      actions.back();
      return true;
    default:
      if (!SEVERITY_OF[event.key]) return false;
      if (state.deciding) {
        const reason = REASONS[state.deciding.outcome][Number(event.key) - 1];
        if (reason) actions.draft(state.deciding.id, { code: reason.code });
        return true;
      }
      actions.setFilter("severity", SEVERITY_OF[event.key]);
      return true;
  }
}

/** In the report no key decides about a hidden alert. */
function pressOnRules({ actions }, key) {
  if (key === "p" || key === "Escape") actions.back();
  else if (key === "?") actions.setOverlay("help");
  else return false;
  return true;
}

/** Open the case, which holds the form with the reasons. */
function decide(store, id, outcome) {
  if (store.state.opened !== id) store.actions.open(id);
  store.actions.startDeciding(id, outcome);
}

function act(store, id) {
  if (store.state.opened !== id) store.actions.open(id);
  store.actions.startActing(id);
}

/** Run an action after the next rendering. */
function focusOn(selector) {
  requestAnimationFrame(() => setTimeout(() => document.querySelector(selector)?.focus()));
}
