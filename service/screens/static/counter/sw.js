// The service worker keeps the shell of one version, so that the counter opens without a network. An answer of the API is
// never kept: what was true yesterday would be shown as true today.

const CACHE = `comptoir-${VERSION}`;

self.addEventListener("install", (event) => {
  const requests = KEPT.map((path) => new Request(path, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("comptoir-") && name !== CACHE);
  event.waitUntil(
    caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  if (event.request.mode === "navigate") {
    if (pathname === "/counter" || pathname === "/counter/picking") event.respondWith(shell(event.request, pathname));
  } else if (pathname.startsWith("/counter/static/")) {
    // of the shell, or put beside it
    event.respondWith(caches.match(pathname).then((found) => found ?? fetch(event.request)));
  }
});

// The newest shell where there is a network, and the one we have where there is none, or it takes too long.
async function shell(request, pathname) {
  try {
    const late = new Promise((_, reject) => setTimeout(reject, 3000));
    const answer = await Promise.race([fetch(request), late]);
    if (answer.ok) return answer;
  } catch {
    // the network is away: what follows is what we are for
  }
  return (await caches.match(pathname)) ?? Response.error();
}
