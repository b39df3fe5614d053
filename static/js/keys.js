// Keyboard: / search, n new task, g t tasks, g e executions, g s status, ? this list.
"use strict";
(() => {
  const places = { t: "/ui/tasks", e: "/ui/executions", s: "/ui/status" };
  let leader = 0;
  const search = () => document.querySelector("main input[type=search]") || document.getElementById("find");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (event.key === "g") { leader = Date.now(); return; }
    const after = Date.now() - leader < 1200;
    leader = 0;
    if (after && places[event.key]) { window.location.assign(places[event.key]); return; }
    if (event.key === "/") { event.preventDefault(); search()?.focus(); search()?.select(); }
    else if (event.key === "n") window.location.assign("/ui/tasks/create");
    else if (event.key === "?") document.getElementById("keys")?.showModal();
  });
  if (window.location.hash === "#q") search()?.focus();
})();
