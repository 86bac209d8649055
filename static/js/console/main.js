/** The console page: feeds what happens to the state machine and makes the page follow it. */

import { PostRefused, post } from "../post.js";
import "../copy.js";
import { wireBar } from "./bar.js";
import { ServerClock } from "./clock.js";
import { Events } from "./events.js";
import { begin, condition, next, wants } from "./machine.js";
import { Panels } from "./panels.js";
import { People } from "./people.js";
import { Pointer } from "./pointer.js";
import { tellPresence } from "./presence.js";
import { wireQuality } from "./quality.js";
import { Recoveries } from "./recoveries.js";
import { Screen } from "./screen.js";
import { wireSharing } from "./share.js";
import { Stage } from "./stage.js";
import { Still } from "./still.js";
import { Tab } from "./tab.js";
import { wireTyping } from "./typing.js";
import { words } from "./words.js";

const TICK = 250;
const facts = { ...document.getElementById("facts").dataset };
const isOperator = facts.part === "operator";
const base = `/consoles/${facts.consent}`;

class ConsolePage {
  #clock = new ServerClock(Number(facts.now));
  #state = begin({ part: facts.part, endsAt: Number(facts.endsAt) }, Number(facts.now));
  #screen = new Screen(document.getElementById("screen"));
  #pointer = new Pointer(document.getElementById("screen"));
  #stage = new Stage();
  #still = new Still(document.getElementById("still"), `${base}/thumbnail.jpg`);
  #people = new People(document.getElementById("roster"), (id) => this.#control({ verb: "give", to: id }));
  #panels = new Panels();
  #recoveries = new Recoveries();
  #tab = new Tab(facts.consent);
  #dialling = false;
  #entered = false;
  #spoken = { text: "", until: 0 };

  start() {
    this.#wireScreen();
    this.#wireEvents();
    this.#stage.addEventListener("act", ({ detail }) => this.#act(detail.act));
    document.getElementById("enter")?.addEventListener("click", () => this.#enter());
    wireBar(this.#screen, facts, (text) => this.#say(text));
    wireQuality(this.#screen);
    wireTyping(this.#screen);
    wireSharing(facts.consent);
    if (isOperator) tellPresence(document.getElementById("screen"), base);
    setInterval(() => this.#feed({ type: "tick" }), TICK);
    if (isOperator) this.#claimTab();
    else this.#feed({ type: "tick" });
  }

  #wireScreen() {
    for (const type of ["open", "frame", "closed"]) {
      this.#screen.addEventListener(type, ({ detail }) => this.#feed({ type, ...detail }));
    }
    this.#screen.addEventListener("open", () => this.#pointer.show(null));
    this.#screen.addEventListener("pointer", ({ detail }) => this.#pointer.show(detail.place));
    this.#screen.addEventListener("entered", () => this.#setEntered(true));
    this.#screen.addEventListener("leaving", () => this.#setEntered(false));
    this.#screen.addEventListener("left", () => document.getElementById("enter")?.focus());
  }

  #wireEvents() {
    // A watcher's banner says all the time that they only watch; a notice tells them the rest.
    if (isOperator) this.#recoveries.addEventListener("news", ({ detail }) => this.#say(detail.text));
    const events = new Events(`${base}/events`);
    events.addEventListener("view", ({ detail }) => {
      this.#clock.heard(detail.now);
      this.#feed({ type: "view", ...detail });
      this.#recoveries.show(detail.recoveries);
      if (this.#state.over) events.close();
    });
  }

  /** One tab at a time holds an operator's console; until it is claimed nothing is dialled. */
  #claimTab() {
    this.#state = next(this.#state, { type: "elsewhere" }, this.#clock.now());
    this.#tab.addEventListener("here", () => this.#feed({ type: "here" }));
    this.#tab.addEventListener("elsewhere", () => this.#feed({ type: "elsewhere" }));
    this.#tab.claim();
  }

  #feed(event) {
    this.#state = next(this.#state, event, this.#clock.now());
    this.#follow();
  }

  /** Make the page what the state wants. Safe to repeat. */
  #follow() {
    const now = this.#clock.now();
    const name = condition(this.#state, now);
    const wanted = wants(this.#state, now);
    if (!wanted.socket && this.#screen.connected) this.#screen.close();
    if (wanted.screen === "none") this.#screen.blank();
    if (wanted.socket && this.#state.link === "idle" && !this.#dialling) this.#dial();
    this.#screen.mayType = wanted.input;
    this.#still.on = wanted.still;
    const said = words(name, this.#state, facts, now);
    const spoken = now < this.#spoken.until ? { ...said, banner: this.#spoken.text } : said;
    this.#stage.show(spoken, { name, state: this.#state, screen: wanted.screen, entered: this.#entered, now });
    this.#people.show(this.#state);
  }

  async #dial() {
    this.#dialling = true;
    this.#state = next(this.#state, { type: "dial" }, this.#clock.now());
    try {
      const ticket = isOperator ? (await post(`${base}/tickets`, {})).ticket : null;
      if (wants(this.#state, this.#clock.now()).socket) this.#connect(ticket);
    } catch (error) {
      if (!(error instanceof PostRefused)) throw error;
      const type = error.status === 0 ? "unreached" : "refused";
      this.#feed({ type, status: error.status, code: error.code, reason: error.message });
    } finally {
      this.#dialling = false;
    }
  }

  #connect(ticket) {
    const address = `wss://${location.host}${base}/stream`;
    // The secret of a ticket never rides in an address.
    const protocols = ["eva.rfb.pointer", "eva.rfb"];
    this.#screen.connect(address, ticket ? [...protocols, `ticket.${ticket}`] : protocols);
  }

  #act(act) {
    const go = { back: facts.home, again: facts.again, sign_in: "/sign-in", step_up: `/consents/${facts.consent}/open`, end_access: `/consents/${facts.consent}/end` }[act];
    if (go) location.assign(go);
    else if (act === "ask_control") this.#control({ verb: "ask" });
    else if (act === "redial") this.#control({ verb: "retry" });
    else if (act === "use_here") this.#tab.take();
    else this.#feed({ type: act === "leave" ? "leave" : "retry" });
  }

  async #control(body) {
    try {
      await post(`${base}/control`, body);
    } catch (error) {
      if (!(error instanceof PostRefused)) throw error;
      this.#say(error.message);
    }
  }

  #enter() {
    this.#panels.close();
    if (this.#screen.mayType) this.#screen.enter();
    else this.#say("You do not control this console now. Your keyboard is not sent.");
  }

  #setEntered(entered) {
    this.#entered = entered;
    this.#follow();
  }

  /** A short word about what was just done, in the banner for a moment. */
  #say(text) {
    this.#spoken = { text, until: this.#clock.now() + 2500 };
    this.#follow();
  }
}

new ConsolePage().start();
