// Report on rules: their matches, the decisions, and what shadow rules would change.

import { get } from "../api.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { roomTitle } from "../rooms.js";
import { useStore } from "../store.js";
import { exactTime } from "../time.js";
import { useWords } from "../words.js";
import { Cross, Severity, ruleText, seconds } from "./shared.js";

const DAY_MS = 86_400_000;
const PERIODS = [1, 7, 30]; // days
const AGAIN_MS = 300_000;
const OTHERS = 3; // rules named beside a shadow rule
const BAR = 96; // width of the bar of a share, in px

/** @param {{store}} props */
export function Report({ store }) {
  const t = useWords();
  const [days, setDays] = useState(30);
  const [room, setRoom] = useState("");
  const { report, problem, again } = useReport(store, days, room);
  const heading = useRef(null);
  useEffect(() => heading.current?.focus(), []);
  return html`
    <section class="report" aria-labelledby="report-title">
      <header class="report-head">
        <h2 id="report-title" tabindex="-1" ref=${heading}>${t("report.title")}</h2>
        <${Choices} store=${store} days=${days} setDays=${setDays} room=${room} setRoom=${setRoom} />
        <a class="report-members" href="/rules" target="_blank" rel="noopener">${t("report.members")}</a>
        <button type="button" class="icon-button report-close" aria-label=${t("report.close")} title=${`${t("report.close")} (Esc)`}
          onClick=${() => store.actions.setView("watch")}><${Cross} /></button>
      </header>
      <div class="report-scroll" tabindex="0">
        ${problem && html`<p class="case-error" role="alert">${problem}
          <button type="button" class="button quiet" onClick=${again}>${t("case.again")}</button></p>`}
        ${report ? html`<${Found} store=${store} report=${report} />` : !problem && html`<p class="soft">${t("report.loading")}</p>`}
      </div>
    </section>
  `;
}

/** Load the report on a change and every five minutes; the old one stays until the answer. */
function useReport(store, days, room) {
  const [found, setFound] = useState({ report: null, problem: null });
  const [turn, setTurn] = useState(0);
  const t = useWords();
  useEffect(() => {
    let wanted = true;
    const read = async () => {
      const asked = new URLSearchParams({ since: new Date(store.now() - days * DAY_MS).toISOString() });
      if (room) asked.set("room", room);
      try {
        const report = await get(`/v1/policies/report?${asked}`);
        if (wanted) setFound({ report, problem: null });
      } catch (refused) {
        const problem = refused.status === 0 ? t("refused.unreachable") : refused.detail || t("refused.other");
        if (wanted) setFound((before) => ({ ...before, problem }));
      }
    };
    read();
    const timer = setInterval(read, AGAIN_MS);
    return () => {
      wanted = false;
      clearInterval(timer);
    };
  }, [days, room, turn]);
  return { ...found, again: () => setTurn(turn + 1) };
}

function Choices({ store, days, setDays, room, setRoom }) {
  const t = useWords();
  const titles = useStore(store, (state) => state.titles);
  const rooms = useMemo(
    () => [...titles.keys()].map((id) => [id, roomTitle({ titles }, id)]).sort(([, one], [, other]) => one.localeCompare(other)),
    [titles],
  );
  return html`
    <div class="report-choices">
      <label class="visually-hidden" for="report-days">${t("report.time")}</label>
      <select id="report-days" value=${days} onChange=${(event) => setDays(Number(event.target.value))}>
        ${PERIODS.map((each) => html`<option key=${each} value=${each} selected=${each === days}>${t("report.days", { n: each })}</option>`)}
      </select>
      <label class="visually-hidden" for="report-room">${t("filter.room")}</label>
      <select id="report-room" value=${room} onChange=${(event) => setRoom(event.target.value)}>
        <option value="" selected=${room === ""}>${t("filter.any_room")}</option>
        ${rooms.map(([id, title]) => html`<option key=${id} value=${id} selected=${id === room}>${title}</option>`)}
      </select>
    </div>
  `;
}

function Found({ store, report }) {
  const t = useWords();
  const policies = useStore(store, (state) => state.policies);
  const { live, help, quiet, shadows } = useMemo(() => parted(report.rules), [report]);
  const title = (rule) => ruleText(policies, rule, t.language).title;
  return html`
    ${report.hours !== null &&
    html`<p class="soft report-heard">${t("report.heard", { time: seconds(Math.round(3600 * report.hours), t), n: report.utterances })}</p>`}
    ${live.length
      ? html`<${Live} rules=${live} title=${title} hourly=${report.hours !== null} />
          <p class="soft report-note">${t("report.share_note")}</p>`
      : !help.length && html`<p class="report-none">${t("report.none")}</p>`}
    ${help.length > 0 &&
    html`<section class="report-part" aria-labelledby="report-help">
      <h3 id="report-help">${t("report.help")}</h3>
      <p class="soft">${t("report.help_how")}</p>
      <${Live} rules=${help} title=${title} hourly=${report.hours !== null} help />
    </section>`}
    ${shadows.length > 0 &&
    html`<section class="report-part" aria-labelledby="report-shadows">
      <h3 id="report-shadows">${t("report.shadows")}</h3>
      <p class="soft">${t("report.shadows_how")}</p>
      <ul class="shadows">${shadows.map((rule) => html`<${Shadow} key=${keyOf(rule)} rule=${rule} title=${title} />`)}</ul>
    </section>`}
    ${quiet.length > 0 &&
    html`<details class="report-part report-quiet">
      <summary>${t("report.quiet", { n: quiet.length })}</summary>
      <ul>${quiet.map((rule) => html`<li key=${keyOf(rule)}>${title(rule)} <${Name} rule=${rule} /></li>`)}</ul>
    </details>`}
  `;
}

/** Split the rules: live ones with matches, those about help, shadow rules, and rules without a match. */
export function parted(rules) {
  const isShadow = (rule) => rule.status === "shadow" || (rule.status === null && rule.difference && !rule.hits_live);
  const hasMore = (one, other) => other.alerts - one.alerts || hits(other) - hits(one);
  const shadows = rules.filter(isShadow).sort(hasMore);
  const others = rules.filter((rule) => !isShadow(rule));
  const matched = others.filter((rule) => hits(rule) + rule.alerts > 0).sort(hasMore);
  return {
    live: matched.filter((rule) => rule.handling !== "help"),
    help: matched.filter((rule) => rule.handling === "help"),
    quiet: others.filter((rule) => hits(rule) + rule.alerts === 0),
    shadows,
  };
}

const hits = (rule) => rule.hits_live + rule.hits_shadow;
const keyOf = (rule) => `${rule.pack}/${rule.rule_id}/${rule.rule_version}`;

/** A rule's pack and version, and notes on its matches. */
function Name({ rule }) {
  const t = useWords();
  const said = [
    rule.rule_version && t("why.version", { version: rule.rule_version }),
    rule.status === null && t("report.earlier"),
    rule.excused > 0 && t("report.excused", { n: rule.excused }),
    rule.review > 0 && t("report.review", { n: rule.review }),
  ].filter(Boolean);
  return html`<span class="soft report-name"><code>${rule.pack}/${rule.rule_id}</code>${said.map((each) => ` · ${each}`)}</span>`;
}

const COLUMNS = ["hits", "hourly", "alerts", "undecided"];
const OUTCOMES = { offence: ["upheld", "dismissed"], help: ["supported", "not_needed"] };

/** A table of rules; those about help have no precision. */
function Live({ rules, title, hourly, help = false }) {
  const t = useWords();
  const columns = [...COLUMNS.filter((name) => name !== "hourly" || hourly), ...OUTCOMES[help ? "help" : "offence"]];
  const value = { hits, hourly: (rule) => (rule.hits_per_hour === null ? "–" : number(rule.hits_per_hour, t, 2)) };
  const shown = (name, rule) => {
    const found = value[name] ? value[name](rule) : rule[name];
    return typeof found === "number" ? number(found, t) : found;
  };
  return html`
    <table class="rule-table" role="table">
      <thead role="rowgroup"><tr role="row">
        <th role="columnheader" scope="col">${t("report.rule")}</th>
        ${columns.map((name) => html`<th key=${name} role="columnheader" scope="col" class="figure">${t(`report.${name}`)}</th>`)}
        ${!help && html`<th role="columnheader" scope="col">${t("report.share")}</th>`}
      </tr></thead>
      <tbody role="rowgroup">
        ${rules.map((rule) => html`
          <tr key=${keyOf(rule)} role="row">
            <th role="rowheader" scope="row">
              <span class="report-rule">${rule.severity && html`<${Severity} severity=${rule.severity} t=${t} />`} ${title(rule)}</span>
              <${Name} rule=${rule} />
            </th>
            ${columns.map((name) => html`<td key=${name} role="cell" class="figure" data-label=${t(`report.${name}`)}>${shown(name, rule)}</td>`)}
            ${!help && html`<td role="cell" class="share" data-label=${t("report.share")}><${Share} found=${rule.precision} /></td>`}
          </tr>`)}
      </tbody>
    </table>
  `;
}

/** A share with its confidence interval. */
function Share({ found }) {
  const t = useWords();
  if (!found) return html`<span class="soft">${t("report.no_decision")}</span>`;
  const [low, high, at] = [found.low, found.high, found.value].map((each) => Math.round(each * BAR));
  return html`
    <svg class="share-bar" viewBox=${`-3 0 ${BAR + 6} 14`} width=${BAR + 6} height="14" aria-hidden="true">
      <rect class="share-all" x="0" y="6" width=${BAR} height="2" />
      <rect class="share-bounds" x=${low} y="4" width=${Math.max(high - low, 2)} height="6" rx="3" />
      <circle class="share-value" cx=${at} cy="7" r="3" />
    </svg>
    <span class="share-words">${percent(found.value, t)} <span class="soft">${t("report.bounds", {
      low: percent(found.low, t), high: percent(found.high, t),
    })}</span></span>
  `;
}

function Shadow({ rule, title }) {
  const t = useWords();
  const { difference } = rule;
  return html`
    <li class="shadow">
      <p class="report-rule">${rule.severity && html`<${Severity} severity=${rule.severity} t=${t} />`} ${title(rule)}</p>
      <p><${Name} rule=${rule} /></p>
      ${difference
        ? html`<p class="soft" title=${exactTime(difference.since)}>${t("report.shadow_hits", {
              n: rule.hits_shadow, hourly: rule.hits_per_hour === null ? "" : t("report.shadow_hourly", { hourly: number(rule.hits_per_hour, t, 2) }),
            })}</p>
            <dl>
              <${Part} name="alone" count=${difference.alone} of=${rule.hits_shadow + difference.missed} others=${[]} title=${title} />
              <${Part} name="together" count=${difference.together} of=${rule.hits_shadow + difference.missed} others=${difference.together_with} title=${title} />
              <${Part} name="missed" count=${difference.missed} of=${rule.hits_shadow + difference.missed} others=${difference.missed_by} title=${title} />
            </dl>`
        : html`<p class="soft">${t("report.shadow_none")}</p>`}
    </li>
  `;
}

function Part({ name, count, of, others, title }) {
  const t = useWords();
  const named = others.slice(0, OTHERS).map((each) => `${title(each)} ${number(each.utterances, t)}`);
  if (others.length > OTHERS) named.push(t("report.more", { n: others.length - OTHERS }));
  return html`
    <div data-part=${name}>
      <dt>${t(`report.${name}`)}</dt>
      <dd>
        <span class="part-count">${number(count, t)}</span>
        <svg class="part-bar" viewBox="0 0 100 6" preserveAspectRatio="none" height="6" aria-hidden="true">
          <rect class="share-all" x="0" y="0" width="100" height="6" />
          <rect class="part-share" x="0" y="0" width=${of ? (100 * count) / of : 0} height="6" />
        </svg>
        ${named.length > 0 && html`<span class="soft part-others">${named.join(t.language === "zh" ? "，" : ", ")}</span>`}
      </dd>
    </div>
  `;
}

function locale(t) {
  return t.language === "zh" ? "zh-CN" : undefined;
}

function number(value, t, digits = 0) {
  return new Intl.NumberFormat(locale(t), { maximumFractionDigits: digits }).format(value);
}

function percent(value, t) {
  return new Intl.NumberFormat(locale(t), { style: "percent", maximumFractionDigits: 0 }).format(value);
}
