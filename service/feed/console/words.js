// The words of the page: one table per language, chosen by the settings or the browser.

import { useEffect, useState } from "./html.js";
import en from "./words/en.js";

const TABLES = { en };
const OTHERS = { zh: () => import("./words/zh.js") }; // loaded when the language is chosen
const listeners = new Set();
let chosen = "en";

/** The language of the page now: "en" or "zh". */
export function language() {
  return chosen;
}

/**
 * @param {"system"|"en"|"zh"} setting
 * @throws {TypeError} the language could not be loaded; the page keeps the language it has
 */
export async function setLanguage(setting) {
  const wanted = setting === "system" ? navigator.language : setting;
  const name = wanted.toLowerCase().startsWith("zh") ? "zh" : "en";
  TABLES[name] ??= (await OTHERS[name]()).default;
  chosen = name;
  document.documentElement.lang = chosen === "zh" ? "zh-Hans" : "en";
  translate = translator(chosen);
  for (const listener of listeners) listener();
}

/**
 * @returns {(key: string, values?: object) => string} also with `has(key)` and `language`. A word
 *   with `[one, other]` forms chooses by `values.n`.
 */
function translator(name) {
  const table = TABLES[name];
  const numbers = new Intl.NumberFormat(name === "zh" ? "zh-CN" : undefined);
  const t = (key, values = {}) => {
    let text = table[key] ?? en[key] ?? key;
    if (Array.isArray(text)) text = text[values.n === 1 ? 0 : 1];
    return text.replace(/\{(\w+)\}/g, (whole, slot) => {
      const value = values[slot];
      if (value === undefined) return whole;
      return typeof value === "number" ? numbers.format(value) : value;
    });
  };
  t.has = (key) => key in table;
  t.language = name;
  return t;
}

let translate = translator(chosen);

/** Translate outside of a component. */
export function words(key, values) {
  return translate(key, values);
}

words.has = (key) => translate.has(key);

/** The translator of a component, which renders again when the language changes. */
export function useWords() {
  const [, again] = useState(0);
  useEffect(() => {
    const listener = () => again((count) => count + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return translate;
}
