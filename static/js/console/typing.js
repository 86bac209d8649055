/** The panel that types a text as keystrokes. What is typed is never shown, kept or logged. */

import { plan } from "./layouts.js";
import { Typist } from "./typist.js";

const byId = (id) => document.getElementById(id);
const CALM = "Nothing of it is shown or kept. Line breaks press Enter.";
const LAYOUT_KEY = "layout";

/** @param {import("./screen.js").Screen} screen */
export function wireTyping(screen) {
  const form = byId("type-form");
  if (!form) return;
  const typist = new Typist((stroke) => screen.send(stroke));
  const layout = byId("type-layout");
  layout.value = sessionStorage.getItem(LAYOUT_KEY) ?? layout.value;

  const check = () => warn(plan(byId("type-text").value, layout.value).untypable);
  byId("type-text").addEventListener("input", check);
  layout.addEventListener("change", () => {
    sessionStorage.setItem(LAYOUT_KEY, layout.value);
    check();
  });
  byId("type-cancel").addEventListener("click", () => typist.stop());
  typist.addEventListener("progress", ({ detail }) => progress(detail));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!typist.busy) start(typist, screen);
  });
}

async function start(typist, screen) {
  const field = byId("type-text");
  if (!screen.mayType) {
    say("You do not control this console now, so nothing was typed.", "warn");
    return;
  }
  const { strokes, untypable } = plan(field.value, byId("type-layout").value);
  field.value = "";
  busy(true);
  const finished = await typist.type(strokes);
  busy(false);
  const left = untypable.length ? ` ${count(untypable.length)} left out.` : "";
  say(finished ? `Typed ${count(strokes.length)}.${left}` : "Stopped. What was typed so far is in the VM.", untypable.length ? "warn" : "calm");
}

function busy(on) {
  byId("type-start").disabled = on;
  byId("type-cancel").disabled = !on;
  byId("type-progress").hidden = !on;
  if (on) byId("type-cancel").focus();
  else byId("type-text").focus();
}

function progress({ done, total }) {
  const bar = byId("type-progress");
  bar.max = total;
  bar.value = done;
}

function warn(untypable) {
  if (untypable.length === 0) {
    say(CALM, "calm");
    return;
  }
  const places = untypable.slice(0, 5).join(", ") + (untypable.length > 5 ? ", …" : "");
  say(`${count(untypable.length)} cannot be typed with this layout and would be left out (place ${places}).`, "warn");
}

function count(number) {
  return number === 1 ? "1 character" : `${number} characters`;
}

function say(text, tone) {
  const place = byId("type-warning");
  place.textContent = text;
  place.dataset.tone = tone;
}
