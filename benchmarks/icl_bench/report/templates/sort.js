for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => {
        const cell = row.cells[column];
        return "value" in cell.dataset ? parseFloat(cell.dataset.value) : cell.textContent.trim();
      };
      const missing = (one) => one === "" || Number.isNaN(one);
      const order = (one, other) => {
        // What is missing stays at the end, whichever way.
        if (missing(one) || missing(other)) return missing(one) - missing(other);
        const way = typeof one === "number" ? one - other : one.localeCompare(other);
        return up ? way : -way;
      };
      body.append(...[...body.rows].sort((a, b) => order(value(a), value(b))));
    });
  });
}
