// Two touches at the same point: what has slid under the finger meanwhile is not what the second of them meant.

const DOUBLE = 500; // milliseconds of the touches themselves, however late the tablet hears of them
const NEAR = 40; // pixels, as far apart as one finger's two touches fall

let last = { at: -Infinity, x: 0, y: 0, button: null };

// The same button may be touched again and again. A key and a screen reader press where no finger is: they are not meant.
function touched(event) {
  if (!event.isTrusted || !event.detail) return;
  const button = event.target.closest("button");
  const near = Math.hypot(event.clientX - last.x, event.clientY - last.y) < NEAR;
  if (button && button !== last.button && near && event.timeStamp - last.at < DOUBLE) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  last = { at: event.timeStamp, x: event.clientX, y: event.clientY, button };
}

export const start = () => window.addEventListener("click", touched, { capture: true });
