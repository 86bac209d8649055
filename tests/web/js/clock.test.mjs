/** Time left, by the gateway's clock. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock, clockTime } from "../../../static/js/console/clock.js";
import { inWords, segments, urgency } from "../../../static/js/hours.js";

test("the browser's own time of day plays no part", () => {
  let ticks = 5000;
  const clock = new ServerClock(1_000_000, () => ticks);
  ticks += 1500;
  assert.equal(clock.now(), 1_001_500);
  clock.heard(2_000_000);
  assert.equal(clock.now(), 2_000_000);
});

test("everybody is shown the same hour", () => {
  assert.equal(clockTime("2026-11-22T22:00:59+01:00"), "21:00 UTC");
});

test("time left is said in hours, then minutes, then seconds", () => {
  const cases = [[8 * 3600, "8 h 00 min left"], [7 * 3600 + 12 * 60 + 59, "7 h 12 min left"], [59 * 60, "59 min left"], [95, "1:35 left"], [42, "0:42 left"], [0, "ended"], [-5, "ended"]];
  for (const [seconds, said] of cases) assert.equal(inWords(seconds * 1000), said);
});

test("eight segments go out one after the other", () => {
  assert.deepEqual(segments(2.5 * 3_600_000), [10, 10, 5, 0, 0, 0, 0, 0]);
  assert.deepEqual(segments(9 * 3_600_000), Array(8).fill(10));
});

test("half an hour is soon, five minutes are the last", () => {
  assert.deepEqual([31, 30, 5].map((minutes) => urgency(minutes * 60_000)), ["calm", "soon", "last"]);
});
