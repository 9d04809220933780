// The lanes: who has arrived, what is to be prepared, what is ready; and what a search found in their place.

import { html, Sign } from "./dom.js";
import { called, fullName, isOpen, lanes, lateness, number, queueAt, shown, units } from "./cards.js";
import { momentOf, now, tick } from "./clock.js";
import { spaced } from "./codes.js";
import { conflicts, flush, settle, stuck } from "./outbox.js";
import { hits, openCard, query, room, searching, selected, taken, unanswered } from "./deeds.js";
import { go } from "./header.js";
import { replies } from "./replies.js";
import { money, say, span, time, until, when, why } from "./words.js";

export function stateName(card) {
  return say(`state_${card.state}`);
}

export function Chip({ card }) {
  tick.value;
  const late = lateness(card);
  if (late > 60_000) return html`<span class="chip late"><${Sign} name="clock" />${say("late", { span: span(late) })}</span>`;
  const sign = { confirmed: "box", picking: "list", ready: "check", collected: "check" }[card.state] ?? "close";
  return html`<span class=${`chip ${card.state}`}><${Sign} name=${sign} />${stateName(card)}</span>`;
}

function promise(card) {
  if (card.state === "ready") return card.collect_by ? until(card.collect_by, now()) : "";
  if (card.state === "collected") return card.collected_at ? say("collected_at", { when: when(card.collected_at, now()) }) : "";
  if (!isOpen(card)) return when(card.updated_at, now());
  return card.ready_by ? say("for", { when: when(card.ready_by, now()) }) : say("no_promise");
}

export function Card({ card, how }) {
  tick.value;
  const arrived = isOpen(card) && card.arrived_at;
  const state = arrived ? "arrived" : lateness(card) > 60_000 ? "late" : card.state;
  return html`<li><button class=${`order ${state} ${taken.value.has(card.id) ? "taken" : ""}`} data-id=${card.id} data-testid="card"
      aria-current=${selected.value === card.id ? "true" : undefined} onClick=${() => openCard(card, how)}>
    <span class="pair"><span class="who">${called(card)}${card.customer.name && html` <small class="number">${number(card)}</small>`}</span> <span class="where">${card.shelf && card.state === "ready" ? card.shelf : ""}</span></span>
    <span class="pair"><span class="what">${promise(card)}</span> <span class="much">${say("items", { count: units(card) })}${card.amount_due > 0 && card.currency ? ` · ${money(card.amount_due, card.currency)}` : ""}</span></span>
    <span class="how">
      ${arrived && html`<span class="chip arrived"><${Sign} name="person" />${say("here_for", { span: span(now() - Date.parse(card.arrived_at)) })}</span>`}
      ${replies.value.has(card.id) && html`<span class="chip replied"><${Sign} name="message" />${say("has_replied")}</span>`}
      ${card.state !== "ready" && state !== "confirmed" && html`<${Chip} card=${card} />`}
      ${card.pending && html`<span class="chip pending"><${Sign} name="away" />${say("not_sent")}</span>`}
    </span>
  </button></li>`;
}

function Lane({ name, cards, empty }) {
  return html`<section class=${`lane ${name}`} aria-labelledby=${`lane-${name}`} data-testid=${`lane-${name}`}>
    <h2 id=${`lane-${name}`}>${say(`lane_${name}`)} <span class="number">${cards.length}</span></h2>
    ${cards.length ? html`<ul>${cards.slice(0, 200).map((card) => html`<${Card} key=${card.id} card=${card} />`)}</ul>` : html`<p class="empty">${queueAt.value === null ? "…" : empty}</p>`}
  </section>`;
}

function look(card) {
  if (room.value === "picking") go("counter");
  openCard(card);
}

// What was refused after it was done here: red, until somebody says that it is all right.
function Conflict({ conflict }) {
  const { card, actions, problem } = conflict;
  const reason = problem.code === "handed_over_before" ? say("conflict_twice", { when: when(problem.at, now()) }) : why(problem, conflict.status);
  return html`<li><div class="conflict" role="alert" data-testid="conflict">
    <h3><${Sign} name="warning" />${say("conflict")} · ${card ? called(card) : ""}</h3>
    <p>${say("conflict_what", { what: say(`did_${actions.at(-1).step}`), when: time(momentOf(actions.at(-1))) })} ${reason}</p>
    <p class="buttons"><button class="button quiet" onClick=${() => card && look(card)}>${say("look")}</button>
      <button class="button danger" onClick=${() => settle(conflict)}>${say("settled")}</button></p>
  </div></li>`;
}

// What the service fails at again and again: red too, and tried on.
function Stuck({ action }) {
  const card = shown.value.get(action.id) ?? action.card;
  return html`<li><div class="conflict" role="alert" data-testid="stuck">
    <h3><${Sign} name="warning" />${say("conflict")} · ${called(card)}</h3>
    <p>${say("stuck_what", { what: say(`did_${action.step}`), when: time(action.at) })}</p>
    <p class="buttons"><button class="button quiet" onClick=${() => look(card)}>${say("look")}</button>
      <button class="button" onClick=${() => void flush()}>${say("try_again")}</button></p>
  </div></li>`;
}

export function Conflicts() {
  if (!conflicts.value.length && !stuck.value.length) return null;
  return html`<ul class="conflicts" aria-label=${say("conflicts")}>${stuck.value.map((action) => html`<${Stuck} key=${`stuck ${action.number}`} action=${action} />`)}${conflicts.value.map((conflict) => html`<${Conflict} key=${conflict.number} conflict=${conflict} />`)}</ul>`;
}

export function Lanes() {
  const { arrived, preparing, ready } = lanes.value;
  return html`<div class="lanes">
    <${Lane} name="arrived" cards=${arrived} empty=${say("nobody_waits")} />
    <${Lane} name="preparing" cards=${preparing} empty=${say("nothing_to_prepare")} />
    <${Lane} name="ready" cards=${ready} empty=${say("nothing_ready")} />
  </div>`;
}

export function Hits() {
  const found = hits.value;
  const how = /^[2-9B-DF-HJKNPRSTVX]{6}$/i.test(query.value.replace(/[\s-]/g, "")) ? { code: query.value.toUpperCase().replace(/[\s-]/g, "") } : null;
  return html`<section class="hits" aria-labelledby="hits" data-testid="hits">
    <h2 id="hits" role="status">${searching.value && !found.length ? say("searching") : say("found", { count: found.length })}</h2>
    ${found.length > 0 ? html`<ul>${found.map((card) => html`<${Hit} key=${card.id} card=${card} how=${card.pickup_code === how?.code ? how : null} />`)}</ul>`
      : !searching.value && html`<p class="empty">${unanswered.value ?? say("found_nothing")}</p>`}
  </section>`;
}

function Hit({ card, how }) {
  return html`<li><button class="hit" data-testid="hit" onClick=${() => openCard(card, how)}>
    <span class="who">${fullName(card)}</span><span class="ref">${card.order_ref}</span>
    <span class="code">${spaced(card.pickup_code)}</span><span class="what">${promise(card)}</span><${Chip} card=${card} />
  </button></li>`;
}
