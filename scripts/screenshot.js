// Runs in a page of Jaeger: waits for what it shows, opens the details of spans, returns the height of the page in pixels.
// `wanted` is the ID or a part of the name of the spans to open; empty: the deepest one that failed.
// A span's row says which span it is (data-item-key) and, by its indentation, how deep it lies; an icon marks a failed one.
async (wanted) => {
  const all = (selector, below = document) => [...below.querySelectorAll(selector)];
  const until = async (find, what) => {
    for (const end = performance.now() + 15000; performance.now() < end; await new Promise(go => setTimeout(go, 50))) {
      const found = find();
      if (found.length) return found;
    }
    throw new Error(`the page shows no ${what}`);
  };
  if (!location.pathname.includes("/trace/")) {
    await until(() => all(".ResultItem, .VirtualizedTraceView--row"), "trace");
  } else {
    const rows = await until(() => all('[data-item-key$="--bar"]'), "span");
    const depth = row => all(".SpanTreeOffset--indentGuide", row).length;
    const named = row => row.dataset.itemKey.startsWith(wanted) || row.textContent.includes(wanted);
    const chosen = wanted
      ? rows.filter(named)
      : rows.filter(row => all(".SpanBarRow--errorIcon", row).length).sort((a, b) => depth(b) - depth(a)).slice(0, 1);
    if (wanted && !chosen.length) throw new Error(`the page shows no span ${wanted}`);
    for (const key of chosen.map(row => row.dataset.itemKey)) {
      all(`[data-item-key="${key}"] .span-view`)[0].click();
      const detail = () => all(`[data-item-key^="${key.split("--")[0]}--detail"]`);
      await until(detail, "details");
      all('.AccordianLogs--header[aria-checked="false"]', detail()[0]).forEach(header => header.click());
      await new Promise(requestAnimationFrame);
      const closed = '.AccordianKeyValues--header[aria-checked="false"]';
      const tags = all(closed, detail()[0]).filter(header => header.textContent.startsWith("Tags"));
      [...tags, ...all(".AccordianLogs--content " + closed, detail()[0])].forEach(header => header.click());
    }
  }
  for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame);
  const shown = all(".VirtualizedTraceView--row, .ResultItem, form");
  return Math.ceil(Math.max(...shown.map(one => one.getBoundingClientRect().bottom)));
}
