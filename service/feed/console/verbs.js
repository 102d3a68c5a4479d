// Words of actions: what an action is called, and why it is not possible. Pure.

/** Kinds of actions in the order of the form: a help case never begins with a sanction. */
const ORDERS = {
  offence: ["mute_speaker", "unmute_speaker", "warn", "remove_speaker", "end_room"],
  help: ["warn", "unmute_speaker", "mute_speaker", "remove_speaker", "end_room"],
};
const OPPOSITE = { mute_speaker: "unmute_speaker", unmute_speaker: "mute_speaker" };

/** The actions to show: of mute and unmute, the one that has an effect. */
export function choices(handling, offered, muted) {
  const without = muted ? "mute_speaker" : "unmute_speaker";
  return ORDERS[handling].filter((action) => offered.includes(action) && (action !== without || !offered.includes(OPPOSITE[action])));
}

/** Whether the speaker is muted: as the room reports, else by the last action that was confirmed. */
export function isMuted(room, alert, actions = []) {
  const there = room?.speakers.get(alert.speaker_id);
  if (there) return there.muted === true;
  const last = actions.findLast((one) => one.state === "done" && one.action in OPPOSITE);
  return last?.action === "mute_speaker";
}

/** "Mute Mallory"; in a help case, `warn` is a message and no warning. */
export function actionWords(action, handling, name, t) {
  const helping = `act.help.${action}`;
  return t(handling === "help" && t.has(helping) ? helping : `act.${action}`, { name });
}

/** Why an action is not possible; the server's sentence if the page does not know the code. */
export function whyNot({ code, reason }, t) {
  return t.has(`cannot.${code}`) ? t(`cannot.${code}`) : reason;
}

/** Why none of the actions is possible: each reason once. */
export function whyNone(cannot, t) {
  return [...new Set(cannot.map((one) => whyNot(one, t)))].join(" ");
}

/**
 * The actions that the case shows above the talk: each that is pending, and the newest of its kind
 * if that failed.
 */
export function outstanding(actions) {
  const kind = (one) => (one.action in OPPOSITE ? "mute" : one.action);
  return actions.filter((one, index) => {
    if (one.state === "pending") return true;
    return one.state === "failed" && !actions.slice(index + 1).some((later) => kind(later) === kind(one));
  });
}
