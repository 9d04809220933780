"use strict";

// Three frames, and the steps between them, each ticked when it has really happened.
{
  const SIZES = { shop: [390, 820], tablet: [1100, 830], phone: [390, 760] };
  const frames = Object.fromEntries(Object.keys(SIZES).map((id) => [id, document.getElementById(id)]));
  const scan = document.getElementById("scan");
  const steps = [...document.querySelectorAll(".steps li")];
  const done = new Set();
  let link = null, token = null, shown = null, wasCollected = false;

  // Each screen keeps the size it has in the hand, and is shown as large as there is room for.
  function fit() {
    for (const [id, [width, height]] of Object.entries(SIZES)) {
      const glass = frames[id].parentElement;
      const scale = glass.clientWidth / width;
      glass.style.setProperty("height", `${Math.round(height * scale)}px`);
      for (const [name, value] of [["width", `${width}px`], ["height", `${height}px`], ["transform", `scale(${scale})`]]) {
        frames[id].style.setProperty(name, value);
      }
    }
  }

  function tick(step) {
    done.add(step);
    const next = steps.find((one) => !done.has(one.dataset.step));
    for (const one of steps) {
      one.classList.toggle("done", done.has(one.dataset.step));
      if (one === next) one.setAttribute("aria-current", "step");
      else one.removeAttribute("aria-current");
    }
    scan.classList.toggle("next", next?.dataset.step === "scan");
  }

  function look() {
    if (frames.tablet.contentDocument?.querySelector("[data-testid^=lane]")) tick("open");
  }

  async function follow() {
    look();
    if (link) {
      try {
        const answer = await fetch(link, { headers: { Accept: "application/json" } });
        const { state } = await answer.json();
        if (state !== shown) frames.phone.contentDocument?.dispatchEvent(new Event("visibilitychange")); // it looks at once
        shown = state;
        scan.disabled = !["confirmed", "picking", "ready"].includes(state);
        if (state === "ready" || state === "collected") tick("ready");
        if (state === "collected") { tick("scan"); tick("hand"); wasCollected = true; }
        if (state === "ready" && wasCollected) tick("undo");
      } catch { /* the next look will tell */ }
    }
    setTimeout(follow, 1000);
  }

  // A scanner is a keyboard that types fast: so does this one, into the counter.
  function type(text) {
    const { contentWindow: counter, contentDocument: page } = frames.tablet;
    for (const key of [...text, "Enter"]) {
      (page.activeElement ?? page.body).dispatchEvent(new counter.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    }
  }

  window.addEventListener("message", (event) => {
    if (event.origin !== location.origin || event.source !== frames.shop.contentWindow || !event.data.ordered) return;
    link = new URL(event.data.ordered, location.href).pathname;
    token = link.split("/").pop();
    wasCollected = false;
    for (const step of ["ready", "scan", "hand", "undo"]) done.delete(step);
    frames.phone.hidden = false;
    frames.phone.previousElementSibling.hidden = true;
    frames.phone.src = `${link}?lang=${document.documentElement.lang}`;
    tick("order");
  });

  scan.addEventListener("click", async () => {
    await type(token);
    if (done.has("ready")) tick("scan");
  });
  new ResizeObserver(fit).observe(document.getElementById("stage"));
  fit();
  tick("");
  void follow();
}
