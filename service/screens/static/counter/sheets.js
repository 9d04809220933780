// What has to be said before something is done to an order: where it lies, what is missing, who takes it, why not.

import { html, Sign, useEffect, useRef, useState } from "./dom.js";
import { get, place, post, Refused, Unreachable } from "./api.js";
import { CameraButton } from "./camera.js";
import { claim, outcome, takesAll } from "./cards.js";
import { atOnce, handOver, isAsked, proof, refusesShelf, sheet, shelve, simply } from "./deeds.js";
import { device } from "./session.js";
import { say, when } from "./words.js";
import { now } from "./clock.js";
import { latest } from "./shelves.js";

export const REASONS = ["not_found", "damaged", "sold"];

export function Stepper({ value, least = 0, most, label, change }) {
  return html`<div class="stepper" role="group" aria-label=${label}>
    <button type="button" class="round" aria-label=${say("less")} disabled=${value <= least} onClick=${() => change(value - 1)}>−</button>
    <output class="number">${value}</output>
    <button type="button" class="round" aria-label=${say("more")} disabled=${value >= most} onClick=${() => change(value + 1)}>+</button>
  </div>`;
}

function Frame({ title, children, submit, done, danger, disabled, back = () => (sheet.value = null) }) {
  const heading = useRef();
  useEffect(() => {
    heading.current?.closest("form").scrollIntoView({ block: "nearest" });
    heading.current?.focus({ preventScroll: true });
  }, []);
  return html`<form class="sheet" data-testid="sheet" onSubmit=${(event) => { event.preventDefault(); submit?.(); }}>
    <h3 tabindex="-1" ref=${heading}>${title}</h3>
    ${children}
    <p class="buttons">${submit && html`<button class=${`button big ${danger ? "danger" : ""}`} disabled=${disabled} aria-disabled=${isAsked.value ? "true" : undefined} data-testid="sheet-done">${done}</button>`}
      <button type="button" class="button quiet" onClick=${back}>${say("back")}</button></p>
  </form>`;
}

// How somebody without a code was recognised; each answer hands over.
function Recognise({ card, lines, back }) {
  return html`<${Frame} title=${say("recognise")} back=${back}>
    <ul class="choices">${["id_card", "name_and_order", "phone"].map((how) => html`<li key=${how}><button type="button" class="button big quiet" onClick=${() => handOver(card, { checked_by: how }, lines)}>${say(`checked_${how}`)}</button></li>`)}</ul>
    <p class="hint">${say("recognise_hint")}</p>
  <//>`;
}

function Shelve({ card }) {
  const lines = card.lines.filter((line) => claim(line) > 0);
  const [shelf, setShelf] = useState(card.shelf ?? "");
  const [bags, setBags] = useState(card.bags ?? 1);
  const [short, setShort] = useState({});
  const [asks, setAsks] = useState(false);
  const missing = lines.filter((line) => short[line.sku]?.found < claim(line));
  const becomes = outcome(card, (line) => short[line.sku]?.found ?? claim(line));
  const done = () => {
    const name = shelf.trim();
    if (refusesShelf(name)) return;
    void shelve(card, { shelf: name, bags, lines: missing.map((line) => ({ sku: line.sku, found: short[line.sku].found, reason: short[line.sku].reason })) });
  };
  return html`<${Frame} title=${say("where_is_it")} submit=${done} done=${say(becomes)} danger=${becomes === "short_cancels"}>
    <div class="scannable"><label class="field">${say("shelf")}<input name="shelf" maxlength="32" autocomplete="off" value=${shelf} onInput=${(event) => setShelf(event.target.value)} data-testid="shelf" /></label><${CameraButton} /></div>
    ${latest.value.length > 0 && html`<ul class="suggestions">${latest.value.map((name) => html`<li key=${name}><button type="button" class="button quiet" onClick=${() => setShelf(name)}>${name}</button></li>`)}</ul>`}
    <div class="row"><span id="bags">${say("bags_how_many")}</span><${Stepper} value=${bags} least=${1} most=${99} label=${say("bags_how_many")} change=${setBags} /></div>
    ${asks ? html`<ul class="shorts">${lines.map((line) => html`<${Short} key=${line.sku} line=${line} said=${short[line.sku]} change=${(said) => setShort({ ...short, [line.sku]: said })} />`)}</ul>`
      : html`<button type="button" class="button quiet" data-testid="something-missing" onClick=${() => setAsks(true)}>${say("something_missing")}</button>`}
  <//>`;
}

export function Short({ line, said, change }) {
  const whole = claim(line);
  const found = said?.found ?? whole;
  const reason = said?.reason ?? "not_found";
  return html`<li class="short"><div class="row"><span>${line.name}</span><${Stepper} value=${found} most=${whole} label=${say("found_of", { name: line.name })} change=${(value) => change({ found: value, reason })} /></div>
    ${found < whole && html`<${Why} sku=${line.sku} reason=${reason} change=${(chosen) => change({ found, reason: chosen })} /><${Elsewhere} sku=${line.sku} quantity=${whole - found} />`}
  </li>`;
}

export function Why({ sku, reason, change }) {
  return html`<fieldset class="why"><legend>${say("why_missing")}</legend>${REASONS.map((one) => html`<label key=${one}><input type="radio" name=${`why-${sku}`} checked=${one === reason} onChange=${() => change(one)} /><span>${say(`reason_${one}`)}</span></label>`)}</fieldset>`;
}

// Which other stores have it: something to say to the customer.
export function Elsewhere({ sku, quantity }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    setFound(null);
    const asked = post(`/v1/stores/${encodeURIComponent(device.value.store)}/elsewhere`, { lines: [{ sku, quantity }] });
    asked.then((told) => setFound(told.items), (error) => { if (!(error instanceof Refused || error instanceof Unreachable)) throw error; setFound(undefined); });
  }, [sku, quantity]);
  if (found === null) return null;
  if (!found?.length) return html`<p class="hint" data-testid="elsewhere">${say(found ? "elsewhere_none" : "elsewhere_unknown")}</p>`;
  return html`<p class="hint" data-testid="elsewhere">${say("elsewhere")} ${found.slice(0, 3).map((one) => `${one.name}${one.distance_km === null ? "" : ` (${Math.round(one.distance_km)} km)`}`).join(" · ")}</p>`;
}

function Partial({ card }) {
  const lines = takesAll(card);
  const [taken, setTaken] = useState(() => Object.fromEntries(lines.map((line) => [line.sku, claim(line)])));
  const some = lines.filter((line) => taken[line.sku] < claim(line)).map((line) => ({ sku: line.sku, taken: taken[line.sku] }));
  const none = lines.every((line) => taken[line.sku] === 0);
  const [asks, setAsks] = useState(false);
  const done = () => (proof.value ? void handOver(card, proof.value, some) : setAsks(true));
  if (asks && !proof.value) return html`<${Recognise} card=${card} lines=${some} back=${() => setAsks(false)} />`;
  return html`<${Frame} title=${say("what_is_taken")} submit=${done} done=${say("hand_over_partly")} disabled=${none || !some.length}>
    <ul class="shorts">${lines.map((line) => html`<li key=${line.sku}><div class="row"><span>${line.name}</span><${Stepper} value=${taken[line.sku]} most=${claim(line)} label=${say("taken_of", { name: line.name })} change=${(value) => setTaken({ ...taken, [line.sku]: value })} /></div></li>`)}</ul>
    <p class="hint">${say(none ? "nothing_taken" : "rest_refused")}</p>
  <//>`;
}

function Problem({ card }) {
  const [why, setWhy] = useState("");
  const [text, setText] = useState("");
  const choices = [card.state === "ready" && "unshelve", "cancel", card.state === "ready" && "lapse", "note"].filter(Boolean);
  const done = () => {
    if (why === "unshelve") return void simply("unshelve", card);
    if (why === "lapse") return void atOnce(card, "lapse", {}, say("lapsed"));
    if (why === "cancel") return void atOnce(card, "cancel", text ? { reason: text } : {}, say("cancelled"));
    return void note(card, text);
  };
  return html`<${Frame} title=${say("what_problem")} submit=${done} done=${say(why ? `problem_do_${why}` : "problem_choose")} danger=${why === "cancel"} disabled=${!why || (why === "note" && !text.trim())}>
    <fieldset class="why wide"><legend class="visually-hidden">${say("what_problem")}</legend>${choices.map((one) => html`<label key=${one}><input type="radio" name="problem" checked=${why === one} onChange=${() => setWhy(one)} /><span>${say(`problem_${one}`)}</span></label>`)}</fieldset>
    ${(why === "cancel" || why === "note") && html`<label class="field">${say("say_why")}<textarea rows="2" maxlength="1000" value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>`}
  <//>`;
}

async function note(card, text) {
  const said = [card.note, text.trim()].filter(Boolean).join(" · ").slice(0, 1000);
  await atOnce(card, "", { note: said }, say("noted"), "PATCH");
}

function Message({ card }) {
  const channels = [card.customer.phone && "sms", card.customer.email && "email"].filter(Boolean);
  const [sent, setSent] = useState(null);
  useEffect(() => void get(place(card, "notifications")).then((told) => setSent(told.items), () => setSent([])), [card.id]);
  return html`<${Frame} title=${say("send_again")}>
    ${sent?.[0] && html`<p class="hint">${say("last_message", { kind: say(`message_${sent[0].kind}`), channel: say(`channel_${sent[0].channel}`), state: say(`sent_${sent[0].state}`), when: when(sent[0].updated_at, now()) })}</p>`}
    <ul class="choices">${channels.map((channel) => html`<li key=${channel}><button type="button" class="button big" aria-disabled=${isAsked.value ? "true" : undefined} onClick=${() => atOnce(card, "notifications", { channel }, say("sent_again"))}><${Sign} name="message" />${say(`send_${channel}`)}</button></li>`)}</ul>
  <//>`;
}

function Return({ card }) {
  const lines = card.lines.filter((line) => line.collected > line.returned);
  const [back, setBack] = useState({});
  const [sellable, setSellable] = useState(true);
  const some = lines.filter((line) => back[line.sku] > 0).map((line) => ({ sku: line.sku, quantity: back[line.sku], sellable }));
  return html`<${Frame} title=${say("what_comes_back")} submit=${() => void atOnce(card, "return", { lines: some }, say("came_back"))} done=${say("take_back")} disabled=${!some.length}>
    <ul class="shorts">${lines.map((line) => html`<li key=${line.sku}><div class="row"><span>${line.name}</span><${Stepper} value=${back[line.sku] ?? 0} most=${line.collected - line.returned} label=${say("back_of", { name: line.name })} change=${(value) => setBack({ ...back, [line.sku]: value })} /></div></li>`)}</ul>
    <label class="tick"><input type="checkbox" checked=${sellable} onChange=${(event) => setSellable(event.target.checked)} /><span>${say("sellable")}</span></label>
  <//>`;
}

const SHEETS = { recognise: Recognise, shelve: Shelve, partial: Partial, problem: Problem, message: Message, return: Return };

export function Sheet({ card }) {
  return html`<${SHEETS[sheet.value]} key=${`${card.id} ${sheet.value}`} card=${card} />`;
}
