/** Tells the gateway, now and then, that somebody works here: typing counts as using a sign-in. */

import { post } from "../post.js";

const AT_MOST_EVERY = 60_000;

/** @param {HTMLElement} screen @param {string} base */
export function tellPresence(screen, base) {
  let told = performance.now();
  const tell = () => {
    if (performance.now() - told < AT_MOST_EVERY) return;
    told = performance.now();
    post(`${base}/present`, {}).catch(() => {}); // the events say what matters
  };
  for (const type of ["keydown", "pointerdown"]) {
    screen.addEventListener(type, tell, { capture: true, passive: true });
  }
}
