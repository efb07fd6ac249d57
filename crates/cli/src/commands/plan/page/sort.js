for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const down = head.ariaSort === "ascending";
    heads.forEach(h => h.removeAttribute("aria-sort"));
    head.ariaSort = down ? "descending" : "ascending";
    const key = row => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
    };
    const body = table.tBodies[0];
    const order = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b);
    const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * order(key(a), key(b)));
    body.append(...rows);
  }));
}
