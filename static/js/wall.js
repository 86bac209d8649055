/** The wall's pictures: fetched anew while the page is looked at, and paused by a button. */

const EVERY = 2000;
const PAUSED = "pictures paused";

const button = document.getElementById("pause");
// Whoever asked for less motion starts with pictures that stand still.
let paused =
  sessionStorage.getItem(PAUSED) === "yes" || matchMedia("(prefers-reduced-motion: reduce)").matches;

function show() {
  button.hidden = false;
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Pictures paused" : "Pause pictures";
  for (const image of document.querySelectorAll("img[data-live]")) {
    image.classList.toggle("paused", paused);
  }
}

/** A picture is swapped only once it has arrived, so that nothing flickers. */
function renew(image) {
  const next = new Image();
  next.addEventListener("load", () => {
    image.src = next.src;
    image.hidden = false;
  });
  next.addEventListener("error", () => {
    image.hidden = true;
  });
  next.src = `${image.dataset.live}?at=${Math.floor(performance.now())}`;
}

function tick() {
  if (paused || document.hidden) return;
  for (const image of document.querySelectorAll("img[data-live]")) renew(image);
}

button.addEventListener("click", () => {
  paused = !paused;
  sessionStorage.setItem(PAUSED, paused ? "yes" : "no");
  show();
  tick();
});
document.addEventListener("refreshed", show);

show();
setInterval(tick, EVERY);
