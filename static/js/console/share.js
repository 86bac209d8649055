/** Making and revoking share links from the console page. */

import { PostRefused, post } from "../post.js";
import { element } from "./people.js";

const byId = (id) => document.getElementById(id);

/** @param {string} consent */
export function wireSharing(consent) {
  const dialog = byId("share-dialog");
  if (!dialog) return;
  dialog.addEventListener("opening", () => {
    byId("share-made").hidden = true;
    byId("share-link").value = "";
    list(consent);
  });
  byId("share-form").addEventListener("submit", (event) => {
    event.preventDefault();
    make(consent);
  });
}

async function make(consent) {
  byId("share-problem").textContent = "";
  try {
    const { address } = await post(`/consoles/${consent}/share`, {
      label: byId("share-label").value,
      capacity: Number(byId("share-capacity").value),
    });
    byId("share-link").value = address;
    byId("share-made").hidden = false;
    byId("share-form").reset();
    byId("share-link").select();
    await list(consent);
  } catch (error) {
    explain(error);
  }
}

async function list(consent) {
  const response = await fetch(`/consoles/${consent}/links`, { credentials: "same-origin" });
  if (!response.ok) return;
  const { links } = await response.json();
  byId("share-none").hidden = links.length !== 0;
  byId("share-list").replaceChildren(...links.map((link) => row(link, consent)));
}

function row(link, consent) {
  const item = element("li");
  const label = element("bdi", link.label, "name");
  const button = element("button", "Revoke", "button--danger");
  button.type = "button";
  button.setAttribute("aria-label", `Revoke the link for ${link.label}`);
  button.addEventListener("click", async () => {
    try {
      await post(`/links/${link.id}/revoke`, {});
      await list(consent);
    } catch (error) {
      explain(error);
    }
  });
  item.append(label, button, element("span", `${link.joined} of ${link.capacity} joined`, "cell-note"));
  return item;
}

function explain(error) {
  if (!(error instanceof PostRefused)) throw error;
  byId("share-problem").textContent = error.message;
}
