// What has just happened, at the foot of the screen: a handover that can be taken back, and what went wrong.

import { html, Sign } from "./dom.js";
import { called } from "./cards.js";
import { given, notice, undo, waiting } from "./deeds.js";
import { say } from "./words.js";

function Notice({ kind, text, done, close }) {
  return html`<div class=${`notice ${kind}`} role=${kind === "bad" ? "alert" : "status"} data-testid="notice">
    <${Sign} name=${kind === "bad" ? "warning" : "check"} /><p>${text}</p>
    ${done && html`<button class="button big" data-testid="undo" onClick=${() => undo(done)}><${Sign} name="back" />${say("undo")}</button>`}
    <button class="round" aria-label=${say("close")} onClick=${close}><${Sign} name="close" /></button>
  </div>`;
}

// Who has arrived, for those who hear the screen read to them.
function Arrival() {
  const card = waiting.value.at(-1);
  return html`<p class="visually-hidden" role="alert" data-testid="arrival">${card && html`<span key=${card.id}>${say("is_here", { name: called(card) })}</span>`}</p>`;
}

export function Notices() {
  const said = notice.value;
  const handover = given.value;
  return html`<${Arrival} /><div class="notices" aria-live="polite">
    ${said && html`<${Notice} key=${said.at} ...${said} close=${() => (notice.value = null)} />`}
    ${handover && html`<${Notice} key=${`given ${handover.at}`} kind="good" ...${handover} close=${() => (given.value = null)} />`}
  </div>`;
}
