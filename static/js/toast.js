// What an action answered, for ten seconds, longer while it is hovered or focused.
"use strict";
(() => {
  const place = document.getElementById("toasts");
  if (!place) return;
  const icons = document.querySelector(".i use")?.getAttribute("href").split("#")[0];

  const arm = (toast) => {
    const close = document.createElement("button");
    close.type = "button";
    close.setAttribute("aria-label", place.dataset.close);
    close.innerHTML = `<svg class="i i-sm" aria-hidden="true"><use href="${icons}#x"/></svg>`;
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    const tick = () => {
      if (!toast.isConnected) return;
      if (toast.matches(":hover, :focus-within")) window.setTimeout(tick, 2000);
      else toast.remove();
    };
    window.setTimeout(tick, 10000);
  };

  // What was done is taken back by one more request, with the fields that the server named.
  const offerUndo = (toast, undo) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "r-undo";
    button.textContent = place.dataset.undo;
    button.addEventListener("click", () => {
      toast.remove();
      htmx.ajax("POST", undo.url, { source: document.body, target: "body", swap: "none", values: undo.values });
    });
    toast.append(button);
  };

  const show = (text, link, undo) => {
    const toast = document.createElement("div");
    toast.className = "r-toast";
    const words = document.createElement("span");
    words.textContent = text;
    toast.append(words);
    if (link) {
      const way = document.createElement("a");
      way.href = link;
      way.textContent = place.dataset.open;
      toast.append(way);
    }
    if (undo) offerUndo(toast, undo);
    place.replaceChildren(toast);
    arm(toast);
  };

  const problem = (xhr) => {
    try {
      const told = JSON.parse(xhr.responseText);
      return told.detail || told.title || place.dataset.failed;
    } catch {
      return place.dataset.failed;
    }
  };

  place.querySelectorAll(".r-toast").forEach(arm);
  document.body.addEventListener("rota:toast", (event) => show(event.detail.text, event.detail.link, event.detail.undo));
  const byPerson = (event) => event.detail.requestConfig?.triggeringEvent?.type !== "rota:refresh";
  document.body.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if (byPerson(event) && !xhr.getResponseHeader("HX-Trigger")) show(problem(xhr));
  });
  document.body.addEventListener("htmx:sendError", (event) => { if (byPerson(event)) show(place.dataset.offline); });
})();
