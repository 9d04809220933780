// The names of shelves that are in use here: on such a one an order is put when it is read, on any other by a touch. What
// was read may be the label of a wrong item.

import { computed, signal } from "./dom.js";
import { shown } from "./cards.js";
import { keep, read } from "./keeping.js";

const KEPT = 200; // names, the latest first

const names = signal([]);
export const latest = computed(() => names.value.slice(0, 6));

export async function start() {
  names.value = (await read("shelves")) ?? [];
}

export function isKnown(name) {
  return names.value.includes(name) || [...shown.value.values()].some((card) => card.shelf === name);
}

export function used(name) {
  names.value = [name, ...names.value.filter((one) => one !== name)].slice(0, KEPT);
  void keep("shelves", names.value);
}
