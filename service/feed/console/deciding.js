// Steps of an alert: acknowledge, decide, escalate, reopen, undo, notes. A change shows at once,
// and is reverted if the server refuses.

import { get, post } from "./api.js";
import { reasonsOf, recorded } from "./reasons.js";
import { partCase } from "./session.js";
import { LEAVES_MS } from "./state.js";
import { words } from "./words.js";

/** @param {{notice, hint, tell, put, alertPath, session}} page */
export function makeDeciding(store, { notice, hint, tell, put, alertPath, session }) {
  const { set } = store;
  const turns = new Map(); // alert id -> its last step under way

  /** Send the steps of one alert in the order of the keys: two requests at once may change places. */
  async function inTurn(id, send) {
    const turn = Promise.resolve(turns.get(id)).then(send, send);
    turns.set(id, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(id) === turn) turns.delete(id);
    }
  }

  /** Show the change, ask the server, and keep its answer or revert. Resolves to whether it worked. */
  async function step(id, name, body, change) {
    const before = store.state.alerts.get(id);
    if (!before || !mayStep()) return false;
    const shown = { ...before, ...change };
    put(shown);
    const overtaken = () => store.state.alerts.get(id) !== shown; // by an event that came first
    try {
      const answer = await inTurn(id, () => post(alertPath(id, name), body));
      if (!overtaken()) put(answer);
      if (store.state.cases.has(id)) session.readCase(id);
      return true;
    } catch (refused) {
      if (!overtaken()) put(before);
      tell(refused);
      if (refused.status === 409) await again(id);
      return false;
    }
  }

  /** Whether the person may change alerts; otherwise say why not. */
  function mayStep() {
    if (!store.canAct) notice(store.state.signedOut ?? words("refused.role"));
    return store.canAct;
  }

  /** Reload the alert after somebody else changed it first. */
  async function again(id) {
    try {
      const before = store.state.alerts.get(id);
      const { alert, ...rest } = partCase(await get(alertPath(id)));
      if (store.state.alerts.get(id) === before) put(alert);
      if (store.state.cases.has(id)) session.keepCase(id, rest);
    } catch (refused) {
      tell(refused);
    }
  }

  function offerUndo(id, what, previous) {
    const undo = { alert_id: id, what, previous, until: store.now() + LEAVES_MS };
    set({ undo });
    setTimeout(() => store.state.undo === undo && set({ undo: null }), LEAVES_MS);
  }

  /** The alert if its state is one of these; otherwise say what is in the way. */
  function ready(id, states) {
    const alert = store.state.alerts.get(id);
    if (!mayStep()) return null;
    if (!alert) {
      hint(words("case.loading"));
      return null;
    }
    if (states.includes(alert.state)) return alert;
    hint(words(`hint.${alert.state}`));
    return null;
  }

  return {
    async acknowledge(id) {
      if (!ready(id, ["open"])) return;
      const change = { state: "acknowledged", owner: store.state.me.name };
      if (await step(id, "acknowledge", {}, change)) offerUndo(id, "acknowledge", "open");
    },
    startDeciding(id, outcome) {
      if (ready(id, UNDECIDED)) set({ deciding: { id, outcome }, acting: null, escalating: null });
    },
    decideLater() {
      set({ deciding: null });
    },
    async decide(id, outcome, code, text) {
      const before = store.state.alerts.get(id);
      const reasons = reasonsOf(store.state.cases.get(id)?.guidance, outcome);
      const body = { outcome, reason: recorded(reasons, code, text) };
      const done = await step(id, "resolve", body, { state: "resolved", outcome });
      if (!done) return;
      store.actions.draft(id, { code: undefined, reason: "" });
      offerUndo(id, outcome, before.state);
    },
    startEscalating(id) {
      if (ready(id, UNDECIDED)) set({ escalating: id, deciding: null, acting: null });
    },
    escalateLater() {
      set({ escalating: null });
    },
    async escalate(id, to, reason) {
      const change = { escalated_at: new Date(store.now()).toISOString(), escalated_to: to };
      if (await step(id, "escalate", { to, reason }, change)) store.actions.draft(id, { to: "", escalate_reason: "" });
    },
    reopen(id) {
      return step(id, "reopen", { to: "open" }, { state: "open", outcome: null, owner: "" });
    },
    undo() {
      const { undo } = store.state;
      if (!undo) {
        hint(words("hint.no_undo"));
        return;
      }
      set({ undo: null });
      const change = { state: undo.previous, outcome: null };
      step(undo.alert_id, "reopen", { to: undo.previous, reason: "" }, change);
    },
    async note(id, text) {
      if (await step(id, "notes", { text }, {})) store.actions.draft(id, { note: "" });
    },
    assign(id) {
      return step(id, "assign", {}, { owner: store.state.me.name, state: "acknowledged" });
    },
  };
}

const UNDECIDED = ["open", "acknowledged"];
