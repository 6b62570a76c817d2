"use strict";
(() => {
  const tools = document.getElementById("tools");
  const list = document.getElementById("rows");
  if (!tools || !list) return;
  const rows = [...list.children];
  const buttons = [...tools.querySelectorAll("button[data-lens]")];
  const search = document.getElementById("search");
  const expand = document.getElementById("expand");
  const status = document.getElementById("shown");
  let lens = "";

  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = (!lens || row.dataset.lens === lens) && row.textContent.toLowerCase().includes(wanted);
      row.hidden = !fits;
      shown += fits;
    }
    status.textContent = `${shown} of ${rows.length} findings shown`;
  };

  for (const button of buttons) {
    button.addEventListener("click", () => {
      lens = button.dataset.lens;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      filter();
    });
  }
  search.addEventListener("input", filter);
  expand.addEventListener("click", () => {
    const open = expand.getAttribute("aria-pressed") !== "true";
    expand.setAttribute("aria-pressed", String(open));
    expand.textContent = open ? "Close all" : "Open all";
    for (const row of rows) row.firstElementChild.open = open;
  });
  const reveal = () => {
    const row = rows.find((row) => `#${row.id}` === location.hash);
    if (row) {
      row.hidden = false;
      row.firstElementChild.open = true;
      row.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  tools.hidden = false;
  reveal();
})();
