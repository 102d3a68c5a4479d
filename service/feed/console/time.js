// Formatting of times, in the language of the page.

import { language } from "./words.js";

const FORMATS = new Map();

function format(name, options) {
  const key = `${name}/${language()}`;
  if (!FORMATS.has(key)) {
    FORMATS.set(key, new Intl.DateTimeFormat(language() === "zh" ? "zh-CN" : undefined, options));
  }
  return FORMATS.get(key);
}

/** "18:04:07" */
export function timeOfDay(iso) {
  return format("time", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" })
    .format(new Date(iso));
}

/** "Tuesday, 24 November 2026 at 18:04:07": for tooltips and screen readers. */
export function exactTime(iso) {
  return format("exact", { dateStyle: "full", timeStyle: "medium" }).format(new Date(iso));
}

/** "12 s", "3 min", "2 h", "5 d": an age in one unit. */
export function age(ms, t) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return t("time.s", { n: seconds });
  if (seconds < 3600) return t("time.min", { n: Math.floor(seconds / 60) });
  if (seconds < 48 * 3600) return t("time.h", { n: Math.floor(seconds / 3600) });
  return t("time.d", { n: Math.floor(seconds / 86400) });
}
