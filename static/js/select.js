// Ticked rows: the bar that says how many and what can be done with them.
"use strict";
(() => {
  const bar = document.getElementById("bulkbar");
  if (!bar) return;
  const boxes = () => [...document.querySelectorAll("tr input[name=ids]")];
  const update = () => {
    const ticked = boxes().filter((box) => box.checked);
    bar.hidden = ticked.length === 0;
    bar.querySelector("b").textContent = bar.dataset.count.replace("{n}", ticked.length);
    boxes().forEach((box) => box.closest("tr").classList.toggle("sel", box.checked));
    const all = document.querySelector("[data-all]");
    if (!all) return;
    all.checked = ticked.length > 0 && ticked.length === boxes().length;
    all.indeterminate = ticked.length > 0 && !all.checked;
  };
  const clear = () => { boxes().forEach((box) => { box.checked = false; }); update(); };

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-all]")) boxes().forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches("[data-all], input[name=ids]")) update();
  });
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    event.preventDefault();
    if (button.matches("[data-clear]")) { clear(); return; }
    const ids = boxes().filter((box) => box.checked).map((box) => box.value);
    htmx.ajax("POST", button.formAction, {
      source: bar,
      target: button.matches("[data-ask]") ? "#dialog" : "body",
      swap: button.matches("[data-ask]") ? "innerHTML" : "none",
      values: { ids },
    });
  });
  document.body.addEventListener("rota:toast", clear);
  // Rows to which nothing was done say why, until the next action.
  let refused = {};
  const mark = () => Object.entries(refused).forEach(([id, why]) => {
    const cell = document.querySelector(`tr input[name=ids][value="${CSS.escape(id)}"]`)?.closest("tr").querySelector(".c-name");
    if (!cell || cell.querySelector(".r-refused")) return;
    const note = document.createElement("div");
    note.className = "r-refused r-small o-failed";
    note.textContent = why;
    cell.append(note);
  });
  document.body.addEventListener("rota:toast", () => { refused = {}; });
  document.body.addEventListener("rota:refused", (event) => { refused = event.detail.rows; mark(); });
  document.body.addEventListener("htmx:afterSettle", mark);
  document.body.addEventListener("htmx:afterSettle", update);
  update();
})();
