// What customers wrote back about the orders that are open: read at first, and whenever the store hears of one more.

import { signal } from "./dom.js";
import { get, Refused, Unreachable } from "./api.js";
import { keep, read } from "./keeping.js";
import { device } from "./session.js";

export const replies = signal(new Map()); // id of the order → what was written back, the newest first

const SOON = 300; // milliseconds: several at once are read once

let reading = null;

export async function start() {
  take((await read("replies")) ?? []);
}

export function refresh() {
  clearTimeout(reading);
  reading = setTimeout(() => void readAgain(), SOON);
}

async function readAgain() {
  try {
    const { items } = await get(`/v1/stores/${encodeURIComponent(device.value.store)}/replies`);
    take(items);
    await keep("replies", items);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
  }
}

function take(items) {
  const found = new Map();
  for (const reply of items) found.set(reply.reservation, [...(found.get(reply.reservation) ?? []), reply]);
  replies.value = found;
}
