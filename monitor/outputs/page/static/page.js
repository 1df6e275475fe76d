// The page: who may look, which stream, and what is drawn of what arrives. It only reads.

import { Door, taken } from "./access.js";
import { Curve, explainCurve } from "./curve.js";
import { EstimateCard } from "./estimate.js";
import { Feed } from "./feed.js";
import { dueAt, showHealth, showPrivacy } from "./health.js";
import { Lanes, explainLanes } from "./lanes.js";
import { Memory } from "./memory.js";
import { shown } from "./plot.js";
import { Preview } from "./preview.js";
import { curveInWords, lanesInWords, momentInWords, showTables } from "./tables.js";
import { Tabs } from "./tabs.js";
import { Verdicts } from "./verdicts.js";
import { at, clock, tell } from "./words.js";

const STREAMS_MS = 5000;
const AGAIN_MS = 2000;
const OVER = ["ended", "failed"];

const preview = new Preview();
const estimate = new EstimateCard(
  { overall: at("overall"), current: at("current") },
  at("latest"),
  at("caution"),
  at("news"),
);
const verdicts = new Verdicts({
  list: at("verdicts"),
  count: at("verdicts-count"),
  none: at("verdicts-none"),
  more: at("verdicts-more"),
});
const curve = new Curve(at("curve"), point);
const lanes = new Lanes(at("lanes"), point);
explainCurve(at("curve-legend"));
explainLanes(at("lanes-legend"));
const tabs = new Tabs(at("tabs"), at("board"), choose);
const door = new Door(begin);

let told = null;
let feed = null;
let polling = 0;
let drawing = 0;
let length = 0;
let connected = false;
let heard = "";

/** Ask what streams there are, and again every few seconds where there are several. */
async function begin() {
  clearTimeout(polling);
  let answer = null;
  try {
    answer = await fetch("streams");
  } catch {
    // The monitor is not there: it may come back.
  }
  if (answer?.status === 401) {
    refused();
    return;
  }
  if (answer?.ok) {
    const { streams } = await answer.json();
    at("asking").hidden = true;
    at("shown").hidden = false;
    tabs.show(streams);
    if (streams.length === 1) tell(at("title"), streams[0].name);
    document.title = `${streams.length === 1 ? `${streams[0].name} · ` : ""}emotion-monitor`;
    if (streams.length > 1) polling = setTimeout(begin, STREAMS_MS);
    return;
  }
  if (feed === null) connection("reconnecting", "The monitor cannot be reached. Trying again …");
  polling = setTimeout(begin, AGAIN_MS);
}

/** Show one of the streams. @param {string} name */
function choose(name) {
  feed?.close();
  told = new Memory(name);
  const mine = told;
  preview.of(name);
  trouble({ says: "" });
  connection("connecting", "Connecting …");
  feed = new Feed(name, {
    connection,
    refused,
    gone: begin,
    trouble,
    hello: (hello) => {
      mine.meet(hello.session);
      if (mine.state === null) preview.session(null);
      preview.hello(hello.preview);
      draw();
    },
    history: (history) => {
      mine.replace(history);
      draw();
    },
    record: (record) => {
      if (mine.add(record)) draw();
    },
    state: (state) => {
      mine.know(state);
      heard = new Date().toLocaleTimeString();
      preview.session(state);
      draw();
    },
  });
  draw();
}

function connection(state, words) {
  const chip = at("connection");
  if (chip.dataset.state !== state) chip.dataset.state = state;
  tell(at("connected"), words);
  connected = state === "live" || state === "stalled";
  preview.connection(connected);
  draw();
}

/** Why the page tells less than there is. */
function trouble({ says }) {
  at("trouble").hidden = !says;
  tell(at("trouble"), says && `This page tells less than there is: ${says}`);
}

/** The token is missing, or the monitor is another one now: nothing is shown to whoever has none. */
function refused() {
  feed?.close();
  feed = null;
  tabs.chosen = null;
  at("shown").hidden = true;
  connection("lost", "A token is needed");
  door.asked();
}

/** Draw once for all that has arrived since, when the browser is about to paint. */
function draw() {
  if (drawing) return;
  drawing = requestAnimationFrame(() => {
    drawing = 0;
    if (told !== null) drawNow();
  });
}

function drawNow() {
  estimate.show(told);
  verdicts.show(told);
  const seen = shown(told.now(), length);
  curve.draw(told, seen);
  lanes.draw(told, seen);
  tell(at("curve-summary"), curveInWords(told));
  tell(at("lanes-summary"), lanesInWords(told));
  if (at("tables").closest("details").open) showTables(at("tables"), told);
  showHealth(at("health"), told.state);
  showPrivacy(at("privacy"), told.state);
  drawState(told.state);
}

function drawState(state) {
  const old = state === null ? "" : age(state);
  at("as-of").hidden = !old;
  tell(at("as-of"), old);
  if (state === null) {
    at("session-state").dataset.state = "connecting";
    tell(at("session-said"), connected ? "Waiting for the session" : "Not known: no connection");
    tell(at("session-time"), "");
    return;
  }
  const whole = Number.isFinite(state.duration_s) ? ` of ${clock(state.duration_s)}` : "";
  const due = dueAt(state);
  const next = due === null ? "" : `, next verdict at ${clock(due)}`;
  tell(at("session-time"), `${clock(state.media_s)}${whole}${next}`);
  const known = connected || OVER.includes(state.state);
  at("session-state").dataset.state = known ? state.state : "lost";
  tell(at("session-said"), known ? state.says : "Not known: no connection");
}

/** Of when the numbers are, where they are not of now. */
function age(state) {
  if (OVER.includes(state.state)) return "";
  const when = `what is shown here is as of ${clock(state.media_s)} of the session`;
  if (!connected) return `No news since ${heard}: ${when}.`;
  return state.answers ? "" : `The session does not answer: ${when}.`;
}

function point(time) {
  tell(at("reading"), time === null || told === null ? "" : momentInWords(told, time));
}

at("ranges").addEventListener("change", (event) => {
  length = Number(event.target.value);
  draw();
});
at("tables").closest("details").addEventListener("toggle", draw);
document.addEventListener("visibilitychange", draw);
addEventListener("hashchange", () => location.hash.includes("token=") && enter());
addEventListener("pagehide", () => feed?.close());
addEventListener("pageshow", (event) => event.persisted && location.reload());

/** With the token of the address, where there is one. */
function enter() {
  const token = taken();
  if (token === null) begin();
  else door.tried(token);
}
enter();
