/** What is proposed and done inside the guest under this consent: the list, a notice, proposing. */

import { PostRefused, post } from "../post.js";
import { element } from "./people.js";

const byId = (id) => document.getElementById(id);

/** Dispatches `news` ({text}) when something that was known before stands otherwise. */
export class Recoveries extends EventTarget {
  #shown = "";
  #known = null;
  #hidden = new Set();

  constructor() {
    super();
    byId("propose-form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#propose(event.target);
    });
    byId("notice-hide")?.addEventListener("click", () => {
      this.#hidden.add(byId("recovery-notice").dataset.of);
      byId("recovery-notice").hidden = true;
    });
  }

  /**
   * @param {{id: string, text: string, note: string, open: boolean, decide: boolean,
   *   kind: string, word: string, href: string, action: string}[]} recoveries
   */
  show(recoveries) {
    const list = byId("recovery-list");
    const essence = JSON.stringify(recoveries);
    if (!list || essence === this.#shown) return;
    this.#shown = essence;
    list.replaceChildren(...recoveries.map(row));
    byId("recovery-none").hidden = recoveries.length !== 0;
    byId("recovery-count").textContent = String(recoveries.filter((one) => one.open).length);
    this.#notice(recoveries.find((one) => one.decide && !this.#hidden.has(one.id)));
    this.#news(recoveries);
  }

  /** Only who decides is shown a notice over the screen: an operator types there. */
  #notice(proposal) {
    const notice = byId("recovery-notice");
    notice.hidden = !proposal;
    if (!proposal) return;
    notice.dataset.of = proposal.id;
    byId("notice-text").replaceChildren(element("bdi", proposal.text, "name"));
    byId("notice-note").hidden = !proposal.note;
    byId("notice-note").replaceChildren("Their note: ", element("bdi", proposal.note, "name"));
    byId("notice-link").href = proposal.href;
    byId("notice-link").textContent = proposal.action;
  }

  #news(recoveries) {
    const before = this.#known;
    this.#known = new Map(recoveries.map((one) => [one.id, one.text]));
    if (before === null) return;
    const changed = recoveries.find((one) => before.get(one.id) !== one.text);
    if (changed) this.dispatchEvent(new CustomEvent("news", { detail: { text: changed.text } }));
  }

  async #propose(form) {
    byId("propose-problem").textContent = "";
    const button = form.querySelector("button[type=submit]");
    if (button.disabled) return;
    button.disabled = true;
    try {
      await post(form.getAttribute("action"), {
        kind: byId("propose-kind").value,
        note: byId("propose-note").value,
      });
      form.reset();
    } catch (error) {
      if (!(error instanceof PostRefused)) throw error;
      byId("propose-problem").textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }
}

function row(recovery) {
  const item = element("li");
  const state = element("span", undefined, `state state--${recovery.kind}`);
  state.append(element("span", recovery.word));
  const link = element("a", recovery.action, "button");
  link.href = recovery.href;
  link.setAttribute("aria-label", `${recovery.action}: ${recovery.text}`);
  item.append(element("bdi", recovery.text, "name"), state, link);
  if (recovery.note) item.append(element("span", recovery.note, "cell-note"));
  return item;
}
