// The output: follow its end while it runs, wrap or not, step through what was found.
"use strict";
(() => {
  const card = () => document.getElementById("ex-log");
  const pane = () => document.getElementById("log-lines");
  let follow = true;
  let wrap = true;
  let moved = false;

  const atEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  const apply = () => {
    const log = pane();
    if (!log) return;
    log.classList.toggle("nowrap", !wrap);
    card().querySelector("[data-wrap]").setAttribute("aria-pressed", String(wrap));
    const live = card().hasAttribute("data-following");
    if (live && follow) { moved = true; log.scrollTop = log.scrollHeight; }
    const again = card().querySelector("[data-follow]");
    if (again) again.hidden = !live || follow;
    log.addEventListener("scroll", () => {
      if (moved) { moved = false; return; }
      follow = atEnd(log);
      if (again) again.hidden = !card().hasAttribute("data-following") || follow;
    });
  };

  const hits = () => [...(pane()?.querySelectorAll(".r-hit") || [])];
  let current = -1;
  const step = (by) => {
    const all = hits();
    if (!all.length) return;
    all[current]?.classList.remove("here");
    current = (current + by + all.length) % all.length;
    all[current].classList.add("here");
    all[current].scrollIntoView({ block: "center", inline: "nearest" });
    const found = card().querySelector("[data-found]");
    if (found) found.textContent = found.dataset.found.replace("{i}", current + 1).replace("{n}", all.length);
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-wrap]")) { wrap = !wrap; apply(); }
    if (event.target.closest("[data-follow]")) { follow = true; apply(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("#find-log")) return;
    if (event.target.value !== event.target.defaultValue || !hits().length) return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  });
  document.body.addEventListener("htmx:afterSettle", apply);
  document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
    // Somebody is reading or marking further up: leave the lines as they are until they follow again.
    if (event.detail.target.id === "ex-log" && !follow && card()?.hasAttribute("data-following")) event.detail.shouldSwap = false;
  });
  apply();
  if (hits().length) step(1);
})();
