// Tones made by the browser: each has its twin on the screen, and all of them can be silenced.

import { signal } from "./dom.js";
import { keep, read } from "./keeping.js";

export const muted = signal(false);
export const silent = signal(false); // the browser is, until somebody has touched the page
export const played = []; // the latest, for whoever wants to know what was heard

const TONES = {
  order: [[660, 0, 0.16], [880, 0.18, 0.22]],
  arrival: [[784, 0, 0.18], [1047, 0.2, 0.18], [1319, 0.4, 0.4]],
  ok: [[1047, 0, 0.09]],
  done: [[784, 0, 0.08], [1175, 0.1, 0.16]],
  wrong: [[196, 0, 0.22], [147, 0.24, 0.34]],
  away: [[220, 0, 0.4]],
};
const LOUD = { wrong: 0.9, arrival: 0.8, order: 0.5, ok: 0.4, done: 0.5, away: 0.4 };

let context = null;

export async function start() {
  muted.value = (await read("muted")) ?? false;
}

// Let it be heard; where the browser wants a touch first, or takes the sound away (a call, a locked screen), the next one does.
export async function unlock() {
  context ??= listened(new AudioContext());
  const soon = new Promise((resolve) => setTimeout(resolve, 500));
  await Promise.race([context.resume().catch(() => {}), soon]); // untouched, it waits for ever
  silent.value = context.state !== "running";
}

function listened(made) {
  const wake = () => made.state !== "running" && void unlock();
  made.onstatechange = () => (silent.value = made.state !== "running");
  for (const kind of ["pointerup", "keydown"]) window.addEventListener(kind, wake, { capture: true, passive: true });
  document.addEventListener("visibilitychange", wake);
  return made;
}

export function mute(silent) {
  muted.value = silent;
  void keep("muted", silent);
}

export function play(name) {
  played.push({ name, at: Date.now() });
  if (played.length > 50) played.shift();
  if (muted.value || context?.state !== "running") return;
  for (const [frequency, after, length] of TONES[name]) {
    const from = context.currentTime + after;
    const tone = new OscillatorNode(context, { type: name === "wrong" ? "square" : "sine", frequency });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(LOUD[name] * (name === "wrong" ? 0.4 : 1), from + 0.01);
    volume.gain.exponentialRampToValueAtTime(0.001, from + length);
    tone.connect(volume).connect(context.destination);
    tone.start(from);
    tone.stop(from + length + 0.02);
  }
}
