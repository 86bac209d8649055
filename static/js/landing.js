/**
 * A page that is reached by a link whose secret rides in the #fragment: takes the secret out of
 * the address bar at once, puts it into the form, and sends the form where no more is asked.
 */

const secret = decodeURIComponent(location.hash.slice(1));
// Before anything else: the address bar, the history and a shoulder-surfer must not keep it.
history.replaceState(null, "", location.pathname);

const form = document.querySelector("form[data-landing]");
const field = form.elements.namedItem("secret");
const holder = form.querySelector("[data-landing-field]");

if (secret) {
  field.value = secret;
  holder.hidden = true;
  if (form.dataset.landing === "submit") {
    const words = document.querySelector("[data-landing-words]");
    if (words) words.textContent = words.dataset.landingWords;
    form.requestSubmit();
  }
} else if (field.value) {
  holder.hidden = true;
}
