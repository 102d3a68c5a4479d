// Keyboard map: one key per command, ignored while somebody types. A command that has no effect
// now says why.

import { handlingOf, outcomesOf, reasonsOf } from "./reasons.js";
import { isSevere } from "./text.js";
import { choices, isMuted } from "./verbs.js";
import { words } from "./words.js";

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

/** @returns {boolean} whether the key is a command */
function press(store, event) {
  const { actions, state } = store;
  if (state.view === "rules") return pressOnRules(store, event.key);
  const id = meant(state, event.target);
  if (ON_ALERT[event.key]) {
    if (id === null) actions.hint(words("hint.choose"));
    else ON_ALERT[event.key](store, id);
    return true;
  }
  switch (event.key) {
    case "j":
    case "k":
      actions.move(event.key === "j" ? 1 : -1);
      return true;
    case "Enter":
      return enter(store, event.target);
    case "z":
      actions.undo();
      return true;
    case "x":
      unmask(store, id);
      return true;
    case "/":
      actions.setTab("feed");
      document.querySelector(".filters:not([data-open])")?.previousElementSibling.click();
      focusOn(".filters select");
      return true;
    case "r":
      actions.setTab("rooms");
      if (state.rooms.size) focusOn(".rooms-column button");
      else actions.hint(words("rooms.empty"));
      return true;
    case "p":
      if (DECIDES.has(state.me.role)) actions.setView("rules");
      else actions.hint(words("hint.rules"));
      return true;
    case "?":
      actions.setOverlay("help");
      return true;
    case "Escape":
      actions.back();
      return true;
    default:
      return pressDigit(store, event.key);
  }
}

const DECIDES = new Set(["moderator", "admin"]);

/** Commands about an alert. The case opens, since it holds the form. */
const ON_ALERT = {
  a: ({ actions }, id) => actions.acknowledge(id),
  u: (store, id) => decide(store, id, 0),
  d: (store, id) => decide(store, id, 1),
  m: (store, id) => inCase(store, id, "startActing"),
  e: (store, id) => inCase(store, id, "startEscalating"),
};

function decide(store, id, place) {
  inCase(store, id, "startDeciding", outcomesOf(store.state.alerts.get(id))[place]);
}

function inCase({ actions, state }, id, command, ...given) {
  if (state.opened !== id) actions.open(id);
  actions[command](id, ...given);
}

function enter({ actions, state }, element) {
  if (isPressed(element)) return false;
  if (!state.selected) actions.hint(words(state.order.length ? "hint.choose" : "hint.empty"));
  else if (![state.deciding?.id, state.acting, state.escalating].includes(state.selected)) actions.open(state.selected);
  return true; // else the form does not have the focus yet
}

/** Show or hide masked words of the alert or the room. */
function unmask({ actions, state }, id) {
  if (id === null && state.room === null) actions.hint(words("hint.choose"));
  else if (id !== null && !state.alerts.get(id)?.matches.some((match) => isSevere(match.category))) actions.hint(words("hint.unmasked"));
  else actions.unmask(id ?? `room:${state.room}`);
}

/** A digit chooses in the open form, else the minimum severity. */
function pressDigit({ actions, state }, key) {
  const place = Number(key) - 1;
  const { deciding, acting, escalating } = state;
  if (!SEVERITY_OF[key] && !((acting || deciding) && place >= 0)) return false;
  if (deciding) {
    const reason = reasonsOf(state.cases.get(deciding.id)?.guidance, deciding.outcome)[place];
    if (reason) actions.draft(deciding.id, { code: reason.code });
  } else if (acting) {
    const action = offered(state, acting)[place];
    if (action) actions.draft(acting, { action });
  } else if (!escalating) actions.setFilter("severity", SEVERITY_OF[key]);
  return true;
}

/** The actions that the open form offers, in its order. */
function offered({ alerts, cases, rooms }, id) {
  const [alert, loaded] = [alerts.get(id), cases.get(id)];
  if (!alert || !loaded) return [];
  return choices(handlingOf(alert), loaded.can || [], isMuted(rooms.get(alert.room_id), alert, loaded.actions));
}

/** In the report no key decides about a hidden alert. */
function pressOnRules({ actions }, key) {
  if (key === "p" || key === "Escape") actions.back();
  else if (key === "?") actions.setOverlay("help");
  else if (COMMANDS.has(key)) actions.hint(words("hint.on_rules"));
  else return false;
  return true;
}

const COMMANDS = new Set([..."jkzxr/1234", ...Object.keys(ON_ALERT)]);

/** Run an action after the next rendering. */
function focusOn(selector) {
  requestAnimationFrame(() => setTimeout(() => document.querySelector(selector)?.focus()));
}
