// How the session does, and what is done for privacy: facts in words, those that need a look marked with a word too.

import { ago, clock, counted, fill, megabytes, number } from "./words.js";

const LATE_S = 2;

/**
 * @typedef {{name: string, says: string[], bad?: boolean}} Fact
 */

/**
 * Put facts into a description list.
 * @param {HTMLElement} list
 * @param {object | null} state null before one is known
 */
export function showHealth(list, state) {
  const known = state === null ? [] : facts(state);
  fill(
    list,
    known.flatMap(({ name, says, bad }) => [
      ["dt", "", name],
      ...says.map((words) => ["dd", bad ? "bad" : "", bad ? `! ${words}` : words]),
    ]),
  );
}

/** @returns {Fact[]} */
function facts(state) {
  const found = [
    state.degraded.length && { name: "attention", says: state.degraded, bad: true },
    Number.isFinite(state.lag_s) && {
      name: "lag",
      says: [`${number(state.lag_s, 1)} s behind the source`],
      bad: state.lag_s > LATE_S,
    },
    ...state.media.map(media),
    ...state.links.map(link),
    { name: "body language", says: bodyLanguage(state.nfbl) },
    { name: "windows", says: [windows(state)] },
    ...[["describer", state.describer], ["judge", state.judge]].map(([role, who]) => ({
      name: role,
      says: [model(who, state.models.find((one) => one.role === role))],
    })),
    { name: "memory", says: [memory(state)] },
    { name: "journal", says: [`line ${state.seq.toLocaleString("en")}`] },
    ...state.outputs.filter((one) => one.name !== "page" || one.state !== "up").map(output),
    state.notices.length && { name: "notices", says: state.notices },
  ];
  return found.filter(Boolean);
}

function media(one) {
  const rate = Number.isFinite(one.fps) ? `${number(one.fps, 1)} / s` : "no rate yet";
  const lost = [one.dropped && `${one.dropped.toLocaleString("en")} dropped`, one.gaps && counted(one.gaps, "gap")];
  const says = [rate, ...lost.filter(Boolean), one.ended && "ended"].filter(Boolean).join(", ");
  return { name: one.track, says: [says] };
}

function link(one) {
  const parts = [
    one.state,
    one.reason,
    one.reconnects && counted(one.reconnects, "reconnect"),
    Number.isFinite(one.retry_s) && `next attempt in ${ago(one.retry_s)}`,
    Number.isFinite(one.drift_ppm) && `clock ${number(one.drift_ppm, 0)} ppm`,
  ];
  return {
    name: `link (${one.source})`,
    says: [parts.filter(Boolean).join(", ")],
    bad: one.state === "lost" || one.state === "stalled",
  };
}

function bodyLanguage(nfbl) {
  const rate = Number.isFinite(nfbl.per_min) ? `, ${number(nfbl.per_min, 1)} events a minute` : "";
  return [
    `${nfbl.state}${rate}`,
    ...nfbl.unseen.map((one) => `${one.group} not seen: ${one.reason}`),
    ...(nfbl.people > 1 ? [`${nfbl.people} people in view, one is watched`] : []),
  ];
}

/** When the next window is judged (s), null where nothing is to come or time stands still. */
export const dueAt = ({ state, next_window_s: next, media_s: now }) =>
  state === "live" && Number.isFinite(next) && next >= now ? next : null;

function windows(state) {
  const counts = [
    `${state.judged.toLocaleString("en")} judged`,
    state.abstained && `${state.abstained} without an answer`,
    state.skipped && `${state.skipped} skipped`,
  ];
  if (state.running) counts.push(state.running === "global" ? "judging the whole session" : "judging a window");
  else if (dueAt(state) !== null) counts.push(`next at ${clock(dueAt(state))}`);
  return counts.filter(Boolean).join(", ");
}

function model(who, use) {
  const name = who.model && who.model !== who.name ? `${who.name} (${who.model})` : who.name;
  if (!use?.asked) return name;
  const tokens = use.prompt_tokens + use.completion_tokens;
  const parts = [
    name,
    `asked ${use.asked.toLocaleString("en")} times`,
    use.failed && `${use.failed} failed`,
    Number.isFinite(use.last_s) && `last took ${number(use.last_s, 1)} s`,
    tokens && `${tokens.toLocaleString("en")} tokens`,
    Number.isFinite(use.cost) && `cost ${number(use.cost, use.cost < 1 ? 4 : 2)}`,
  ];
  return parts.filter(Boolean).join(", ");
}

function memory(state) {
  const resident = Number.isFinite(state.rss_bytes) ? `, ${megabytes(state.rss_bytes)} in all` : "";
  return `${clock(state.horizon.seconds)} kept in ${megabytes(state.horizon.bytes)}${resident}`;
}

function output(one) {
  const parts = [one.state, one.reason, one.waiting && `${one.waiting.toLocaleString("en")} waiting`];
  return { name: one.name, says: [parts.filter(Boolean).join(", ")], bad: one.state === "down" || one.state === "stopped" };
}

/**
 * What is masked and how, as a list of sentences.
 * @param {HTMLElement} list
 * @param {object | null} state null before one is known: nothing is promised then
 */
export function showPrivacy(list, state) {
  const { faces, voice, kept, state: mask } = state?.privacy ?? {};
  const says = [[faces, mask === "whole-frame"], [voice, false], [kept, false]].filter(([words]) => words);
  fill(list, says.map(([words, bad]) => ["li", bad ? "bad" : "", words]));
}
