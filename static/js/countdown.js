/** Counts every gauge on a page down by the gateway's clock, whatever the browser's clock says. */

import { paint } from "./hours.js";

const loadedAt = performance.now();

function tick() {
  for (const gauge of document.querySelectorAll(".hours[data-ends-at]")) {
    const born = Number(gauge.dataset.bornAt ?? loadedAt);
    const now = Number(gauge.dataset.now) + (performance.now() - born);
    paint(gauge, Number(gauge.dataset.endsAt) - now);
  }
}

// A part that was fetched anew brings its own `now`.
document.addEventListener("refreshed", (event) => {
  for (const gauge of event.target.querySelectorAll(".hours[data-ends-at]")) {
    gauge.dataset.bornAt = String(performance.now());
  }
});

tick();
setInterval(tick, 1000);
