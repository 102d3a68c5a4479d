// Reasons of an alert: the rule, the words, how they matched, exceptions and doubts.

import { html } from "../html.js";
import { useStore } from "../store.js";
import { handlingOf } from "../reasons.js";
import { isSevere } from "../text.js";
import { useWords } from "../words.js";
import { Severity, categoryName, ruleText } from "./shared.js";

const NOTHING = [];

/** @param {{store, alert, talk: Array}} props */
export function Why({ store, alert, talk }) {
  const t = useWords();
  const policies = useStore(store, (state) => state.policies);
  const line = talk.find((each) => each.utterance_id === alert.utterance_id);
  return html`
    <section class="case-part" aria-labelledby="case-why">
      <h3 id="case-why">${t("case.why")}</h3>
      ${alert.matches.map((match) => {
        const { title, description } = ruleText(policies, match, t.language);
        return html`
          <div class="why" key=${`${match.pack}/${match.rule_id}`} data-severity=${match.severity}>
            <p class="why-title">
              ${alert.matches.length > 1 && html`<${Severity} severity=${match.severity} t=${t} />`}
              <span>${title}</span>
            </p>
            ${description && html`<p>${description}</p>`}
            <dl>
              <dt>${t("why.matched")}</dt>
              <dd><${Matched} alert=${alert} match=${match} store=${store} /></dd>
              <${How} match=${match} help=${handlingOf(alert) === "help"} t=${t} />
              <dt>${t("why.category")}</dt>
              <dd>${categoryName(match.category, t)}</dd>
              <dt>${t("why.rule")}</dt>
              <dd><code>${match.pack}/${match.rule_id}</code> <span class="soft">${versions(match, t)}</span></dd>
              ${line?.model && html`<dt>${t("why.heard_by")}</dt><dd><bdi>${line.model}</bdi></dd>`}
            </dl>
          </div>
        `;
      })}
    </section>
  `;
}

/** How the words matched, exceptions, doubts about the transcript, raised severity, suggestions. */
function How({ match, help, t }) {
  const reasons = match.excused_by || NOTHING;
  const doubts = reasons.filter(isDoubt);
  const exceptions = reasons.filter((each) => !isDoubt(each));
  const suggested = (match.actions || []).filter((action) => t.has(`suggest.${action}`) && (!help || action === "offer_help"));
  return html`
    ${match.layer && html`<dt>${t("why.how")}</dt><dd>${layerWords(match, t)}</dd>`}
    ${exceptions.length > 0 && html`<dt>${t("why.excused")}</dt><dd>${reasonWords(exceptions, t)}</dd>`}
    ${doubts.length > 0 && html`<dt>${t("why.doubts")}</dt><dd>${reasonWords(doubts, t)}</dd>`}
    ${match.raised_from && html`<dt>${t("why.raised")}</dt>
      <dd>${t("why.raised_from", { before: t(`severity.${match.raised_from}`), after: t(`severity.${match.severity}`) })}</dd>`}
    ${suggested.length > 0 && html`<dt>${t("why.suggested")}</dt><dd>${suggested.map((action) => t(`suggest.${action}`)).join(", ")}</dd>`}
  `;
}

function layerWords(match, t) {
  const said = t(`layer.${match.layer}`);
  return match.distance > 0 ? t("layer.apart", { how: said, n: Math.max(1, Math.round(100 * match.distance)) }) : said;
}

const EXCEPTIONS = [
  [/^negated by “(.*)”$/, "excuse.negated"],
  [/^reported speech: “(.*)”$/, "excuse.reported"],
  [/^allowed: “(.*)”$/, "excuse.allowed"],
];
const DOUBTS = [
  [/^the transcript may be noise$/, "excuse.noise"],
  [/^the transcript may repeat itself by mistake$/, "excuse.repeats"],
  [/^the transcript has too many words for its sound$/, "excuse.words"],
];

/** Whether a reason of the server doubts the transcript, rather than being a rule's exception. */
function isDoubt(reason) {
  return DOUBTS.some(([form]) => form.test(reason));
}

function reasonWords(reasons, t) {
  return reasons.map((each, index) => html`${index > 0 && ", "}${reasonWord(each, t)}`);
}

/** A reason of the server in the page's language; as it stands where it is unknown. */
function reasonWord(reason, t) {
  for (const [form, key] of [...EXCEPTIONS, ...DOUBTS]) {
    const found = form.exec(reason);
    if (found) return t(key, { words: found[1] });
  }
  return reason;
}

function versions(match, t) {
  const pack = t("why.version", { version: match.pack_version });
  if (!match.rule_version || match.rule_version === match.pack_version) return pack;
  return `${pack}, ${t("why.rule_version", { version: match.rule_version })}`;
}

/** The matched words, quoted from the excerpt so that masking applies here too. */
function Matched({ store, alert, match }) {
  const t = useWords();
  const shown = useStore(store, (state) => state.unmasked.has(alert.id));
  if (!match.spans.length) return match.explanation;
  if (isSevere(match.category) && !shown) return t("why.masked");
  const chars = [...alert.excerpt];
  const quotes = match.spans.map(([from, to]) => chars.slice(from, to).join("").trim());
  return [...new Set(quotes)].map((quote, index) => html`${index > 0 && ", "}<q><bdi dir="auto">${quote}</bdi></q>`);
}
