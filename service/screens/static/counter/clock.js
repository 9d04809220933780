// The server's clock: what time it is is read from its answers, for the clocks of tablets drift.

import { signal } from "./dom.js";

export const away = signal(0); // milliseconds by which the server's clock is ahead of ours
export const tick = signal(0); // changes every few seconds: who tells how long something takes reads it
export const second = signal(0); // the same every second, for who can't wait

let narrowest = Infinity;
let readAt = 0;

// Learn from an answer: its Date is a whole second, somewhere within the time the answer took.
export function learn(date, sentAt, heardAt) {
  const told = Date.parse(date ?? "");
  const doubt = heardAt - sentAt;
  if (Number.isNaN(told)) return;
  const jumped = Math.abs(told + 500 - heardAt - away.value) > 5000;
  if (doubt > narrowest && !jumped && heardAt - readAt < 600_000) return;
  narrowest = doubt;
  readAt = heardAt;
  away.value = told + 500 - (sentAt + heardAt) / 2;
}

export function now() {
  return Date.now() + away.value;
}

// A moment that the server takes for one of the past.
export function moment() {
  return new Date(now() - 1000).toISOString();
}

export function start() {
  tick.value = now();
  setInterval(() => (tick.value = now()), 5000);
  setInterval(() => (second.value = now()), 1000);
}
