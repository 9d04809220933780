// The server's clock: what time it is is read from its answers, for the clocks of tablets drift.

import { signal } from "./dom.js";
import { keep, read } from "./keeping.js";

export const away = signal(0); // milliseconds by which the server's clock is ahead of ours
export const tick = signal(0); // changes every few seconds: who tells how long something takes reads it
export const second = signal(0); // the same every second, for who can't wait

const JUMP = 5000; // milliseconds: no clock drifts by so much while a page is open

let narrowest = Infinity;
let readAt = 0;
let kept = 0;
let compared = null; // how our clock stood to the one that nobody can set, when it was last compared with the server's

const standing = () => Date.now() - performance.now();

// Whether the server told this page what time it is, and our clock was not set since, nor asleep.
export const isSure = () => compared !== null && Math.abs(standing() - compared) < JUMP;

// Learn from an answer: its Date is a whole second, somewhere within the time the answer took.
export function learn(date, sentAt, heardAt) {
  const told = Date.parse(date ?? "");
  const doubt = heardAt - sentAt;
  if (Number.isNaN(told)) return;
  compared = standing();
  const jumped = Math.abs(told + 500 - heardAt - away.value) > JUMP;
  if (doubt > narrowest && !jumped && heardAt - readAt < 600_000) return;
  narrowest = doubt;
  readAt = heardAt;
  away.value = told + 500 - (sentAt + heardAt) / 2;
  if (Math.abs(away.value - kept) > 1000) void keep("away", (kept = away.value));
}

export function now() {
  return Date.now() + away.value;
}

// A moment that the server takes for one of the past.
export function moment(at = Date.now()) {
  return new Date(at + away.value - 1000).toISOString();
}

// When something was done: what was dated by a clock that may have been wrong (`clock`), as we know better now.
export const momentOf = ({ clock, at }) => (clock ? moment(clock) : at);

export async function start() {
  away.value = kept = (await read("away")) ?? 0;
  tick.value = now();
  setInterval(() => (tick.value = now()), 5000);
  setInterval(() => (second.value = now()), 1000);
}
