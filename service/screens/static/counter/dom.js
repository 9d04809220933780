// Elements, written as they look: html`<p>…</p>`. What is put into them is text, never markup.

import { Fragment, h, render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { batch, computed, effect, signal } from "@preact/signals";
import htm from "htm";

export const html = htm.bind(h);
export { batch, computed, effect, Fragment, render, signal, useEffect, useMemo, useRef, useState };

// The signs of the screens: drawn here, so that no font and no file is needed; they say nothing to a screen reader.
const SIGNS = {
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5 12 4.5 4.5",
  camera: "M4 8h3l1.5-2.5h7L17 8h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1Zm8 1.75a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z",
  close: "M5 5l14 14M19 5 5 19",
  check: "M4.5 12.5 9.5 17.5 19.5 6.5",
  bell: "M6 16.5V11a6 6 0 1 1 12 0v5.5l1.5 2h-15l1.5-2Zm4 4.5h4",
  mute: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Zm12 0 4.5 5m0-5-4.5 5",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Zm11.5-.5a4.5 4.5 0 0 1 0 6m2.5-8.5a8 8 0 0 1 0 11",
  box: "M4 8l8-4 8 4v8l-8 4-8-4V8Zm0 0 8 4 8-4m-8 4v8",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 3.5V12l3 2",
  printer: "M7 9V4h10v5M7 17H4V9h16v8h-3m-10-3h10v6H7v-6Z",
  message: "M4 5h16v11H9.5L5.5 19.5V16H4V5Z",
  warning: "M12 4 21.5 20h-19L12 4Zm0 5.5V14m0 2.5v.5",
  back: "M9 6 3.5 11.5 9 17m-5-5.5h10a6 6 0 0 1 6 6V19",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.5 20.5c.5-4 3.5-6 7.5-6s7 2 7.5 6",
  list: "M9 6h11M9 12h11M9 18h11M4 6h.5M4 12h.5M4 18h.5",
  shelf: "M4 4v16M20 4v16M4 10h16M4 17h16M8 6.5h4V10H8V6.5Z",
  live: "M12 10.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3ZM8 16a5.5 5.5 0 0 1 0-8m8 0a5.5 5.5 0 0 1 0 8M5 19a10 10 0 0 1 0-14m14 0a10 10 0 0 1 0 14",
  away: "M4 4l16 16M8.5 15.5a5.5 5.5 0 0 1-.5-7.5m8 0a5.5 5.5 0 0 1 .5 7M5 19A10 10 0 0 1 5 5m14 0a10 10 0 0 1 1 12",
  keyboard: "M3 7h18v10H3V7Zm4 3.5h.5m3 0h.5m3 0h.5m3 0h.5M8 14h8",
};

export function Sign({ name }) {
  return html`<svg class="sign" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${SIGNS[name]} /></svg>`;
}
