"use strict";
for (const table of document.querySelectorAll("table[data-filtered]")) {
  const form = document.getElementById(table.dataset.filtered);
  const status = form.querySelector("[role=status]");
  const rows = [...table.tBodies[0].rows];
  const apply = () => {
    const wanted = new FormData(form);
    const words = (wanted.get("words") || "").toLocaleLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = ["kind", "truth", "answer"].every((name) => {
        const value = wanted.get(name);
        return !value || JSON.parse(row.dataset[name]).includes(value);
      });
      row.hidden = !(fits && row.textContent.toLocaleLowerCase().includes(words));
      shown += row.hidden ? 0 : 1;
    }
    status.textContent = `${shown} of ${rows.length} rows`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
