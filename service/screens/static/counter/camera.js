// The camera as a scanner, where there is none: the browser's own decoder, else one that is fetched when it is needed.

import { html, Sign, signal, useEffect, useRef } from "./dom.js";
import { FILES, say } from "./words.js";

export const looking = signal(false);

const FORMATS = ["qr_code", "ean_13", "ean_8", "upc_a", "code_128", "code_39", "data_matrix"];
const EVERY = 150; // milliseconds between two looks
const GONE = 10; // looks in a row that did not see a code, a second and a half at least: it has left the view
const LATER = 30_000; // milliseconds after which nobody waits for what the screens need more

async function native() {
  if (!("BarcodeDetector" in window)) return null;
  const can = await BarcodeDetector.getSupportedFormats();
  return can.includes("qr_code") ? new BarcodeDetector({ formats: FORMATS.filter((format) => can.includes(format)) }) : null;
}

let fetched = null;

// The decoder, in memory and beside the shell: it reads without a network too, and after the service has become a newer one.
function fetchDecoder() {
  fetched ??= keepAndStart();
  fetched.catch(() => (fetched = null));
  return fetched;
}

async function keepAndStart() {
  const beside = await caches.open(`comptoir-${FILES.split("/").at(-2)}`).catch(() => null); // a private window has none
  for (const name of ["reader.mjs", "share.mjs", "zxing_reader.wasm"]) {
    if (!(await beside?.match(`${FILES}zxing/${name}`))) await beside?.add(`${FILES}zxing/${name}`);
  }
  const { prepareZXingModule, readBarcodes } = await import(`${FILES}zxing/reader.mjs`);
  await prepareZXingModule({ overrides: { locateFile: (name) => `${FILES}zxing/${name}` }, fireImmediately: true });
  return readBarcodes;
}

// Fetch it once there is time, where there is a camera and the browser can't decode by itself.
export function prepare() {
  setTimeout(async () => {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    if (devices.some((one) => one.kind === "videoinput") && !(await native())) fetchDecoder().catch(() => {});
  }, LATER);
}

async function decoder() {
  const own = await native();
  if (own) return async (video) => (await own.detect(video))[0]?.rawValue;
  const readBarcodes = await fetchDecoder();
  const canvas = new OffscreenCanvas(1, 1);
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    if (!canvas.width) return undefined;
    drawing.drawImage(video, 0, 0);
    const found = await readBarcodes(drawing.getImageData(0, 0, canvas.width, canvas.height), { tryHarder: true, maxNumberOfSymbols: 1 });
    return found[0]?.text;
  };
}

// Whether a code has come into view: as long as it stays there it counts once, however often it is read. Looks are counted
// and no time: while the phone is busy nobody looks.
function watch() {
  const seen = new Map();
  let looks = 0;
  return (text) => {
    looks += 1;
    if (!text) return false;
    const isNew = looks - (seen.get(text) ?? -Infinity) > GONE;
    seen.set(text, looks);
    return isNew;
  };
}

// Look, and tell each code that comes into view, until nobody looks any more.
async function look(video, stopped, heard) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  try {
    video.srcObject = stream;
    await video.play();
    const read = await decoder();
    const comes = watch();
    while (!stopped()) {
      const text = await read(video);
      if (comes(text) && !stopped()) heard(text);
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

const shut = () => (looking.value = false);

function useCamera(heard, failed) {
  const video = useRef();
  useEffect(() => {
    let over = false;
    look(video.current, () => over, heard).catch(() => {
      if (over) return;
      shut();
      failed();
    });
    return () => (over = true);
  }, []);
  return video;
}

// One code, in a window of its own.
export function Camera({ scanned, failed }) {
  const dialog = useRef();
  const video = useCamera((text) => [shut(), scanned(text)], failed);
  useEffect(() => dialog.current.showModal(), []);
  return html`<dialog ref=${dialog} class="camera" aria-label=${say("camera")} onClose=${shut}>
    <video ref=${video} playsinline muted aria-label=${say("camera_hint")}></video>
    <p>${say("camera_hint")}</p><button class="button big" onClick=${shut}><${Sign} name="close" />${say("close")}</button>
  </dialog>`;
}

// Code after code, beside what is done with them; not while something else is asked.
export function Finder({ scanned, failed }) {
  const video = useCamera((text) => document.querySelector("dialog[open]") || scanned(text), failed);
  return html`<div class="finder"><video ref=${video} playsinline muted aria-label=${say("camera_hint")}></video>
    <button class="round" aria-label=${say("camera_off")} onClick=${shut}><${Sign} name="close" /></button></div>`;
}

export function CameraButton() {
  return html`<button type="button" class="button quiet look" aria-label=${say("camera")} onClick=${() => (looking.value = true)}><${Sign} name="camera" /></button>`;
}
