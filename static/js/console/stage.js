/** Shows a condition: the banner, the card over the stage, the border, the figures. */

import { paint } from "../hours.js";
import { me, warning } from "./machine.js";
import { warningWords } from "./words.js";

const byId = (id) => document.getElementById(id);

const ACTS = {
  retry: "Try again now",
  redial: "Try again now",
  leave: "Leave",
  back: "Back",
  again: "Ask again",
  step_up: "Confirm it’s you",
  sign_in: "Sign in",
  ask_control: "Take or ask for control",
  use_here: "Use it here",
  live_again: "Live view again",
  end_access: "Withdraw access",
};

/** Writes a text only when it differs: screen readers repeat what is written again. */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Dispatches `act` ({act}) when a button of the card is pressed. */
export class Stage extends EventTarget {
  #shownActs = "";
  #alarmed = "";

  /**
   * @param {import("./words.js").Words} said
   * @param {{name: string, state: object, screen: string, entered: boolean, now: number}} moment
   */
  show(said, moment) {
    this.#banner(said, moment);
    this.#card(said, moment);
    const stage = byId("stage");
    stage.dataset.screen = moment.screen;
    stage.dataset.look = look(moment);
    this.#bar(moment);
    this.#figures(moment);
    this.#alarm(said);
  }

  #banner(said, { state, now, name, entered }) {
    const minutes = warning(state, now);
    const lasting = minutes && ["control", "watching", "other_controls"].includes(name);
    const entry = entered && name === "control" ? " Ctrl+Alt+Shift leaves the screen." : "";
    const text = lasting ? `${warningWords(minutes, state.endsAt)} ${said.banner}` : said.banner + entry;
    write(byId("banner").firstElementChild, text);
    byId("banner").dataset.tone = lasting ? "warn" : said.tone;
  }

  #card(said, { state }) {
    byId("curtain").hidden = !said.heading;
    byId("curtain").dataset.place = said.corner ? "corner" : "middle";
    if (!said.heading) return;
    byId("card").dataset.tone = said.tone;
    write(byId("card-heading"), said.heading);
    write(byId("card-text"), said.text);
    byId("card-more").hidden = !said.more;
    write(byId("card-more"), said.more ?? "");
    this.#steps(state);
    this.#acts(said.acts ?? []);
  }

  #steps(state) {
    const connecting = state.session?.state.name === "connecting" && !state.over ? state.session.state : null;
    byId("card-steps").hidden = !connecting;
    if (!connecting) return;
    [...byId("card-steps").children].forEach((step, index) => {
      step.classList.toggle("done", index + 1 < connecting.number);
      if (index + 1 === connecting.number) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
  }

  #acts(acts) {
    const essence = acts.join();
    if (essence === this.#shownActs) return;
    this.#shownActs = essence;
    byId("card-acts").replaceChildren(
      ...acts.map((act, index) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = ACTS[act];
        if (index === 0) button.className = "button--main";
        button.addEventListener("click", () => this.dispatchEvent(new CustomEvent("act", { detail: { act } })));
        return button;
      }),
    );
  }

  /** Buttons that can do nothing now stay where they are and say so. */
  #bar({ name, state, screen }) {
    const over = name === "expired" || state.over !== null;
    const there = {
      access: true,
      session: state.session !== null || !state.known,
      screen: screen === "live",
      control: name === "control",
    };
    for (const button of document.querySelectorAll("#bar [data-needs]")) {
      button.setAttribute("aria-disabled", String(over || !there[button.dataset.needs]));
    }
  }

  #figures({ state, now }) {
    paint(byId("left").firstElementChild, state.over ? 0 : state.endsAt - now);
    const mine = me(state);
    write(byId("round-trip"), mine?.rtt_ms == null ? "– ms" : `${Math.round(mine.rtt_ms)} ms`);
    write(byId("frame-rate"), mine ? `${Math.round(mine.fps)} fps` : "– fps");
  }

  #alarm(said) {
    const text = said.alarm ? `${said.banner} ${said.more ?? ""}`.trim() : "";
    if (text === this.#alarmed) return;
    this.#alarmed = text;
    byId("alert").textContent = text;
  }
}

function look({ name, entered }) {
  if (name === "control") return entered ? "entered" : "control";
  return ["watching", "other_controls", "elsewhere_watch", "slow"].includes(name) ? "watch" : "none";
}
