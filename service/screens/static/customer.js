// Keeps the customer's page as the order is: asks now and then whether anything has changed, and only then reads it.
// Everything works without this; it runs on old phones too, so it is written as they understand it.
(function () {
  "use strict";

  var EVERY = 5000, LONGEST = 60000; // milliseconds between two questions; while nobody answers, longer and longer
  var pause = EVERY, tag = null, timer = null, lock = null;
  var status = document.createElement("p");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  document.body.appendChild(status);

  function ask() {
    var request = new XMLHttpRequest();
    request.open("GET", document.getElementById("main").getAttribute("data-here"));
    request.responseType = "document";
    request.timeout = 10000;
    request.setRequestHeader("Accept", "text/html");
    if (tag) request.setRequestHeader("If-None-Match", tag);
    request.onload = function () {
      pause = request.status < 400 ? EVERY : Math.min(pause * 2, LONGEST);
      if (request.status === 200) {
        var first = tag === null;
        tag = request.getResponseHeader("ETag");
        if (request.response && differs(request.response)) show(request.response, first);
      }
      later();
    };
    request.onerror = request.ontimeout = function () {
      pause = Math.min(pause * 2, LONGEST);
      later();
    };
    request.send();
  }

  function later() {
    clearTimeout(timer);
    timer = document.hidden ? null : setTimeout(ask, pause);
  }

  function heading(page) {
    return page.getElementById("state");
  }

  function differs(page) {
    var fresh = page.getElementById("main");
    return fresh && !busy() && fresh.textContent !== document.getElementById("main").textContent;
  }

  // What somebody is typing or choosing is never taken away from them.
  function busy() {
    return [].some.call(document.querySelectorAll("input, textarea"), function (field) {
      return field === document.activeElement || field.value !== field.defaultValue || field.checked !== field.defaultChecked;
    });
  }

  // What had the focus has it again; where that is gone, whoever reads goes on from the beginning of what is new.
  function focusOn(main, name) {
    var same = [].filter.call(main.querySelectorAll("a, button, summary"), function (one) { return named(one) === name; });
    (same[0] || main).focus({ preventScroll: true });
  }

  function named(element) {
    return [element.tagName, element.id, element.getAttribute("href"), element.tagName === "MAIN" || element.textContent].join(" ");
  }

  function show(page) {
    var main = document.getElementById("main"), fresh = document.importNode(page.getElementById("main"), true);
    var before = heading(document) && heading(document).textContent, after = heading(page) && heading(page).textContent;
    var open = [].map.call(document.querySelectorAll("details[open][id]"), function (one) { return one.id; });
    var focused = main.contains(document.activeElement) ? named(document.activeElement) : null;
    main.parentNode.replaceChild(fresh, main);
    open.forEach(function (id) {
      if (document.getElementById(id)) document.getElementById(id).open = true;
    });
    if (focused !== null) focusOn(fresh, focused);
    document.title = page.title;
    enhance();
    if (before !== after) {
      status.textContent = after;
      if (location.hash === "#qr") location.hash = "#main";
    } else if (location.hash === "#qr") {
      location.replace("#qr");
    }
  }

  // While the QR is large the screen stays bright, where the phone lets us.
  function hold() {
    if (location.hash === "#qr" && navigator.wakeLock && !document.hidden) {
      navigator.wakeLock.request("screen").then(function (held) { lock = held; }, function () {});
    } else if (lock) {
      lock.release();
      lock = null;
    }
  }

  function enhance() {
    var told = document.getElementById("told");
    if (told) told.hidden = !document.querySelector(".state.held, .state.confirmed, .state.picking, .state.ready");
  }

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && location.hash === "#qr") location.hash = "#main";
  });
  document.addEventListener("visibilitychange", function () {
    hold();
    pause = EVERY;
    if (document.hidden) later();
    else ask();
  });
  window.addEventListener("hashchange", hold);
  enhance();
  hold();
  timer = setTimeout(ask, 1000);
})();
