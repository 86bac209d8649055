/** The console page's states, as a person at one end lives through them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CLOSE, begin, condition, next, wants, warning } from "../../../static/js/console/machine.js";
import { words } from "../../../static/js/console/words.js";

const NOW = Date.parse("2026-11-22T14:00:00Z");
const EIGHT_HOURS = 8 * 3_600_000;
const FACTS = { vm: "web01", tenant: "Contoso", part: "operator" };

const ANA = { id: "p1", name: "ana", role: "operator", since: "2026-11-22T13:55:00Z", may_type: true, controls: true, asks: false, elsewhere: false, rtt_ms: 12, fps: 20 };
const CONTOSO = { ...ANA, id: "p2", name: "Contoso", role: "tenant", may_type: false, controls: false };

function consent(changes = {}) {
  return { active: true, ends_at: NOW + EIGHT_HOURS, end: null, ...changes };
}

function session(state = { name: "live", since: "2026-11-22T13:55:00Z" }, participants = [ANA, CONTOSO]) {
  return { state, participants, control_since: "2026-11-22T14:02:00Z" };
}

/** Lives through events, each at its own moment. */
function live(part, events) {
  let state = begin({ part, endsAt: NOW + EIGHT_HOURS }, NOW);
  for (const event of events) state = next(state, event, event.at ?? NOW);
  return state;
}

const CONNECTED = [{ type: "dial" }, { type: "open" }, { type: "frame" }];
const view = (changes = {}) => ({ type: "view", consent: consent(), session: session(), you: ["p1"], ...changes });
const ended = (code, reason = "") => view({ consent: consent({ active: false, end: { code, by: "root", reason, at: "2026-11-22T21:14:00Z" } }), session: null, you: [] });
const say = (state, now = NOW, facts = FACTS) => words(condition(state, now), state, { ...facts, part: state.part }, now);

test("an operator who has the first frame and control controls", () => {
  const state = live("operator", [...CONNECTED, view()]);
  assert.equal(condition(state, NOW), "control");
  assert.equal(say(state).banner, "You control web01. Contoso is watching.");
  assert.deepEqual(wants(state, NOW), { socket: true, still: false, screen: "live", input: true });
});

test("nobody may type before the first frame, whatever the session says", () => {
  const state = live("operator", [{ type: "dial" }, { type: "open" }, view()]);
  assert.equal(condition(state, NOW), "connecting");
  assert.equal(wants(state, NOW).input, false);
});

test("a watcher dials only once an operator has the console open", () => {
  const alone = live("tenant", [view({ session: null, you: [] })]);
  assert.equal(condition(alone, NOW), "not_running");
  assert.equal(wants(alone, NOW).socket, false);
  const joined = next(alone, view({ you: [] }), NOW);
  assert.equal(wants(joined, NOW).socket, true);
});

test("a watcher's screen says so from the first frame and never types", () => {
  const state = live("tenant", [view({ you: [] }), ...CONNECTED, view({ you: ["p2"] })]);
  assert.equal(condition(state, NOW), "watching");
  assert.equal(say(state).banner, "Watching only: your keyboard and mouse are not sent.");
  assert.equal(wants(state, NOW).input, false);
});

test("connecting names the step and the seconds that went by", () => {
  const connecting = session({ name: "connecting", step: "answered", number: 2, steps: 3, since: "2026-11-22T14:00:00Z" }, []);
  const state = live("operator", [{ type: "dial" }, view({ session: connecting, you: [] })]);
  const said = say(state, NOW + 4200);
  assert.equal(said.banner, "Connecting to web01. Step 2 of 3: the hypervisor answered.");
  assert.equal(said.more, "4 s so far");
});

test("somebody else's control is named with its hour, and can be asked for", () => {
  const ben = { ...ANA, id: "p3", name: "Ben" };
  const mine = { ...ANA, controls: false };
  const state = live("operator", [...CONNECTED, view({ session: session(undefined, [mine, ben]) })]);
  assert.equal(say(state).banner, "Ben (operator) has control since 14:02 UTC.");
  assert.deepEqual(say(state).acts, ["ask_control"]);
  assert.equal(wants(state, NOW).input, false);
});

test("control that somebody has in another window of theirs reads open elsewhere", () => {
  const mine = { ...ANA, controls: false, elsewhere: true };
  const state = live("operator", [...CONNECTED, view({ session: session(undefined, [mine, { ...ANA, id: "p9" }]) })]);
  assert.equal(say(state).heading, "Open elsewhere");
});

test("a second tab of one browser opens nothing until it is used here", () => {
  const second = live("operator", [{ type: "elsewhere" }, view()]);
  assert.equal(condition(second, NOW), "elsewhere");
  assert.equal(wants(second, NOW).socket, false);
  assert.equal(wants(next(second, { type: "here" }, NOW), NOW).socket, true);
});

test("while the hypervisor is away the last frame stays, dimmed, and keys go nowhere", () => {
  const away = session({ name: "reconnecting", attempt: 3, retry_at: "2026-11-22T14:00:04Z", why: "UpstreamLost" });
  const state = live("operator", [...CONNECTED, view(), view({ session: away })]);
  assert.equal(say(state).banner, "Connection to the hypervisor lost. Trying again in 4 s (attempt 3). Keys you press now are not sent.");
  assert.deepEqual(wants(state, NOW), { socket: true, still: false, screen: "held", input: false });
});

test("a hypervisor that cannot be reached or refuses says so, in its own words where they are told", () => {
  const trouble = (why, words) => session({ name: "reconnecting", attempt: 1, retry_at: "2026-11-22T14:00:10Z", why, words });
  const first = (why, words) => live("operator", [{ type: "dial" }, view({ session: trouble(why, words) })]);
  const refused = say(first("UpstreamRefused", "the host refused the account: wrong password"));
  assert.equal(refused.heading, "The hypervisor turned the gateway away");
  assert.equal(refused.more, "What the gateway was told: The host refused the account: wrong password.");
  assert.match(refused.text, /tell them\. Trying again in 10 s \(attempt 1\)\./);
  assert.equal(say(first("UpstreamUnreachable")).heading, "The hypervisor cannot be reached");
  assert.equal(say(first("UpstreamUnreachable")).more, undefined);
  const gone = live("operator", [...CONNECTED, view(), view({ session: trouble("UpstreamUnreachable") })]);
  assert.equal(say(gone).heading, "Connection to the hypervisor lost");
});

test("a wait of minutes is told in minutes", () => {
  const at = (retryAt) => say(live("operator", [{ type: "dial" }, view({ session: session({ name: "reconnecting", attempt: 1, retry_at: retryAt, why: "UpstreamRefused" }) })])).text;
  assert.match(at(new Date(NOW + 300_000).toISOString()), /Trying again in 5 min \(attempt 1\)\./);
  assert.match(at(new Date(NOW + 60_000).toISOString()), /Trying again in 60 s \(attempt 1\)\./);
});

test("off, network and refusal are three different texts", () => {
  const off = live("operator", [{ type: "dial" }, view({ session: session({ name: "off", retry_at: "2026-11-22T14:00:30Z" }) })]);
  const network = live("operator", [...CONNECTED, view(), { type: "closed", code: 1006 }]);
  const refused = live("operator", [{ type: "refused", status: 403, code: "WorkstationNotSafelisted", reason: "" }]);
  const texts = new Set([off, network, refused].map((state) => say(state).text));
  assert.equal(texts.size, 3);
  assert.equal(say(off).banner, "web01 is turned off. There is no screen to show.");
});

test("a gateway that restarts is waited for without a word from the person", () => {
  const state = live("operator", [...CONNECTED, view(), { type: "closed", code: CLOSE.RESTART }]);
  assert.equal(condition(state, NOW), "restarting");
  assert.equal(wants(state, NOW).screen, "held");
  const later = next(state, { type: "tick" }, NOW + 2000);
  assert.equal(wants(later, NOW + 2000).socket, true);
});

test("while the gateway is away, failed dials still read restarting, and pauses stay bounded", () => {
  let state = live("operator", [...CONNECTED, view(), { type: "closed", code: CLOSE.RESTART }]);
  const failures = [{ type: "unreached" }, { type: "closed", code: 1006 }, { type: "refused", status: 503 }];
  let at = NOW;
  for (; at < NOW + 56_000; at += 2000) {
    state = next(next(state, { type: "tick" }, at), { type: "dial" }, at);
    state = next(state, failures[(at / 2000) % 3], at);
    assert.equal(condition(state, at), "restarting");
    assert.ok(state.retryAt - at <= 15_000);
  }
  for (; at < NOW + 64_000; at += 2000) {
    state = next(next(state, { type: "dial" }, at), { type: "unreached" }, at);
  }
  // A minute of silence is no restart any more.
  assert.equal(condition(state, at), "offline");
});

test("what breaks at once after each first frame is tried less and less often", () => {
  const pauses = (seconds) => {
    let state = live("operator", [view()]);
    let at = NOW;
    const seen = [];
    for (let time = 0; time < 6; time += 1) {
      for (const type of ["dial", "open", "frame"]) state = next(state, { type }, at);
      at += seconds * 1000;
      state = next(state, { type: "closed", code: 1006 }, at);
      seen.push((state.retryAt - at) / 1000);
      at = state.retryAt;
      state = next(state, { type: "tick" }, at);
    }
    return seen;
  };
  assert.deepEqual(pauses(0.5), [1, 2, 4, 8, 15, 15]);
  // A connection that held is over for a reason of its own.
  assert.deepEqual(pauses(10), [1, 1, 1, 1, 1, 1]);
});

test("how often a restarting gateway was asked counts for nothing once it answered", () => {
  let state = live("operator", [...CONNECTED, view(), { type: "closed", code: CLOSE.RESTART }]);
  for (let time = 0; time < 5; time += 1) state = next(next(state, { type: "dial" }, NOW), { type: "unreached" }, NOW);
  assert.equal(condition(state, NOW), "restarting");
  for (const type of ["dial", "open", "frame"]) state = next(state, { type }, NOW);
  state = next(state, { type: "closed", code: 1006 }, NOW + 500);
  assert.equal(state.retryAt, NOW + 1500);
});

test("revocation blanks the screen by the close code alone", () => {
  const state = live("operator", [...CONNECTED, view(), { type: "closed", code: CLOSE.REVOKED, reason: "" }]);
  assert.deepEqual(wants(state, NOW), { socket: false, still: false, screen: "none", input: false });
});

test("who was cut off from a session does not dial it again, but does dial the next", () => {
  const running = { session: { ...session(), id: "s1" }, you: [] };
  const state = live("guest", [view(running), ...CONNECTED, { type: "closed", code: CLOSE.REVOKED }, view(running)]);
  assert.equal(wants(state, NOW).socket, false);
  const later = next(state, view({ session: { ...session(), id: "s2" }, you: [] }), NOW);
  assert.equal(wants(later, NOW).socket, true);
});

test("revocation then says by whom, when and why", () => {
  const state = live("operator", [...CONNECTED, view(), { type: "closed", code: CLOSE.REVOKED }, ended("revoked", "wrong machine")]);
  assert.equal(say(state).banner, "Access was ended by an administrator at 21:14 UTC.");
  assert.equal(say(state).more, "Reason: wrong machine");
  assert.equal(say(state).alarm, true);
});

test("a session that ends under a consent that stays is no end of the access", () => {
  const operator = live("operator", [...CONNECTED, view(), { type: "closed", code: CLOSE.REVOKED, reason: "enough" }, view({ session: null, you: [] })]);
  assert.equal(condition(operator, NOW), "session_ended");
  assert.deepEqual(say(operator).acts, ["step_up", "back"]);
});

test("a watcher finds the next session by itself", () => {
  const after = live("tenant", [view({ you: [] }), ...CONNECTED, { type: "closed", code: CLOSE.ENDED }, view({ session: null, you: [] })]);
  assert.equal(wants(after, NOW).socket, false);
  assert.equal(wants(next(after, view({ you: [] }), NOW), NOW).socket, true);
});

test("the consent runs out by the gateway's clock even if nobody says so", () => {
  const state = live("operator", [...CONNECTED, view()]);
  const later = NOW + EIGHT_HOURS;
  assert.equal(condition(state, later), "expired");
  assert.deepEqual(wants(state, later), { socket: false, still: false, screen: "none", input: false });
  assert.match(say(state, later).banner, /^Access ended at 22:00 UTC: the 8-hour consent ran out\./);
});

test("once over, nothing that arrives later brings the screen back", () => {
  const state = live("operator", [...CONNECTED, view(), ended("withdrawn"), view(), ...CONNECTED, { type: "retry" }, { type: "here" }]);
  assert.equal(condition(state, NOW), "withdrawn");
  assert.equal(wants(state, NOW).socket, false);
  for (const event of [view(), ...CONNECTED, { type: "retry" }, { type: "here" }]) assert.equal(next(state, event, NOW), state);
});

test("too slow a link gets still pictures until live is asked for again", () => {
  const slow = live("tenant", [view({ you: [] }), ...CONNECTED, { type: "closed", code: CLOSE.TOO_SLOW }]);
  assert.deepEqual(wants(slow, NOW), { socket: false, still: true, screen: "none", input: false });
  assert.equal(say(slow).banner, "Your connection is too slow for the live view. Showing a still picture every 2 s.");
  assert.equal(wants(next(slow, { type: "retry" }, NOW), NOW).socket, true);
});

test("a stale step-up leads to the step-up page, not to an error", () => {
  const state = live("operator", [{ type: "dial" }, { type: "refused", status: 403, code: "StepUpStale", reason: "" }]);
  assert.equal(say(state).acts[0], "step_up");
});

test("every cause reads the same to a guest whose link is dead", () => {
  const dead = live("guest", [ended("link_revoked")]);
  assert.equal(say(dead).heading, "This link does not work any more");
});

test("every end that there is has words of its own", () => {
  const codes = ["expired", "withdrawn", "revoked", "finished", "subscription_disabled", "sign_in_ended", "link_revoked", "workstation_revoked", "vm_gone"];
  const said = codes.map((code) => say(live("operator", [ended(code)])).banner);
  assert.equal(new Set(said).size, codes.length);
});

test("the last ten, five and one minutes are announced", () => {
  const state = live("operator", [...CONNECTED, view()]);
  const left = (minutes) => warning(state, NOW + EIGHT_HOURS - minutes * 60_000);
  assert.deepEqual([11, 10, 6, 5, 1, 0.5].map(left), [null, 10, 10, 5, 1, 1]);
});
