/**
 * Follows a recovery while it goes on: the line that says how it stands is written as the gateway
 * tells it, the time runs on, and the rest of the page is fetched anew when something changed.
 */

import { Events } from "../console/events.js";
import { pageAgain } from "../page_again.js";

const headline = document.getElementById("headline");
const told = document.getElementById("told");
const clock = document.getElementById("lasting");
let since = null; // by performance.now(), which no wrong time of day disturbs

function startClock({ since: began, now }) {
  since = began === null ? null : performance.now() - (now - began);
  clock.hidden = since === null;
  tick();
}

function tick() {
  if (since === null) return;
  const text = `(${lasting(performance.now() - since)})`;
  if (clock.textContent !== text) clock.textContent = text;
}

/** @returns {string} "0:12", "12:03", "1:02:03", as the gateway writes it. */
function lasting(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (number) => String(number % 60).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** Screen readers say again what is written again: write only what differs. */
function follow(view) {
  if (told.textContent !== view.text) told.textContent = view.text;
  headline.dataset.tone = view.tone;
  startClock(view);
}

let renewing = Promise.resolve();

/** The steps, the result and the buttons, as the page has them now. */
async function renew(version) {
  const course = document.getElementById("course");
  if (course.dataset.version === version) return;
  const fresh = (await pageAgain())?.getElementById("course");
  if (!fresh) return;
  const hadFocus = course.contains(document.activeElement);
  course.replaceWith(document.adoptNode(fresh));
  if (hadFocus) document.getElementById("heading").focus();
}

const began = Number(clock.dataset.since);
if (began) startClock({ since: began, now: Number(clock.dataset.now) });
setInterval(tick, 250);

const events = new Events(headline.dataset.events);
events.addEventListener("view", ({ detail }) => {
  follow(detail);
  renewing = renewing.then(() => renew(detail.version));
  if (detail.over) events.close();
});
