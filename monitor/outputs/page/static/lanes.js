// Body language over time: one lane for each group, hatched where the group could not be seen.

import { explained } from "./curve.js";
import { Plot, edges, hatching, marks, narrow, shade } from "./plot.js";
import { GROUPS } from "./words.js";

const LANE = 38;  // px
const BAR = 16;   // px
const LEAST = 14;  // px of what cannot be seen now
const OLDER = "older events are in the journal";

/** @param {HTMLElement} list */
export function explainLanes(list) {
  list.append(
    explained("seen", (draw) => draw("block", "events")),
    explained("still going on", (draw) => draw("outline", "events")),
    explained("could not be seen (no event there does not mean calm)", (draw) => draw("hatched", "unseen")),
    explained("no media (gap)", (draw) => draw("block", "gap")),
    explained("┆ a person's mark", null),
  );
}

/** The chart of body language. */
export class Lanes {
  /** @param {HTMLElement} host */
  constructor(host, pointed) {
    this.told = null;
    this.plot = new Plot(
      host,
      GROUPS.length * LANE + 36,
      (width, colour, font) => this.options(width, colour, font),
      pointed,
    );
  }

  /**
   * @param {import("./memory.js").Memory} told
   * @param {[number, number]} span
   */
  draw(told, span) {
    this.told = told;
    // uPlot draws what has points: two of them, with nothing in between, hold the chart open.
    this.plot.draw([span, [null, null]], span);
  }

  options(width, colour, font) {
    return {
      scales: { y: { range: [0, GROUPS.length] } },
      axis: {
        splits: () => GROUPS.map((_, lane) => lane + 0.5),
        values: () => (narrow(width) ? GROUPS.map(() => "") : [...GROUPS].reverse()),
        grid: { show: false },
      },
      series: [{}, { points: { show: false } }],
      hooks: { drawClear: [(plot) => this.under(plot, colour)], draw: [(plot) => this.over(plot, colour, width)] },
    };
  }

  under(plot, colour) {
    const { ctx, bbox } = plot;
    this.leftOut(plot, colour);
    shade(plot, this.told.gaps, colour("gap"));
    const lane = bbox.height / GROUPS.length;
    ctx.save();
    ctx.strokeStyle = colour("grid");
    ctx.lineWidth = devicePixelRatio;
    for (let number = 0; number <= GROUPS.length; number += 1) {
      const y = Math.round(bbox.top + number * lane) + 0.5;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.fillStyle = hatching(ctx, colour("unseen"));
    for (const one of this.told.blind()) {
      const found = edges(plot, one.start_s, one.end_s);
      const number = GROUPS.indexOf(one.group);
      if (!found || number < 0) continue;
      // Since when it cannot be seen is known once that is over; that it cannot must be plain at once.
      const from = one.open ? Math.min(found[0], found[1] - LEAST * devicePixelRatio) : found[0];
      ctx.fillRect(from, bbox.top + number * lane, found[1] - from, lane);
    }
    ctx.restore();
  }

  over(plot, colour, width) {
    marks(plot, this.told.marks, colour("soft"));
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const lane = bbox.height / GROUPS.length;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = colour("events");
    ctx.lineWidth = 2 * ratio;
    for (const { number, from, to, open } of bars(plot, this.told.events())) {
      const top = bbox.top + number * lane + (lane - BAR * ratio) / 2 + (narrow(width) ? 5 * ratio : 0);
      ctx.beginPath();
      ctx.roundRect(from, top, to - from, BAR * ratio, 3 * ratio);
      if (open) ctx.stroke();
      else ctx.fill();
    }
    if (narrow(width)) this.names(ctx, bbox, lane, colour);
    ctx.restore();
  }

  /** Where not everything is here: without a word it would look calm. */
  leftOut(plot, colour) {
    const found = this.told.wholeFrom ? edges(plot, 0, this.told.wholeFrom) : null;
    if (!found) return;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = hatching(ctx, colour("grid"), true);
    ctx.fillRect(found[0], bbox.top, found[1] - found[0], bbox.height);
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    ctx.fillStyle = colour("soft");
    ctx.fillText(OLDER, found[0] + 8 * devicePixelRatio, bbox.top + bbox.height / 2);
    ctx.restore();
  }

  /** On a phone the names stand in the lanes: a margin for them would take a third of the chart. */
  names(ctx, bbox, lane, colour) {
    const ratio = devicePixelRatio;
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.lineJoin = "round";
    ctx.lineWidth = 4 * ratio;
    ctx.strokeStyle = colour("card");
    ctx.fillStyle = colour("ink");
    GROUPS.forEach((name, number) => {
      const [x, y] = [bbox.left + 4 * ratio, bbox.top + number * lane + 2 * ratio];
      ctx.strokeText(name, x, y);
      ctx.fillText(name, x, y);
    });
  }
}

/**
 * What is drawn of events: those that are over and meet on the screen are one bar, so many as there are columns at most.
 * @param {Array<import("./memory.js").NfblEvent>} events newest first
 */
function bars(plot, events) {
  const drawn = [];
  const last = GROUPS.map(() => null);
  for (const one of events.reverse()) {
    const found = edges(plot, one.start_s, one.end_s);
    const number = GROUPS.indexOf(one.group);
    if (!found || number < 0) continue;
    const [from] = found;
    const to = Math.max(found[1], from + 3 * devicePixelRatio);
    const open = one.phase !== "close";
    if (!open && last[number] && from < last[number].to) {
      last[number].to = Math.max(last[number].to, to);
      continue;
    }
    const bar = { number, from, to, open };
    if (!open) last[number] = bar;
    drawn.push(bar);
  }
  return drawn;
}
