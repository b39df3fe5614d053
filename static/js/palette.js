// The command palette: tasks, pages and what can be done, found as one types; arrows choose, Enter opens.
"use strict";
(() => {
  const box = document.getElementById("palette");
  const input = document.getElementById("palette-q");
  if (!box?.showModal) return;
  // Between a letter and what it finds nothing is chosen, and Enter waits.
  let asked = false;
  let wanted = false;
  const options = () => [...box.querySelectorAll("[role=option]")];
  const current = () => box.querySelector("[aria-selected=true]");
  const choose = (option) => {
    options().forEach((each) => each.setAttribute("aria-selected", String(each === option)));
    if (option) input.setAttribute("aria-activedescendant", option.id); else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const step = (by) => {
    const all = options();
    if (all.length && !asked) choose(all[(all.indexOf(current()) + by + all.length) % all.length]);
  };
  const open = () => {
    if (box.open || document.querySelector("dialog[open]")) return;
    box.showModal();
    input.value = "";
    input.focus();
    asked = true;
    wanted = false;
    htmx.trigger(input, "rota:palette");
  };
  input.addEventListener("input", () => { asked = true; wanted = false; choose(null); });
  const go = (option) => {
    if (!option) return;
    const form = option.querySelector("form");
    if (form) { box.close(); form.requestSubmit(); } else option.querySelector("a").click();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) { event.preventDefault(); open(); }
    else if (event.target === box) box.close();
    else if (box.contains(event.target) && event.target.closest("[role=option] form")) box.close();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); }
  });
  document.body.addEventListener("rota:open-palette", open);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); step(1); }
    if (event.key === "ArrowUp") { event.preventDefault(); step(-1); }
    if (event.key === "Enter") { event.preventDefault(); if (asked) wanted = true; else go(current()); }
  });
  box.addEventListener("pointermove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option !== current()) choose(option);
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id !== "palette-list") return;
    const fresh = new URLSearchParams(event.detail.pathInfo?.finalRequestPath?.split("?")[1] || "").get("q") ?? "";
    if (fresh.trim() !== input.value.trim()) return;
    asked = false;
    choose(options()[0]);
    if (wanted) go(current());
    wanted = false;
  });
  if (/Mac|iPhone|iPad/.test(navigator.userAgent)) document.querySelectorAll("kbd[data-mac]").forEach((key) => { key.textContent = key.dataset.mac; });
})();
