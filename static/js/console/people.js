/** Who is here: names as text, parts, since when; and giving control to one who asks. */

import { clockTime } from "./clock.js";
import { me } from "./machine.js";

/** An element with text, and nothing but text. */
export function element(tag, text, className = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Names come from outside: isolated, so that they cannot turn the text around them. */
export function nameOf(person) {
  return element("bdi", person.name, "name");
}

export class People {
  #list;
  #give;
  #shown = "";

  /** @param {HTMLElement} list @param {(participantId: string) => void} give */
  constructor(list, give) {
    this.#list = list;
    this.#give = give;
  }

  show(state) {
    const people = state.session?.participants ?? [];
    // Figures change all the time; the list is only rebuilt when the people do.
    const essence = JSON.stringify([people.map(({ id, name, controls, asks }) => [id, name, controls, asks]), state.you]);
    if (essence === this.#shown) return;
    this.#shown = essence;
    document.getElementById("people-count").textContent = String(people.length);
    document.getElementById("roster-empty").hidden = people.length !== 0;
    this.#list.replaceChildren(...people.map((person) => this.#row(person, state)));
    for (const place of document.querySelectorAll("[data-people]")) {
      place.replaceChildren(...people.map((person) => this.#label(person, state)));
    }
  }

  #row(person, state) {
    const row = this.#label(person, state);
    row.append(element("span", `${person.controls ? "Has control" : person.asks ? "Asks for control" : "Watches"}, here since ${clockTime(person.since)}`, "cell-note"));
    if (person.asks && me(state)?.controls) {
      const button = element("button", "Give control");
      button.type = "button";
      button.setAttribute("aria-label", `Give control to ${person.name}`);
      button.addEventListener("click", () => this.#give(person.id));
      row.append(button);
    }
    return row;
  }

  #label(person, state) {
    const row = element("li");
    const who = element("span");
    const you = state.you.includes(person.id) ? " (you)" : "";
    who.append(nameOf(person), `${you} `, element("span", person.role, "role"));
    row.append(who);
    return row;
  }
}
