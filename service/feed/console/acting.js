// Actions in a room: the form, the request, a new attempt, and what is said of a failure.

import { post } from "./api.js";
import { writeFailures } from "./failures.js";
import { handlingOf } from "./reasons.js";
import { roomTitle } from "./rooms.js";
import { withAction, withSeen } from "./state.js";
import { actionWords, whyNot } from "./verbs.js";
import { words } from "./words.js";

/** @param {{notice, hint, tell, alertPath, session}} page */
export function makeActing(store, { notice, hint, tell, alertPath, session }) {
  const { set } = store;
  const keys = new Map(); // an unanswered request -> its Idempotency-Key

  /** Say why nothing can be done in the room, in general or for one action. */
  function sayWhyNot(id, action) {
    const loaded = store.state.cases.get(id);
    const why = loaded?.cannot?.find((one) => !action || one.action === action);
    hint(why ? whyNot(why, words) : words("act.nothing"));
  }

  /** A repeated request has the key of the first, so that the action happens once. */
  function keyOf(request) {
    if (!keys.has(request)) keys.set(request, randomKey());
    return keys.get(request);
  }

  async function ask(id, body) {
    const request = JSON.stringify([id, body]);
    try {
      const asked = await post(alertPath(id, "actions"), body, { "Idempotency-Key": keyOf(request) });
      keys.delete(request);
      const known = store.state.cases.get(id);
      if (known) session.keepCase(id, { actions: withAction(known.actions, asked) });
      return true;
    } catch (refused) {
      if (refused.status !== 0) keys.delete(request); // the server has answered
      tell(refused);
      if (refused.status === 409) session.readCase(id); // what is possible has changed
      return false;
    }
  }

  const acting = {
    startActing(id) {
      const alert = store.state.alerts.get(id);
      if (!store.canAct) return notice(store.state.signedOut ?? words("refused.role"));
      if (alert?.state === "retracted") return hint(words("hint.retracted"));
      const known = store.state.cases.get(id);
      if (known?.talk && !known.can?.length) return sayWhyNot(id); // else wait for the actions that are possible
      return set({ acting: id, deciding: null, escalating: null });
    },
    actLater() {
      set({ acting: null });
    },
    /** The case has loaded, and no action is possible. */
    cannotAct(id) {
      set({ acting: null });
      sayWhyNot(id);
    },
    sayWhyNot,
    /** Request an action in the room; events report its result. */
    async act(id, action, reason, message) {
      const body = { action, reason, ...(action === "warn" && { message }) };
      if (await ask(id, body)) store.actions.draft(id, { action: "", act_reason: "", message: undefined });
    },
    /** Request a failed action again, with its reason and message. */
    async tryAgain({ alert_id: id, action, reason, message }) {
      if (!store.canAct) return notice(store.state.signedOut ?? words("refused.role"));
      const known = store.state.cases.get(id);
      if (known?.talk && !known.can?.includes(action)) return sayWhyNot(id, action);
      return ask(id, { action, reason, ...(action === "warn" && { message }) });
    },

    /** Tell everybody at the console of a failed action; the notice stays until somebody has seen it. */
    tellFailed(action) {
      writeFailures(store.state.failed);
      notice(failedWords(store, action), { alertId: action.alert_id, stays: store.state.opened !== action.alert_id });
    },
    /** The person has opened the case. */
    seeFailure(id) {
      const patch = withSeen(store.state, id);
      const notices = store.state.notices.filter((one) => one.alertId !== id);
      if (notices.length !== store.state.notices.length) patch.notices = notices;
      if (Object.keys(patch).length) set(patch);
      if (patch.failed) writeFailures(patch.failed);
    },
  };
  return acting;
}

/** "Failed: Mute Mallory in Late Night Lounge. The reason." */
export function failedWords(store, action) {
  return words("said.failed", { ...names(store, action), why: action.detail }).trim();
}

/** "Late: Mute Mallory in Late Night Lounge: done." */
export function lateWords(store, action) {
  return words("said.late", { ...names(store, action), result: words(`acted.${action.state}`) });
}

function names(store, action) {
  const handling = handlingOf(store.state.alerts.get(action.alert_id));
  const isolated = `\u2068${action.speaker_name}\u2069`; // the name may run from right to left
  return { action: actionWords(action.action, handling, isolated, words), room: roomTitle(store.state, action.room_id) };
}

function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
