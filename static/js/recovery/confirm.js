/**
 * The page that asks before a recovery: suggests a password, shows what was typed when asked to,
 * names the account in what will happen, and sends its form once.
 */

import { suggestion } from "./suggestion.js";

const form = document.querySelector("form[data-recovery]");
const secrets = [...form.querySelectorAll("[data-secret]")];

wireSuggestion();
wireShowing();
wireAccount();
wireSending();

function wireSuggestion() {
  const button = document.getElementById("suggest");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const made = suggestion();
    for (const field of secrets) field.value = made;
    const shown = document.getElementById("suggested");
    shown.value = made;
    document.getElementById("suggested-part").hidden = false;
    shown.focus();
    shown.select();
  });
}

function wireShowing() {
  const button = document.getElementById("show-secret");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    for (const field of secrets) field.type = shown ? "text" : "password";
  });
}

/** Whose password it is, in the sentences above the form too. */
function wireAccount() {
  const field = form.elements.namedItem("user");
  if (!field) return;
  const places = document.querySelectorAll("[data-account]");
  const follow = () => {
    for (const place of places) place.textContent = field.value.trim() || place.dataset.account;
  };
  field.addEventListener("input", follow);
  follow();
}

/** A second press while the first is on its way sends nothing. */
function wireSending() {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  // Whoever comes back finds the form usable, and no secret in it.
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return; // a page's first showing comes after what was typed while it loaded
    delete form.dataset.sent;
    for (const field of secrets) {
      field.value = "";
      field.type = "password";
    }
    document.getElementById("show-secret")?.setAttribute("aria-pressed", "false");
    const part = document.getElementById("suggested-part");
    if (part) part.hidden = true;
    const shown = document.getElementById("suggested");
    if (shown) shown.value = "";
  });
}
