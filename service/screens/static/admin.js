// Sends a file with its progress to be seen; without this the browser sends the same form, and shows less.
for (const form of document.querySelectorAll("form[data-progress]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const bar = form.querySelector("progress");
    const button = form.querySelector("button");
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (sent) => {
      if (sent.lengthComputable) bar.value = Math.round((100 * sent.loaded) / sent.total);
    });
    request.addEventListener("load", () => {
      if (request.status < 400 && request.responseURL) location.assign(request.responseURL);
      else form.submit();
    });
    request.addEventListener("error", () => {
      button.disabled = false;
      bar.closest("p").hidden = true;
    });
    button.disabled = true;
    bar.closest("p").hidden = false;
    request.send(new FormData(form));
  });
}
