/**
 * Keeps the marked parts of a page current: fetches the page again every few seconds while it is
 * looked at, and swaps in a part that changed, unless somebody is at work inside it.
 */

import { pageAgain } from "./page_again.js";

const EVERY = 4000;
const MARK = "data-refresh";

/** What a part says, without the figures that count down by themselves. */
function essence(part) {
  const copy = part.cloneNode(true);
  for (const gauge of copy.querySelectorAll(".hours")) gauge.remove();
  return copy.textContent.replace(/\s+/g, " ").trim();
}

function swap(current, fresh) {
  if (current.contains(document.activeElement) || essence(current) === essence(fresh)) return;
  const adopted = document.adoptNode(fresh);
  current.replaceWith(adopted);
  adopted.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
}

async function refresh() {
  if (document.hidden) return;
  const fresh = await pageAgain();
  if (!fresh) return;
  for (const part of document.querySelectorAll(`[${MARK}]`)) {
    const name = part.getAttribute(MARK);
    const other = fresh.querySelector(`[${MARK}="${CSS.escape(name)}"]`);
    if (other) swap(part, other);
  }
}

setInterval(refresh, EVERY);
