/**
 * The console page's state machine. PURE: events and the gateway's time in, the next state out;
 * `condition` names what the page is in, `wants` says what the shell shall have open.
 *
 * INVARIANT: once `over`, nothing is wanted and no screen is kept, whatever arrives later.
 */

export const CLOSE = Object.freeze({
  ENDED: 4401,
  NOT_ALLOWED: 4403,
  TOO_SLOW: 4408,
  TAKEN: 4409,
  REVOKED: 4410,
  UPSTREAM_GONE: 4503,
  RESTART: 1012,
});

const FIRST_RETRY = 1000;
const LONGEST_RETRY = 15000;
// What breaks again sooner than this is tried less and less often, though a frame came each time.
const STEADY = 10_000;
const RESTART_RETRY = 2000;
const RESTART_PATIENCE = 30; // attempts: a minute
const MINUTE = 60_000;

/** @typedef {"operator"|"tenant"|"admin"|"guest"} Part */

/**
 * @param {{part: Part, endsAt: number}} facts What the page was rendered with.
 * @param {number} now
 */
export function begin(facts, now) {
  return Object.freeze({
    part: facts.part,
    endsAt: facts.endsAt,
    // idle · dialling · open · waiting · slow · shut. A watcher waits until there is a session.
    link: facts.part === "operator" ? "idle" : "shut",
    since: now, // when `link` changed
    attempt: 0,
    retryAt: null,
    why: null, // why the link is waiting: "network" · "restarting" · "upstream" · "taken"
    framed: false, // a first frame of this connection was shown
    seen: false, // a frame of any connection was shown
    session: null, // the gateway's SessionView
    you: [], // the ids of this browser's participants
    known: false, // the gateway has said once what is going on
    refusal: null, // {code, reason}
    over: null, // {code, by, role, reason, at}
    elsewhere: false, // another tab of this browser holds the console
    left: false, // the person left on purpose
  });
}

/**
 * @param {ReturnType<typeof begin>} state
 * @param {{type: string, [key: string]: any}} event
 * @param {number} now
 */
export function next(state, event, now) {
  if (state.over) return state;
  const step = STEPS[event.type];
  return step ? Object.freeze(step(state, event, now)) : state;
}

const STEPS = {
  dial: (state, _event, now) => ({
    ...state,
    link: "dialling",
    since: now,
    retryAt: null,
    framed: false,
    refusal: null,
    left: false,
  }),
  open: (state, _event, now) => ({ ...state, link: "open", since: now }),
  frame: (state) => ({
    ...state,
    framed: true,
    seen: true,
    attempt: state.why === "restarting" ? 0 : state.attempt,
    why: null,
  }),
  closed,
  refused,
  unreached: (state, _event, now) => wait(state, whyUnreached(state), now),
  view,
  ended: (state, event) => over(state, event.end),
  elsewhere: (state, _event, now) => ({ ...shut(state, now), elsewhere: true }),
  here: (state, _event, now) => ({ ...state, link: "idle", since: now, elsewhere: false }),
  retry: (state, _event, now) => ({
    ...state,
    link: "idle",
    since: now,
    retryAt: null,
    refusal: null,
    left: false,
    why: null,
  }),
  leave: (state, _event, now) => ({ ...shut(state, now), left: true }),
  tick: (state, _event, now) =>
    state.link === "waiting" && state.retryAt <= now ? { ...state, link: "idle", since: now } : state,
};

/** The socket closed; its code says why. */
function closed(state, { code, reason = "" }, now) {
  if (state.link === "shut" || state.link === "waiting") return state;
  switch (code) {
    case CLOSE.ENDED:
    case CLOSE.REVOKED:
      // The code blanks the screen at once; the events then say by whom, when, and whether the
      // consent has ended too or only this console session.
      return { ...shut(state, now), refusal: { code: "Ended", reason, session: state.session?.id ?? null } };
    case CLOSE.NOT_ALLOWED:
      return { ...shut(state, now), refusal: { code: "NotAllowed", reason } };
    case CLOSE.TOO_SLOW:
      return { ...state, link: "slow", since: now, framed: false };
    case CLOSE.TAKEN:
      return { ...wait(state, "taken", now), link: "shut", retryAt: null };
    case CLOSE.UPSTREAM_GONE:
      return wait(state, "upstream", now);
    case CLOSE.RESTART:
      return wait(state, "restarting", now);
    default:
      return wait(state, whyUnreached(state), now);
  }
}

/** A gateway that said that it restarts is given a while before its silence is a fault. */
function whyUnreached(state) {
  return state.why === "restarting" && state.attempt < RESTART_PATIENCE ? "restarting" : "network";
}

/** A ticket or the page's own request was refused. */
function refused(state, { status, code, reason }, now) {
  if (status === 429 || status === 503) return wait(state, whyUnreached(state), now);
  return { ...shut(state, now), refusal: { code, reason } };
}

/** The gateway's own view of the consent and of the console session. */
function view(state, { consent, session, you }, now) {
  if (!consent.active) return over(state, consent.end);
  const fresh = { ...state, known: true, session, you, endsAt: consent.ends_at };
  return state.part === "operator" ? fresh : asWatcher(fresh, now);
}

/** Watchers come and go with the console session: one that ended may be followed by the next. */
function asWatcher(state, now) {
  const running = state.session !== null && state.session.state.name !== "ended";
  if (!running) return state.link === "shut" ? state : shut(state, now);
  const free = state.link === "shut" && !state.left && state.why !== "taken";
  // Who was cut off from this very session waits for what the gateway says of it.
  const another = state.refusal?.code === "Ended" && state.refusal.session !== state.session.id;
  const welcome = state.refusal === null || another;
  return free && welcome ? { ...state, link: "idle", since: now, refusal: null } : state;
}

function over(state, end) {
  return { ...state, link: "shut", framed: false, seen: false, session: null, retryAt: null, over: end };
}

function shut(state, now) {
  return { ...state, link: "shut", since: now, framed: false, seen: false, retryAt: null };
}

function wait(state, why, now) {
  const steady = state.link === "open" && state.framed && STEADY <= now - state.since;
  const attempt = (steady ? 0 : state.attempt) + 1;
  const pause = why === "restarting" ? RESTART_RETRY : Math.min(FIRST_RETRY * 2 ** (attempt - 1), LONGEST_RETRY);
  return { ...state, link: "waiting", since: now, attempt, why, retryAt: now + pause, framed: false };
}

/**
 * What the page is in: one word per row of the table of states.
 * @returns {string}
 */
export function condition(state, now) {
  if (state.over) return ending(state);
  if (state.endsAt <= now) return "expired";
  if (state.elsewhere) return "elsewhere";
  if (state.left) return "left";
  if (state.refusal) return refusalCondition(state);
  if (state.link === "shut" && state.why !== "taken") return state.known ? "not_running" : "connecting";
  if (state.link === "slow") return "slow";
  if (state.link === "shut" && state.why === "taken") return "taken";
  if (state.link === "waiting") return { restarting: "restarting", upstream: "upstream", taken: "taken" }[state.why] ?? "offline";
  return fromSession(state);
}

function ending(state) {
  const known = {
    expired: "expired",
    withdrawn: "withdrawn",
    revoked: "revoked",
    finished: "finished",
    subscription_disabled: "disabled",
    sign_in_ended: "signed_out",
    link_revoked: "link_invalid",
    workstation_revoked: "workstation",
    vm_gone: "vm_gone",
    left: "finished",
  };
  return known[state.over.code] ?? "ended";
}

function refusalCondition(state) {
  const known = {
    StepUpStale: "step_up",
    StepUpNeeded: "step_up",
    OtherSignIn: "step_up",
    OtherAddress: "step_up",
    GrantEnded: "step_up",
    NotRunning: "not_running",
    Ended: "session_ended",
    NotSignedIn: "signed_out",
    ConsentExpired: "expired",
    VmGone: "vm_gone",
    NoSuchLink: "link_invalid",
    WorkstationNotSafelisted: "workstation",
  };
  const missing = state.part === "guest" ? "link_invalid" : "not_allowed";
  return known[state.refusal.code] ?? (state.refusal.code === "NotFound" ? missing : "not_allowed");
}

function fromSession(state) {
  const name = state.session?.state.name;
  if (name === "off") return "off";
  if (name === "taken") return "taken_upstream";
  if (name === "reconnecting") return "reconnecting";
  if (!state.framed) return "connecting";
  if (me(state)?.controls) return "control";
  if (me(state)?.may_type) return me(state).elsewhere ? "elsewhere_watch" : "other_controls";
  return "watching";
}

/** This browser's participant in the session, or null. */
export function me(state) {
  return state.session?.participants.find((one) => state.you.includes(one.id)) ?? null;
}

/** Who may type now, or null. */
export function controller(state) {
  return state.session?.participants.find((one) => one.controls) ?? null;
}

/**
 * What the shell shall have open.
 * @returns {{socket: boolean, still: boolean, screen: "none"|"live"|"held", input: boolean}}
 */
export function wants(state, now) {
  const name = condition(state, now);
  const finished = state.over !== null || state.endsAt <= now;
  const socket = !finished && ["idle", "dialling", "open"].includes(state.link);
  return {
    socket,
    still: name === "slow",
    screen: screenFor(name, state),
    input: name === "control",
  };
}

function screenFor(name, state) {
  if (["control", "watching", "other_controls", "elsewhere_watch"].includes(name)) return "live";
  if (["reconnecting", "offline", "restarting", "upstream"].includes(name) && state.seen) return "held";
  if (name === "connecting" && state.seen) return "held";
  return "none";
}

/** @returns {10|5|1|null} The warning that is due: minutes left, or none. */
export function warning(state, now) {
  const left = state.endsAt - now;
  if (state.over || left <= 0) return null;
  return [1, 5, 10].find((minutes) => left <= minutes * MINUTE) ?? null;
}
