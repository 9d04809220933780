// Préparation, on a phone held upright: walk the shelves once for all orders, scan to tick, put each order on its shelf.

import { html, Sign, useEffect, useState } from "./dom.js";
import { asking, bags, becomes, correct, ended, fetched, found, lacking, last, lines, orders, place, placeAt, placing, refresh, scanned, set, shelf, stops, touched, unread } from "./basket.js";
import { CameraButton, Finder, looking } from "./camera.js";
import { called, lateness, shown, told } from "./cards.js";
import { tell } from "./deeds.js";
import { Conflicts } from "./lanes.js";
import { Elsewhere, Stepper, Why } from "./sheets.js";
import { connection } from "./stream.js";
import { say, time } from "./words.js";

function Order({ line }) {
  const card = shown.value.get(line.reservation);
  const late = card && lateness(card) > 60_000;
  return html`<li class=${`for ${ended(line) ? "done" : ""}`}><span class="whose">${card ? called(card) : line.order_ref}</span>
    ${lacking(line) > 0 && html`<span class="lacking">${say("missing", { count: lacking(line) })}</span>`}${line.quantity > 1 ? html`<span class="number">${found(line)}/${line.quantity}</span>` : found(line) > 0 && html`<${Sign} name="check" />`}${line.ready_by && html`<span class=${`number ${late ? "overdue" : ""}`}>${time(line.ready_by)}</span>`}</li>`;
}

function Stop({ stop }) {
  const left = stop.lines.filter((line) => !ended(line));
  const all = stop.lines.reduce((sum, line) => sum + line.quantity, 0);
  const have = stop.lines.reduce((sum, line) => sum + found(line), 0);
  fetched.value;
  const state = left.length ? "" : have < all ? "done short" : "done";
  return html`<li class=${`stop ${state}`} data-testid="stop" data-sku=${stop.sku}>
    <span class="quantity number" role="img" aria-label=${say("found_units", { found: have, of: all })}>${left.length ? all - have : html`<${Sign} name=${have < all ? "warning" : "check"} />`}</span>
    <div class="item"><strong>${stop.name}</strong><span class="sku">${stop.gtin ?? stop.sku}</span><ul>${stop.lines.map((line) => html`<${Order} key=${line.reservation} line=${line} />`)}</ul></div>
    <div class="ways">${left.length > 0 && html`<button class="button" data-testid="tick" aria-label=${say("tick_one", { name: stop.name })} onClick=${() => set(left[0], found(left[0]) + 1)}><${Sign} name="check" /></button>
      <button class="button quiet" data-testid="lacks" aria-label=${say("lacks", { name: stop.name })} onClick=${() => (asking.value = left[0])}>${say("lacks_short")}</button>`}
      ${stop.lines.some(touched) && html`<button class="button quiet" data-testid="correct" aria-label=${say("correct_one", { name: stop.name })} onClick=${() => correct(stop.lines)}>${say("correct")}</button>`}</div>
  </li>`;
}

function Lacking() {
  const line = asking.value;
  const [units, setUnits] = useState(found(line));
  const [reason, setReason] = useState("not_found");
  const done = (event) => {
    event.preventDefault();
    set(line, units, units < line.quantity ? reason : undefined);
    asking.value = null;
  };
  return html`<${Dialog} title=${say("lacks", { name: line.name })} shut=${() => (asking.value = null)}><form onSubmit=${done}>
    <div class="row"><span>${say("found_how_many")}</span><${Stepper} value=${units} most=${line.quantity} label=${say("found_how_many")} change=${setUnits} /></div>
    ${units < line.quantity && html`<${Why} sku=${line.sku} reason=${reason} change=${setReason} /><${Elsewhere} sku=${line.sku} quantity=${line.quantity - units} />`}
    <p class="buttons"><button class="button big" data-testid="sheet-done">${say("that_is_it")}</button></p>
  </form><//>`;
}

export function Dialog({ title, shut, children }) {
  const [element, setElement] = useState(null);
  useEffect(() => element?.showModal(), [element]);
  return html`<dialog ref=${setElement} aria-labelledby="dialog-title" onClose=${shut}>
    <header><h2 id="dialog-title" tabindex="-1" autofocus>${title}</h2><button class="round" aria-label=${say("close")} onClick=${shut}><${Sign} name="close" /></button></header>${children}
  </dialog>`;
}

function Placing() {
  const order = orders.value.find((one) => one.id === placing.value);
  useEffect(() => void ([bags.value, shelf.value] = [1, ""]), []);
  if (!order) return null;
  const what = becomes(order);
  const cancels = what === "short_cancels";
  const done = (event) => {
    event.preventDefault();
    void (cancels ? place("") : placeAt(shelf.value.trim()));
  };
  const name = order.card ? called(order.card) : order.lines[0].order_ref;
  return html`<section class="placing" aria-labelledby="placing" data-testid="placing"><h2 id="placing">${cancels ? name : say("place_it", { name })}</h2>
    <p>${say(cancels ? "place_cancels" : "place_hint")}</p><form onSubmit=${done}>
      ${!cancels && html`<div class="scannable"><label class="field">${say("shelf")}<input name="shelf" maxlength="32" autocomplete="off" value=${shelf.value} onInput=${(event) => (shelf.value = event.target.value)} /></label>${!looking.value && html`<${CameraButton} />`}</div>
      <div class="row"><span>${say("bags_how_many")}</span><${Stepper} value=${bags.value} least=${1} most=${99} label=${say("bags_how_many")} change=${(count) => (bags.value = count)} /></div>`}
      <p class="buttons"><button class=${`button big ${cancels ? "danger" : ""}`} data-testid="place">${say(what)}</button><button type="button" class="button quiet" onClick=${() => (placing.value = null)}>${say("later")}</button></p></form></section>`;
}

export function Picking() {
  useEffect(() => void refresh(), []);
  useEffect(() => {
    const again = setTimeout(() => void refresh(), 400);
    return () => clearTimeout(again);
  }, [told.value, connection.value.live]);
  const empty = unread.value ? say("list_unknown") : lines.value === null ? "…" : say("nothing_to_prepare");
  const left = stops.value.flatMap((stop) => stop.skus).flatMap((stop) => stop.lines).reduce((sum, line) => sum + (ended(line) ? 0 : line.quantity - found(line)), 0);
  const complete = orders.value.filter((order) => order.done && order.id !== placing.value);
  return html`<main class="picking" id="main">
    <div class="title"><h1>${say("room_picking")} <small role="status">${lines.value && `${say("to_fetch", { count: left })} · ${say("orders", { count: orders.value.length })}`}</small></h1>${!looking.value && html`<${CameraButton} />`}</div>
    <${Conflicts} />
    <div class=${looking.value ? "looking" : ""}>${looking.value && html`<${Finder} scanned=${scanned} failed=${() => tell("bad", say("no_camera"))} />`}
    <div aria-live="assertive">${last.value && html`<p class=${`scan ${last.value.good ? "good" : "bad"}`} data-testid="last-scan" key=${last.value.at}><${Sign} name=${last.value.good ? "check" : "warning"} /><span><strong>${last.value.text}</strong>${last.value.more && html`<br />${last.value.more}`}</span></p>`}</div></div>
    <${Placing} key=${placing.value} />
    ${complete.map((order) => html`<p key=${order.id} class="complete"><button class="button big" onClick=${() => (placing.value = order.id)}><${Sign} name="shelf" />${say("to_place", { name: order.card ? called(order.card) : order.lines[0].order_ref })}</button></p>`)}
    ${stops.value.length ? stops.value.map((stop) => html`<section key=${stop.place} class="shelf" aria-label=${stop.place || say("no_place")}><h2>${stop.place || say("no_place")}</h2><ul>${stop.skus.map((one) => html`<${Stop} key=${one.sku} stop=${one} />`)}</ul></section>`) : html`<p class="empty" role="status">${empty}</p>`}
    ${asking.value && html`<${Lacking} />`}
  </main>`;
}
