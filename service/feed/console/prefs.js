// Settings that this browser remembers: theme, language and sound, never speech, never a key.

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
    // storage may be blocked or hold something else: use the defaults
  }
  const known = Object.entries(stored).filter(([name, value]) => CHOICES[name]?.includes(value));
  return { ...DEFAULTS, ...Object.fromEntries(known) };
}

export function writePrefs(prefs) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(prefs));
  } catch {
    // the settings then last as long as the page
  }
}
