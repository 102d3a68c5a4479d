// How to help: the operator's helplines, and the steps that the case suggests.

import { html } from "../html.js";
import { handlingOf } from "../reasons.js";
import { useWords } from "../words.js";

/** @param {{alert, guidance: object|null}} props */
export function Guidance({ alert, guidance }) {
  const t = useWords();
  const help = handlingOf(alert) === "help";
  if (!guidance || !(help || guidance.helplines.length || guidance.steps.length)) return null;
  return html`
    <section class="case-part guidance" aria-labelledby="case-guidance">
      <h3 id="case-guidance">${t(help ? "guidance.title" : "guidance.steps")}</h3>
      ${(help || guidance.helplines.length > 0) && html`<${Helplines} guidance=${guidance} />`}
      ${guidance.steps.length > 0 && html`<ol class="steps">
        ${guidance.steps.map((step) => html`<li key=${step.text}>${stepWords(step, t)}</li>`)}
      </ol>`}
    </section>
  `;
}

/** A step in the page's language; as it stands if the page does not know it. */
function stepWords({ code, text }, t) {
  return code && t.has(`step.${code}`) ? t(`step.${code}`) : html`<bdi>${text}</bdi>`;
}

/** The operator's helplines; without any, it says so. */
export function Helplines({ guidance }) {
  const t = useWords();
  const helplines = guidance?.helplines || [];
  if (!helplines.length) return html`<p class="soft no-helplines">${t("guidance.none")}</p>`;
  return html`
    <ul class="helplines" aria-label=${t("guidance.helplines")}>
      ${helplines.map((line) => html`
        <li key=${`${line.name}${line.contact}`}>
          <bdi class="helpline-name">${line.name}</bdi>
          <${Contact} contact=${line.contact} />
          ${about(line, t) && html`<span class="soft"><bdi>${about(line, t)}</bdi></span>`}
        </li>`)}
    </ul>
  `;
}

function about({ languages, hours }, t) {
  const names = (languages || []).map((code) => languageName(code, t.language));
  return [names.join(t.language === "zh" ? "、" : ", "), hours].filter(Boolean).join(" · ");
}

function languageName(code, language) {
  try {
    return new Intl.DisplayNames(language, { type: "language" }).of(code);
  } catch {
    return code; // no well-formed language code
  }
}

/** A telephone number or an address of the web is a link. */
function Contact({ contact }) {
  const phone = /^\+?[\d\s()./-]{3,}$/.test(contact) && `tel:${contact.replace(/[^\d+]/g, "")}`;
  const href = phone || (/^https?:\/\//i.test(contact) && contact);
  if (!href) return html`<bdi class="helpline-contact">${contact}</bdi>`;
  return html`<a class="helpline-contact" href=${href} target="_blank" rel="noopener noreferrer"><bdi>${contact}</bdi></a>`;
}
