// The keyboard, on which scanners type too: bursts anywhere on the page, single keys that can be switched off.

import { signal } from "./dom.js";

export const shortcuts = signal(true);
export const shortest = signal(4); // symbols of a burst

const FASTEST_HAND = 40; // milliseconds between two keys; a scanner needs a few
const LONGEST_GAP = 400; // within a burst, on a tablet that is busy for a moment
const PAUSE = 60; // after which what was typed is shown
const ALONE = 160; // after which a single key was meant for itself

let burst = [];
let field = null; // what the field held before the burst began, to be put back
let waiting = null;

export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select"));
}

// Most of its keys came faster than a hand types; a moment in which the tablet was busy makes no difference.
function isSwift() {
  const gaps = burst.slice(1).map((one, place) => one.at - burst[place].at).sort((a, b) => a - b);
  return gaps.length > 0 && gaps[Math.floor(gaps.length / 2)] < FASTEST_HAND;
}

// How long to wait for the next key: what comes as fast as a scanner's keys may be late on a tablet that is busy.
function patience() {
  if (burst.length === 1 && shortcuts.value) return ALONE;
  return isSwift() ? LONGEST_GAP : PAUSE;
}

function forget() {
  burst = [];
  field = null;
}

// The letter of a key that is pressed together with Alt, also where that writes another sign.
function letter(event) {
  return (/^[a-z]$/i.test(event.key) ? event.key : event.code.replace("Key", "")).toLowerCase();
}

// `scanned(text, fast, at)` for a burst, and for what somebody typed slowly where no field took it: `at` is the moment of
// the last key, however late the tablet heard of it. `pressed(key)` for a single key, `held(letter)` for one with Alt, true
// where it meant something; `typed(text)` for what somebody begins to type while no field has the focus: it gives the field
// that took it.
export function start({ scanned, pressed, held, typed }) {
  const release = () => {
    waiting = null;
    const text = burst.map((one) => one.key).join("");
    if (text.length === 1 && shortcuts.value && pressed(text)) return forget();
    const target = typed(text);
    field = target ? { target, value: target.value.slice(0, -text.length) } : null; // it may still become a burst
  };

  const finish = (event) => {
    clearTimeout(waiting);
    const text = burst.map((one) => one.key).join("");
    const fast = burst.length >= shortest.value && isSwift();
    if (!fast) {
      if (waiting !== null && burst.length) release();
      // Where no field takes it, Enter says that it was meant, however slowly it was typed.
      if (field || isTyping(event.target) || burst.length < shortest.value) return forget();
    }
    waiting = null;
    event.preventDefault();
    event.stopImmediatePropagation();
    restore();
    forget();
    scanned(text, fast, event.timeStamp);
  };

  const down = (event) => {
    if (event.altKey && !event.ctrlKey && !event.metaKey && !event.repeat && shortcuts.value && held(letter(event))) event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const at = event.timeStamp;
    if (burst.length && at - burst.at(-1).at > LONGEST_GAP) {
      if (waiting !== null) {
        clearTimeout(waiting);
        release(); // it was to be shown by now, and a busy tablet has not come to it
      }
      forget();
    }
    if (event.key === "Enter" || event.key === "Tab") return finish(event);
    if (event.key.length !== 1) return;
    const inField = isTyping(event.target);
    if (!inField && event.key === " " && !burst.length) return; // it presses buttons
    if (!burst.length && inField) field = { target: event.target, value: event.target.value };
    burst.push({ key: event.key, at });
    if (inField) return;
    event.preventDefault();
    clearTimeout(waiting);
    waiting = setTimeout(release, patience());
  };

  // What a scanner typed into a field is taken out again.
  const restore = () => {
    if (!field || !("value" in field.target)) return;
    field.target.value = field.value;
    field.target.dispatchEvent(new Event("input", { bubbles: true }));
  };

  window.addEventListener("keydown", down, { capture: true });
}
