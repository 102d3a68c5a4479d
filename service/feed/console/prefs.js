// What this browser remembers: looks and sounds, never a word that was spoken, never a key.

const PLACE = "earshot.prefs";

const CHOICES = {
  theme: ["system", "light", "dark"],
  language: ["system", "en", "zh"],
  sound: ["off", "critical", "high", "all"],
  notify: ["off", "critical", "high", "all"],
};

const DEFAULTS = { theme: "system", language: "system", sound: "off", notify: "off" };

/** @returns {{theme: string, language: string, sound: string, notify: string}} */
export function readPrefs() {
  let stored = {};
  try {
    stored = JSON.parse(localStorage.getItem(PLACE)) || {};
  } catch {
    // storage may be closed to us, or hold something else: the defaults do
  }
  const known = Object.entries(stored).filter(([name, value]) => CHOICES[name]?.includes(value));
  return { ...DEFAULTS, ...Object.fromEntries(known) };
}

export function writePrefs(prefs) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(prefs));
  } catch {
    // then they last as long as the page
  }
}
