// The camera as a scanner, where there is none: the browser's own decoder, else one that is fetched when it is needed.

import { html, Sign, signal, useEffect, useRef } from "./dom.js";
import { FILES, say } from "./words.js";

export const looking = signal(false);

const FORMATS = ["qr_code", "ean_13", "ean_8", "upc_a", "code_128", "code_39", "data_matrix"];
const EVERY = 150; // milliseconds between two looks

async function decoder() {
  if ("BarcodeDetector" in window) {
    const can = await BarcodeDetector.getSupportedFormats();
    const native = new BarcodeDetector({ formats: FORMATS.filter((format) => can.includes(format)) });
    if (can.includes("qr_code")) return async (video) => (await native.detect(video))[0]?.rawValue;
  }
  const { prepareZXingModule, readBarcodes } = await import(`${FILES}zxing/reader.mjs`);
  prepareZXingModule({ overrides: { locateFile: (name) => `${FILES}zxing/${name}` } });
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

// Look until something was read, or nobody looks any more.
async function look(video, stopped) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  video.srcObject = stream;
  await video.play();
  try {
    const read = await decoder();
    while (!stopped()) {
      const text = await read(video);
      if (text) return text;
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
    return null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

export function Camera({ scanned, failed }) {
  const video = useRef();
  const dialog = useRef();
  useEffect(() => {
    let over = false;
    dialog.current.showModal();
    look(video.current, () => over).then(
      (text) => {
        if (over) return;
        looking.value = false;
        if (text) scanned(text);
      },
      () => {
        looking.value = false;
        if (!over) failed();
      },
    );
    return () => (over = true);
  }, []);
  const shut = () => (looking.value = false);
  return html`<dialog ref=${dialog} class="camera" aria-label=${say("camera")} onClose=${shut}>
    <video ref=${video} playsinline muted aria-label=${say("camera_hint")}></video>
    <p>${say("camera_hint")}</p><button class="button big" onClick=${shut}><${Sign} name="close" />${say("close")}</button>
  </dialog>`;
}
