// What a scanner reads once more though nobody meant it: one trigger, the same label twice.

export const TWICE = 350; // milliseconds of the scanner's own time; who reads two of a kind one after the other needs longer
export const DONE = 1500; // what was read of a shelf or a return is done: it lies before the scanner still

let last = { text: null, at: -Infinity, lasts: 0 };

// Whether it is the echo of what was read just before; as long as it goes on, it is. What a camera sees has no moment and
// no echo: it tells by itself what has come into view anew.
export function isEcho(text, at) {
  const echoes = text === last.text && at - last.at < last.lasts;
  last = { text, at, lasts: echoes ? last.lasts : 0 };
  return echoes;
}

// For how long what was read just now echoes.
export const echoes = (lasts) => void (last.lasts = lasts);
