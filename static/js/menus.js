// Menus are <details>: one open at a time, closed by Escape and by a click elsewhere, opened upwards near the end.
"use strict";
(() => {
  const menus = "details.r-menu[open], details.r-more[open]";
  const closeAll = (but) => document.querySelectorAll(menus).forEach((menu) => { if (menu !== but) menu.open = false; });
  // On narrow screens tabs scroll sideways: the one that is shown is in view.
  document.querySelector(".r-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  document.addEventListener("click", (event) => {
    const inside = event.target.closest("details.r-menu, details.r-more");
    closeAll(inside);
    if (inside && event.target.closest(".r-menulist button, .r-menulist a")) inside.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector(menus);
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  const place = (menu) => {
    const list = menu.querySelector(".r-menulist");
    const below = window.innerHeight - menu.getBoundingClientRect().bottom;
    menu.classList.toggle("up", below < list.offsetHeight + 70 && menu.getBoundingClientRect().top > list.offsetHeight);
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.r-menu") && event.target.open) place(event.target);
  }, true);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.matches?.(".r-menulist")) place(event.target.closest("details.r-menu"));
  });
})();
