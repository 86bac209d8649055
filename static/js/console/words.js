/** What the console page says in each condition: what happened, why, and what to do next. PURE. */

import { clockTime } from "./clock.js";
import { controller, me } from "./machine.js";

/**
 * @typedef {object} Words
 * @property {string} banner One line, always in sight.
 * @property {"plain"|"control"|"watch"|"warn"|"end"} tone
 * @property {string} [heading] Present when a card covers the stage.
 * @property {string} [text]
 * @property {string} [more] Somebody's own words: a reason.
 * @property {string[]} [acts] Keys of the buttons that the card offers.
 * @property {boolean} [alarm] Said at once by a screen reader.
 * @property {boolean} [corner] The card leaves the screen in sight.
 */

const STEP_WORDS = {
  dialling: "reaching the hypervisor",
  answered: "the hypervisor answered",
  authenticated: "the hypervisor let us in",
};

const WATCHING = "Watching only: your keyboard and mouse are not sent.";

const ROLE_WORDS = { operator: "operator", tenant: "tenant", admin: "administrator", guest: "guest" };

/**
 * @param {string} name A condition of the machine.
 * @param {object} state The machine's state.
 * @param {{vm: string, tenant: string, part: string}} facts
 * @param {number} now
 * @returns {Words}
 */
export function words(name, state, facts, now) {
  const said = (WORDS[name] ?? WORDS.not_allowed)({ state, ...facts, vm: isolated(facts.vm), now });
  // The gateway lets no guest dial the hypervisor.
  return facts.part === "guest" ? { ...said, acts: said.acts?.filter((act) => act !== "redial") } : said;
}

/** A name in the middle of a sentence: isolated (U+2068, U+2069), so that it turns nothing around. */
function isolated(name) {
  return /^[ -~]*$/.test(name) ? name : `\u2068${name}\u2069`;
}

const WORDS = {
  connecting: ({ vm, part, state, now }) => {
    const step = state.session?.state.name === "connecting" ? state.session.state : null;
    const heading = `Connecting to ${vm}`;
    const text = step
      ? `Step ${step.number} of ${step.steps}: ${STEP_WORDS[step.step] ?? step.step}.`
      : "Asking the gateway for the screen.";
    const since = step ? Date.parse(step.since) : state.since;
    const watching = part !== "operator";
    const banner = watching ? `${WATCHING} ${heading}.` : `${heading}. ${text}`;
    return { banner, tone: watching ? "watch" : "plain", heading, text, more: elapsed(now - since), acts: ["leave"] };
  },
  not_running: ({ vm, part }) => ({
    banner: `Nobody has opened ${vm} yet. The screen appears here when the operator does.`,
    tone: "watch",
    heading: "Waiting for the operator",
    text: `Access to ${vm} is allowed, but no operator has its console open. Nothing is connected yet. You can leave this page open: the screen appears by itself.`,
    acts: part === "tenant" ? ["back", "end_access"] : ["back"],
  }),
  session_ended: ({ state, part, vm }) => ({
    banner: "This console session has ended. Nothing more is shown or sent.",
    tone: "end",
    heading: "This console session has ended",
    text:
      part === "operator"
        ? `${vm} is no longer connected. While the tenant allows it, you can open the console again.`
        : `${vm} is no longer connected. If an operator opens the console again, it appears here by itself.`,
    more: state.refusal?.reason ? `Reason: ${isolated(state.refusal.reason)}` : undefined,
    acts: part === "operator" ? ["step_up", "back"] : ["back"],
    alarm: true,
  }),
  off: ({ vm, state, now }) => ({
    banner: `${vm} is turned off. There is no screen to show.`,
    tone: "warn",
    heading: `${vm} is turned off`,
    text: `There is no screen to show. Once the owner starts it, the screen appears here.`,
    more: looking(state.session.state.retry_at, now),
    acts: ["redial", "leave"],
  }),
  control: ({ vm, state }) => ({ banner: `You control ${vm}. ${audience(state)}`.trim(), tone: "control" }),
  watching: () => ({ banner: WATCHING, tone: "watch" }),
  other_controls: ({ state }) => {
    const who = controller(state);
    const banner = who
      ? `${isolated(who.name)} (${ROLE_WORDS[who.role]}) has control since ${clockTime(state.session.control_since ?? who.since)}.`
      : "Nobody has control now. You may take it.";
    return { banner, tone: "watch", heading: who ? "Somebody else has control" : "Control is free", text: waitingForControl(state), acts: asks(state) ? [] : ["ask_control"], corner: true };
  },
  elsewhere_watch: ({ vm }) => ({
    banner: `${vm} is open elsewhere: you control it from another window. This one only watches.`,
    tone: "watch",
    heading: "Open elsewhere",
    text: "You control this console from another window. Take control here to go on in this one.",
    acts: ["ask_control"],
    corner: true,
  }),
  elsewhere: ({ vm }) => ({
    banner: `${vm} is open elsewhere: in another tab of this browser.`,
    tone: "watch",
    heading: "Open elsewhere",
    text: `Another tab of this browser shows ${vm}. Go on there, or use it here: the other tab then lets go.`,
    acts: ["use_here", "back"],
  }),
  reconnecting: ({ state, now }) => {
    const { attempt, retry_at: retryAt, words: said } = state.session.state;
    const { heading, next } = trouble(state);
    const again = `${retryIn(Date.parse(retryAt) - now, attempt)} Keys you press now are not sent.`;
    const more = said ? `What the gateway was told: ${isolated(sentence(said))}` : undefined;
    return { banner: `${heading}. ${again}`, tone: "warn", heading, text: `${next} ${again}`.trim(), more, acts: ["redial", "leave"] };
  },
  upstream: ({ state, now }) => ({
    banner: "The hypervisor closed the screen. Keys you press now are not sent.",
    tone: "warn",
    heading: "Connection to the hypervisor lost",
    text: `${retryIn(state.retryAt - now, state.attempt)} Keys you press now are not sent.`,
    acts: ["retry", "leave"],
  }),
  offline: ({ state, now }) => ({
    banner: "Connection to the gateway lost. Keys you press now are not sent.",
    tone: "warn",
    heading: "Connection to the gateway lost",
    text: `This is the network between your browser and the gateway, not the VM. ${retryIn(state.retryAt - now, state.attempt)}`,
    acts: ["retry", "leave"],
  }),
  restarting: () => ({
    banner: "The gateway is restarting. Your session continues in a moment.",
    tone: "warn",
    heading: "The gateway is restarting",
    text: "Your session continues in a moment. Keys you press now are not sent. You need not do anything.",
    acts: [],
  }),
  taken: () => takenWords(["retry", "leave"]),
  taken_upstream: () => takenWords(["redial", "leave"]),
  slow: () => ({
    banner: "Your connection is too slow for the live view. Showing a still picture every 2 s.",
    tone: "warn",
    heading: "Your connection is too slow for the live view",
    text: "You see a still picture every 2 s. Keys are not sent meanwhile.",
    acts: ["live_again"],
    corner: true,
  }),
  step_up: ({ vm }) => ({
    banner: "Confirm it’s you. Console access needs a fresh sign-in.",
    tone: "warn",
    heading: "Confirm it’s you",
    text: `Console access needs a fresh sign-in. ${vm} is not connected until then.`,
    acts: ["step_up", "back"],
  }),
  left: ({ vm }) => ({
    banner: `You left ${vm}.`,
    tone: "plain",
    heading: `You left ${vm}`,
    text: "Nothing is shown or sent here. Within two minutes you can come back without confirming again.",
    acts: ["retry", "back"],
  }),
  expired: ({ state, part }) => {
    const at = clockTime(state.over?.at ?? state.endsAt);
    return ended(`Access ended at ${at}: the 8-hour consent ran out. Nothing more is shown or sent.`, "Access ended", state, part === "guest" ? [] : ["again", "back"]);
  },
  withdrawn: ({ state }) => ended(`Access was ended by the tenant${at(state)}.`, "The tenant ended the access", state),
  revoked: ({ state }) => ended(`Access was ended by an administrator${at(state)}.`, "An administrator ended the access", state),
  finished: ({ state }) => ended(`The operator finished${at(state)}.`, "The operator finished", state),
  disabled: ({ state }) => ended(`Access ended${at(state)}: an administrator switched emergency access off for this subscription.`, "Access was switched off", state),
  signed_out: ({ state }) => ended(`Your sign-in ended${at(state)}. Sign in to go on.`, "You are signed out", state, ["sign_in"]),
  workstation: ({ state }) => ended("This workstation is not on the node’s workstation safelist. Ask an administrator to add its address.", "This workstation may not reach consoles", state),
  link_invalid: ({ state }) => ended("This link does not work any more. Ask whoever sent it for a new one.", "This link does not work any more", state, []),
  vm_gone: ({ vm, state }) => ({ ...ended(`${vm} was deleted or moved by its owner.`, "The machine is gone", state), more: undefined }),
  ended: ({ state }) => ended(`Access has ended${at(state)}. Nothing more is shown or sent.`, "Access has ended", state),
  not_allowed: ({ state, vm }) => ({
    banner: `You may not see ${vm}.`,
    tone: "end",
    heading: "This console is not open to you",
    text: sentence(state.refusal?.reason) || "The gateway refused. Go back and look whether the access still runs.",
    acts: ["back"],
    alarm: true,
  }),
};

/** A guest has nowhere to go back to. */
function ended(banner, heading, state, acts = state.part === "guest" ? [] : ["back"]) {
  return { banner, tone: "end", heading, text: banner, more: reason(state), acts, alarm: true };
}

/** What is wrong behind the gateway, and who can put it right. */
function trouble(state) {
  const { why } = state.session.state;
  if (why === "UpstreamRefused") {
    return { heading: "The hypervisor turned the gateway away", next: "Only whoever runs this gateway or that host can put this right: tell them." };
  }
  if (why === "UpstreamUnreachable" && !state.seen) {
    return { heading: "The hypervisor cannot be reached", next: "The host may be down, or its network is. If this lasts, tell whoever runs it." };
  }
  return { heading: "Connection to the hypervisor lost", next: "" };
}

function takenWords(acts) {
  return {
    banner: "Another console client took this screen outside the gateway.",
    tone: "warn",
    heading: "Taken over",
    text: "Another console client took this screen outside the gateway. Reconnecting takes it back, and cuts that client off.",
    acts,
  };
}

function at(state) {
  return state.over?.at ? ` at ${clockTime(state.over.at)}` : "";
}

function reason(state) {
  return state.over?.reason ? `Reason: ${isolated(state.over.reason)}` : undefined;
}

function asks(state) {
  return Boolean(me(state)?.asks);
}

function waitingForControl(state) {
  return asks(state) ? "You asked for control. You get it when they give it or leave." : "You watch until control is given to you. Your keyboard and mouse are not sent.";
}

/** "Contoso is watching (2)." — the tenant by name, then how many watch in all. */
function audience(state) {
  const others = state.session.participants.filter((one) => !state.you.includes(one.id));
  if (others.length === 0) return "Nobody is watching.";
  const first = others.find((one) => one.role === "tenant") ?? others[0];
  return others.length === 1 ? `${isolated(first.name)} is watching.` : `${isolated(first.name)} is watching (${others.length}).`;
}

function retryIn(milliseconds, attempt) {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds <= 0) return `Trying again now (attempt ${attempt}).`;
  const when = seconds <= 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `Trying again in ${when} (attempt ${attempt}).`;
}

function looking(retryAt, now) {
  const seconds = Math.ceil((Date.parse(retryAt) - now) / 1000);
  return seconds <= 0 ? "Looking again now." : `Looking again in ${seconds} s.`;
}

function elapsed(milliseconds) {
  return `${Math.max(0, Math.floor(milliseconds / 1000))} s so far`;
}

function sentence(text) {
  if (!text) return "";
  const first = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** What the last minutes say. @param {10|5|1} minutes */
export function warningWords(minutes, endsAt) {
  return `Access ends at ${clockTime(endsAt)} (${minutes} min).`;
}
