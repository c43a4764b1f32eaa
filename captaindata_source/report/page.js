"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort ?? cell.textContent.trim();
  };
  const sort = (table, column, heading) => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const isNumber = heading.classList.contains("number");
    const compare = (one, other) => {
      const [a, b] = [valueOf(one, column), valueOf(other, column)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = isNumber ? Number(a) - Number(b) : collator.compare(a, b);
      return down ? -order : order;
    };
    for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  };
  for (const table of document.querySelectorAll("table.sortable"))
    for (const [column, heading] of [...table.tHead.rows[0].cells].entries())
      heading.querySelector("button").addEventListener("click", () => sort(table, column, heading));

  // charts are drawn anew for the width of paper, so that their texts are not made small
  const resize = (isPaper) => {
    document.documentElement.classList.toggle("printing", isPaper);
    dispatchEvent(new Event("resize"));
  };
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const each of opened) each.open = true;
    resize(true);
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
    resize(false);
  });

  const options = {
    mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };
  const fitted = (spec) => {
    spec.config.axisY.labelLimit = innerWidth < 600 ? 120 : 300;
    return spec;
  };
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const drawn = Object.entries(specs).map(([name, spec]) =>
    window.vegaEmbed(document.getElementById(name), fitted(spec), options));
  Promise.all(drawn).then(() => { document.documentElement.dataset.drawn = String(drawn.length); });
})();
