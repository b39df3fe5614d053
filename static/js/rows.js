// The key-value editor: always one empty row at the end; pasted NAME=value lines fill rows.
"use strict";
(() => {
  const box = document.querySelector("[data-rows]");
  if (!box) return;
  const names = () => [...box.querySelectorAll("input[name=env_name]")];
  const parts = (name) => [name, name.nextElementSibling, name.nextElementSibling.nextElementSibling];

  const add = () => {
    const copies = parts(names().at(-1)).map((part) => part.cloneNode(true));
    copies.forEach((copy) => { if (copy.matches("input")) { copy.value = ""; copy.defaultValue = ""; copy.classList.remove("is-invalid"); } });
    box.append(...copies);
    return copies[0];
  };
  const tidy = () => {
    const last = names().at(-1);
    if (last.value || parts(last)[1].value) add();
    names().forEach((name) => parts(name)[2].setAttribute("aria-label", box.dataset.remove.replace("{name}", name.value || "…")));
  };

  box.addEventListener("input", tidy);
  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove-row]");
    if (!button) return;
    const name = button.previousElementSibling.previousElementSibling;
    if (names().length === 1) parts(name).slice(0, 2).forEach((part) => { part.value = ""; });
    else parts(name).forEach((part) => part.remove());
    box.dispatchEvent(new Event("input", { bubbles: true }));
    names().at(-1).focus();
  });
  box.addEventListener("paste", (event) => {
    const lines = (event.clipboardData?.getData("text") || "").split(/\r?\n/).map((line) => line.replace(/^export\s+/, "").match(/^\s*([A-Za-z_]\w*)=(.*)$/)).filter(Boolean);
    if (!lines.length) return;
    event.preventDefault();
    lines.forEach(([, name, value]) => {
      const empty = names().find((input) => !input.value && !parts(input)[1].value) || add();
      empty.value = name;
      parts(empty)[1].value = value.replace(/^(["'])(.*)\1$/, "$2");
    });
    tidy();
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });
  tidy();
})();
