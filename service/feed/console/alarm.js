// Sound and desktop notification for a new alert, by severity. A burst is one sound and one
// notification. Both are off until the person turns them on in the settings.

const RANK = { low: 0, medium: 1, high: 2, critical: 3 };

const LEAST = { off: Infinity, critical: 3, high: 2, all: 0 };

const BETWEEN_SOUNDS_MS = 4000;
const GRAVER_AFTER_MS = 700; // a more severe one waits only this long
const TOGETHER_MS = 250; // alerts within this time are one sound
const NOTIFICATIONS_APART_MS = 2000;

// Notes by severity, more and higher for a more severe alert: [hertz, start in s, length in s].
const TONES = {
  low: [[392, 0, 0.12]],
  medium: [[440, 0, 0.12], [523.25, 0.12, 0.14]],
  high: [[523.25, 0, 0.11], [659.25, 0.12, 0.11], [783.99, 0.24, 0.2]],
  critical: [
    [783.99, 0, 0.12], [1046.5, 0.14, 0.16], [783.99, 0.36, 0.12], [1046.5, 0.5, 0.16],
    [1046.5, 0.72, 0.3],
  ],
};
const LOUDNESS = { low: 0.08, medium: 0.1, high: 0.16, critical: 0.22 };

/** Whether a setting ("off", "critical", "high", "all") includes the severity. */
export function asksFor(setting, severity) {
  return RANK[severity] >= (LEAST[setting] ?? Infinity);
}

/**
 * Decides which alerts sound. Pure: the time is an argument.
 * `offer` takes a new alert's severity. `due` returns the severity to play now (or null) and the
 * milliseconds until it should be called again (or null).
 */
export class Soundings {
  #waiting = null; // the most severe of the alerts that came together
  #since = 0;
  #last = { severity: null, at: -Infinity };

  offer(severity, now) {
    if (this.#waiting === null) this.#since = now;
    if (this.#waiting === null || RANK[severity] > RANK[this.#waiting]) this.#waiting = severity;
  }

  due(now) {
    if (this.#waiting === null) return { play: null, again_ms: null };
    const graver = RANK[this.#waiting] > (RANK[this.#last.severity] ?? -1);
    const apart = graver ? GRAVER_AFTER_MS : BETWEEN_SOUNDS_MS;
    const at = Math.max(this.#since + TOGETHER_MS, this.#last.at + apart);
    if (now < at) return { play: null, again_ms: at - now };
    this.#last = { severity: this.#waiting, at: now };
    this.#waiting = null;
    return { play: this.#last.severity, again_ms: null };
  }
}

let audio = null;

/** Play a severity's tone. Returns false where the browser allows no sound yet. */
export async function play(severity) {
  const Context = globalThis.AudioContext;
  if (!Context) return false;
  audio ??= new Context();
  if (audio.state === "suspended") {
    // Without a user's gesture resume() may stay pending for ever: do not await it.
    await Promise.race([audio.resume().catch(() => {}), new Promise((go) => setTimeout(go, 300))]);
  }
  if (audio.state !== "running") return false;
  const begins = audio.currentTime + 0.02;
  for (const [hertz, from, lasts] of TONES[severity]) note(hertz, begins + from, lasts, LOUDNESS[severity]);
  return true;
}

function note(hertz, at, lasts, loudness) {
  const tone = audio.createOscillator();
  const gain = audio.createGain();
  tone.type = "triangle";
  tone.frequency.value = hertz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.012);
  gain.gain.setValueAtTime(loudness, at + lasts * 0.5);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + lasts + 0.08);
  tone.connect(gain).connect(audio.destination);
  tone.start(at);
  tone.stop(at + lasts + 0.1);
  tone.onended = () => {
    tone.disconnect();
    gain.disconnect();
  };
}

/** "granted", "denied", "default" or "unsupported". */
export function permission() {
  return globalThis.Notification ? Notification.permission : "unsupported";
}

/** Ask the browser for permission, from a click only. Resolves to the new `permission`. */
export async function askPermission() {
  if (!globalThis.Notification) return "unsupported";
  await Notification.requestPermission();
  return permission();
}

/**
 * @param {object} options
 * @param {() => {sound: string, notify: string}} options.prefs the settings, read each time
 * @param {(alert: object) => {title: string, body: string}} options.words text of a notification, masked
 * @param {(count: number) => {title: string, body: string}} options.burstWords
 * @param {(id: string) => void} options.open opens a case
 * @returns {(alert: object) => void} call it with each new alert
 */
export function createAlarm({ prefs, words, burstWords, open }) {
  const soundings = new Soundings();
  let timer = null;
  let notified = { at: -Infinity, count: 0 };

  function sound() {
    timer = null;
    const { play: severity, again_ms } = soundings.due(Date.now());
    if (severity) play(severity);
    if (again_ms !== null) timer = setTimeout(sound, again_ms);
  }

  function notify(alert) {
    if (permission() !== "granted") return;
    if (document.visibilityState === "visible" && document.hasFocus()) return;
    const now = Date.now();
    const count = now - notified.at < NOTIFICATIONS_APART_MS ? notified.count + 1 : 1;
    notified = { at: now, count };
    const single = count === 1;
    const { title, body } = single ? words(alert) : burstWords(count);
    const options = { body, tag: single ? alert.id : "burst", icon: "/console/icon.svg", silent: true };
    let shown;
    try {
      shown = new Notification(title, options);
    } catch {
      return; // some phones allow this to service workers only; the page still shows the alert
    }
    shown.onclick = () => {
      globalThis.focus();
      if (single) open(alert.id);
      shown.close();
    };
  }

  return (alert) => {
    const { sound: soundFor, notify: notifyFor } = prefs();
    if (asksFor(soundFor, alert.severity)) {
      soundings.offer(alert.severity, Date.now());
      clearTimeout(timer); // a more severe one waits less
      sound();
    }
    if (asksFor(notifyFor, alert.severity)) notify(alert);
  };
}
