/** The console bar: combinations, sticky modifiers, scale, full screen, screenshot. */

import { KEYS, strokes } from "./keys.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {import("./screen.js").Screen} screen
 * @param {{vm: string}} facts
 * @param {(text: string) => void} say Tells what was done.
 */
export function wireBar(screen, facts, say) {
  wireCombinations(screen, say);
  wireModifiers(screen, say);
  wireScale(screen);
  wireFullScreen();
  byId("shoot").addEventListener("click", () => shoot(screen, facts.vm, say));
}

function wireCombinations(screen, say) {
  for (const button of document.querySelectorAll("[data-press]")) {
    button.addEventListener("click", () => {
      if (!screen.mayType) return say("You do not control this console now. Nothing was sent.");
      for (const stroke of strokes(button.dataset.press)) screen.send(stroke);
      return say(`${button.dataset.press} sent.`);
    });
  }
}

/** A modifier stays down until it is pressed again, control is lost or the screen is left. */
function wireModifiers(screen, say) {
  const buttons = [...document.querySelectorAll("[data-hold]")];
  const set = (button, down) => {
    if ((button.getAttribute("aria-pressed") === "true") === down) return;
    button.setAttribute("aria-pressed", String(down));
    screen.send({ ...KEYS[button.dataset.hold], down });
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      if (!screen.mayType) return say("You do not control this console now. Nothing was sent.");
      const down = button.getAttribute("aria-pressed") !== "true";
      set(button, down);
      return say(`${button.dataset.hold} is ${down ? "held down" : "released"}.`);
    });
  }
  const releaseAll = () => buttons.forEach((button) => set(button, false));
  for (const moment of ["left", "closed"]) screen.addEventListener(moment, releaseAll);
  window.addEventListener("pagehide", releaseAll);
}

function wireScale(screen) {
  const button = byId("fit");
  button.addEventListener("click", () => {
    screen.fit = !screen.fit;
    button.setAttribute("aria-pressed", String(screen.fit));
    button.textContent = screen.fit ? "Fit" : "1:1";
    button.setAttribute("aria-label", screen.fit ? "Scaled to fit; press for 1:1" : "Shown 1:1; press to scale to fit");
  });
}

/** The whole shell goes full screen, so that the banner stays in sight. */
function wireFullScreen() {
  const button = byId("full");
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else byId("shell").requestFullscreen({ navigationUI: "hide" });
  });
  document.addEventListener("fullscreenchange", () => {
    const on = document.fullscreenElement !== null;
    button.setAttribute("aria-pressed", String(on));
  });
}

async function shoot(screen, vm, say) {
  try {
    const address = URL.createObjectURL(await screen.picture());
    const link = document.createElement("a");
    link.href = address;
    link.download = `${vm.replace(/[^\w.-]+/g, "_")}-${new Date().toISOString().slice(0, 19).replace(/:/g, "")}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    say("Screenshot saved on this computer.");
  } catch {
    say("There is no screen to take a picture of.");
  }
}
