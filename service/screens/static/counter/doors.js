// Before the work: pairing the device with its store, saying who works here, opening the counter.

import { html, Sign, signal, useEffect, useRef, useState } from "./dom.js";
import { Refused, Unreachable } from "./api.js";
import { clerkSwitch, help } from "./header.js";
import { Dialog } from "./picking.js";
import { choose, clerks, device, enter, otherLanguage, pair } from "./session.js";
import { unlock } from "./sounds.js";
import { language, say } from "./words.js";

export const opened = signal(false);
export const dims = signal(false); // the screen may go dark: the browser would not keep it awake

let lock = null;

async function stayAwake() {
  if (!navigator.wakeLock || document.hidden || (lock && !lock.released)) return;
  try {
    lock = await navigator.wakeLock.request("screen");
    dims.value = false;
  } catch {
    dims.value = true;
  }
}

// One tap for all that a browser wants to be asked for by a hand: sound, the whole screen, staying awake.
export async function openCounter({ whole = true } = {}) {
  opened.value = true;
  await unlock();
  if (whole && window.top === window && matchMedia("(min-width: 40rem)").matches) await document.documentElement.requestFullscreen?.().catch(() => {});
  await stayAwake();
  document.addEventListener("visibilitychange", () => void stayAwake());
}

function Language() {
  return html`<button class="button quiet" lang=${otherLanguage()} onClick=${() => choose(otherLanguage())}>${language.value === "fr" ? "English" : "Français"}</button>`;
}

export function Opening() {
  return html`<main class="door" id="main"><div class="card">
    <h1>${device.value.store_name}</h1><p>${say("open_hint")}</p>
    <button class="button big" autofocus data-testid="open" onClick=${() => openCounter()}><${Sign} name="bell" />${say("open_counter")}</button>
    <${Language} /></div></main>`;
}

export function Pairing() {
  const [code, setCode] = useState(() => new URLSearchParams(location.hash.slice(1)).get("pair") ?? "");
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    try {
      await pair(code.trim());
      history.replaceState(null, "", location.pathname);
      location.reload();
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      setFault(error instanceof Unreachable ? say("needs_network") : say(error.status === 429 ? "pair_later" : "pair_wrong"));
    } finally {
      setBusy(false);
    }
  };
  return html`<main class="door" id="main"><form class="card" onSubmit=${submit}>
    <h1>${say("pair_title")}</h1><p>${say("pair_hint")}</p>
    <label class="field">${say("pair_code")}<input class="code" name="code" required autocomplete="one-time-code" autocapitalize="characters" spellcheck=${false} maxlength="40" value=${code}
      aria-invalid=${fault ? "true" : undefined} aria-describedby="pair-fault" onInput=${(event) => setCode(event.target.value)} /></label>
    <p class="fault" id="pair-fault" role="alert">${fault}</p>
    <button class="button big" disabled=${busy}>${say("pair_do")}</button><${Language} /></form></main>`;
}

// Who works at the counter: chosen by name, proved by PIN; the history says who did what.
export function Clerk() {
  const [known, setKnown] = useState(null);
  const [who, setWho] = useState(null);
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const field = useRef();
  useEffect(() => void clerks().then(setKnown, () => setKnown(undefined)), []);
  const submit = async (event) => {
    event.preventDefault();
    const pin = field.current.value;
    field.current.value = ""; // it is in no field for longer than it is typed; pressed twice, it is one attempt
    if (busy || !pin) return;
    setBusy(true);
    setFault("");
    try {
      await enter(who.id, pin);
      clerkSwitch.value = false;
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      setFault(error instanceof Unreachable ? say("needs_network") : say(error.status === 429 || error.status === 423 ? "pin_later" : "pin_wrong"));
    } finally {
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${say("choose_clerk")} shut=${() => (clerkSwitch.value = false)}>
    ${!who ? html`<ul class="choices">${(known ?? []).map((one) => html`<li key=${one.id}><button class="button big quiet" onClick=${() => setWho(one)}><${Sign} name="person" />${one.name}</button></li>`)}</ul>${known === undefined ? html`<p class="empty" role="status">${say("needs_network")}</p>` : known?.length === 0 && html`<p class="empty">${say("no_clerks")}</p>`}`
      : html`<form onSubmit=${submit}><label class="field">${say("pin_of", { name: who.name })}<input type="password" inputmode="numeric" name="pin" ref=${field} required minlength="4" maxlength="6" autocomplete="off" aria-invalid=${fault ? "true" : undefined} aria-describedby="pin-fault" /></label>
        <p class="fault" id="pin-fault" role="alert">${fault}</p><p class="buttons"><button class="button big" disabled=${busy}>${say("enter")}</button><button type="button" class="button quiet" onClick=${() => setWho(null)}>${say("back")}</button></p></form>`}
  <//>`;
}

const KEYS = [["/", "key_search"], ["Alt + R", "key_hand_over"], ["Alt + P", "key_print"], ["↑ ↓", "key_move"], ["Enter", "key_open"], ["Esc", "key_back"], ["?", "key_help"]];

export function Help() {
  return html`<${Dialog} title=${say("help")} shut=${() => (help.value = false)}>
    <p>${say("help_scan")}</p><dl class="keys">${KEYS.map(([key, meaning]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${say(meaning)}</dd></div>`)}</dl><p class="hint">${say("help_switch")}</p>
  <//>`;
}
