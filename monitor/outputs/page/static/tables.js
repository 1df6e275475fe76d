// The charts for those who do not see them: a sentence for each, and their last points as tables.

import { GROUPS, arrange, clock, counted, labelled, make, number, span, tell } from "./words.js";

const ROWS = 20;

/** What the curve shows. @param {import("./memory.js").Memory} told */
export function curveInWords(told) {
  const points = told.curve();
  if (!points.length) return "There is no estimate yet.";
  const parts = ["overall", "current"].map((track) => {
    const [least, most] = bounds(points.map((one) => one[track].p_positive));
    const last = points.at(-1)[track];
    const label = told.estimate(track)?.label;
    const answer = label ? `, ${labelled(label)[1]}` : "";
    const been = least === most ? ", as all along" : `, and was between ${least} and ${most}`;
    const interval = `(${number(last.interval[0])} – ${number(last.interval[1])})`;
    return `${track} is ${number(last.p_positive)} ${interval}${answer}${been}`;
  });
  const gaps = told.gaps.length ? ` ${counted(told.gaps.length, "gap")} without media.` : "";
  return `From ${clock(points[0].media_s)} to ${clock(points.at(-1).media_s)}: ${parts.join("; ")}.${gaps}`;
}

function bounds(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return [number(sorted[0]), number(sorted.at(-1))];
}

/** What the lanes show. @param {import("./memory.js").Memory} told */
export function lanesInWords(told) {
  const events = told.events();
  const counts = GROUPS.map((group) => [group, events.filter((one) => one.group === group).length]);
  const some = counts.filter(([, many]) => many).map(([group, many]) => `${group} ${many}`);
  const which = told.wholeFrom ? `The latest ${counted(events.length, "event")}` : counted(events.length, "event");
  const older = told.wholeFrom ? ` What was before ${clock(told.wholeFrom)} is in the journal.` : "";
  const seen = some.length ? `${which}: ${some.join(", ")}.${older}` : `No body language was seen.${older}`;
  const now = [...told.nowUnseen.values()].map((one) => `${one.group} (${one.reason})`);
  const before = GROUPS.filter((group) => told.blind().some((one) => one.group === group));
  const unseen = before.length ? ` At times not to be seen: ${before.join(", ")}.` : "";
  return now.length ? `${seen}${unseen} Not to be seen now: ${now.join(", ")}.` : `${seen}${unseen}`;
}

/**
 * What there is at one moment, for a pointer on a chart.
 * @param {import("./memory.js").Memory} told
 * @param {number} time
 */
export function momentInWords(told, time) {
  const point = told.points.findLast((one) => one.media_s <= time);
  const says = [clock(time)];
  if (point) {
    const track = (name) => `${name} ${number(point[name].p_positive)} (${point[name].interval.map((one) => number(one)).join(" – ")})`;
    says.push(track("overall"), track("current"));
  }
  if (time < told.wholeFrom) says.push("older events are in the journal");
  const during = (one) => one.start_s <= time && time <= one.end_s;
  for (const one of told.events().filter(during).slice(0, 3)) says.push(named(one));
  for (const one of told.blind().filter(during)) says.push(`${one.group} not seen: ${one.reason}`);
  for (const one of told.gaps.filter(during)) says.push(`no ${one.track}: ${one.reason}`);
  return says.join(" · ");
}

const named = (one) => `${one.name}${one.side && one.side !== "none" ? ` (${one.side})` : ""}, ${one.group}`;

/**
 * The last points of both charts.
 * @param {HTMLElement} host
 * @param {import("./memory.js").Memory} told
 */
export function showTables(host, told) {
  const cell = (track) => `${number(track.p_positive)} (${number(track.interval[0])} – ${number(track.interval[1])})`;
  const points = told.points.slice(-ROWS).reverse().map((one) => [clock(one.media_s), cell(one.overall), cell(one.current)]);
  const events = told.events().slice(0, ROWS).map((one) => [span(one.start_s, one.end_s), one.group, named(one)]);
  const unseen = told.blind().slice(-ROWS).reverse().map((one) => [span(one.start_s, one.end_s), one.group, one.reason]);
  const gaps = told.gaps.slice(-ROWS).reverse().map((one) => [span(one.start_s, one.end_s), one.track, one.reason]);
  const marks = told.marks.slice(-ROWS).reverse().map((one) => [clock(one.media_s), one.note || "without a note"]);
  const tables = [
    ["Estimate, newest first", ["Time", "Overall", "Current"], points],
    ["Body language, newest first", ["Time", "Group", "What"], events],
    ["What could not be seen", ["Time", "Group", "Why"], unseen],
    ["Gaps in the media", ["Time", "Track", "Why"], gaps],
    ["Marks", ["Time", "Note"], marks],
  ];
  tables.forEach(([caption, heads, rows], place) => renew(host.children[place] ?? host.appendChild(table(heads)), caption, rows));
}

function table(heads) {
  const made = make("table");
  const head = make("tr");
  for (const words of heads) {
    const cell = make("th", "", words);
    cell.scope = "col";
    head.append(cell);
  }
  made.append(make("caption"), make("thead"), make("tbody"));
  made.tHead.append(head);
  return made;
}

/** Rows that stay are left alone: who reads in the table stays where they are. */
function renew(made, caption, rows) {
  tell(made.caption, rows.length ? caption : `${caption}: none`);
  made.tHead.hidden = !rows.length;
  const [body] = made.tBodies;
  const there = new Map([...body.rows].map((row) => [row.said, row]));
  arrange(
    body,
    rows.map((cells) => {
      const key = JSON.stringify(cells);
      const row = there.get(key) ?? rowOf(cells, key);
      there.delete(key);  // a second one that says the same is a row of its own
      return row;
    }),
  );
}

function rowOf(cells, key) {
  const row = make("tr");
  row.said = key;
  row.append(...cells.map((words) => make("td", "", words)));
  return row;
}
