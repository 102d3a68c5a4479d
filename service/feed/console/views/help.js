// The keyboard map.

import { html } from "../html.js";
import { useWords } from "../words.js";
import { Dialog } from "./shared.js";

const KEYS = [
  ["help.move", [["J"], ["K"], ["Enter"], ["Esc"]], ["key.next", "key.previous", "key.open", "key.back"]],
  ["help.decide", [["A"], ["U"], ["D"], ["1", "…", "9"], ["E"], ["M"], ["Z"]],
    ["key.acknowledge", "key.upheld", "key.dismiss", "key.reason", "key.escalate", "key.act", "key.undo"]],
  ["help.look", [["X"], ["/"], ["1", "…", "4"], ["R"], ["P"], ["?"]],
    ["key.unmask", "key.filter", "key.severity", "key.rooms", "key.rules", "key.help"]],
];

/** @param {{store}} props */
export function Help({ store }) {
  const t = useWords();
  return html`
    <${Dialog} store=${store} id="help-title" title=${t("help.title")}>
      <div class="key-groups">
        ${KEYS.map(([group, keys, meanings]) => html`
          <section key=${group}>
            <h3>${t(group)}</h3>
            <dl class="keys">
              ${keys.map((names, index) => html`
                <div key=${meanings[index]}>
                  <dt>${names.map((name) => (name === "…" ? html`<span class="soft">–</span>` : html`<kbd>${name}</kbd>`))}</dt>
                  <dd>${t(meanings[index])}</dd>
                </div>`)}
            </dl>
          </section>`)}
      </div>
    <//>
  `;
}
