// Keyboard: / search, n new task, g and a letter a place (#keys lists them), ? that list.
"use strict";
(() => {
  const list = document.getElementById("keys");
  const places = Object.fromEntries([...(list?.querySelectorAll("[data-leader]") || [])].map((key) => [key.dataset.leader, key.dataset.url]));
  let leader = 0;
  const search = () => document.querySelector("main input[type=search]");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    // [open]: what had the focus in a dialog that was just closed has it until the page is drawn again.
    if (event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
    if (event.key === "g") { leader = event.timeStamp; return; }
    const after = leader && event.timeStamp - leader < 2000;  // when they were pressed: a busy page hears of it late
    leader = 0;
    if (after && places[event.key]) { window.location.assign(places[event.key]); return; }
    if (event.key === "/") {
      event.preventDefault();
      if (search()) { search().focus(); search().select(); } else document.body.dispatchEvent(new CustomEvent("rota:open-palette"));
    } else if (event.key === "n") window.location.assign("/ui/tasks/create");
    else if (event.key === "?") list?.showModal();
  });
  if (window.location.hash === "#q") search()?.focus();
})();
