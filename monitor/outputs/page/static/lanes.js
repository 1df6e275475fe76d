// Body language over time: one lane for each group, hatched where the group could not be seen.

import { explained } from "./curve.js";
import { Plot, edges, hatching, marks, narrow, shade } from "./plot.js";
import { GROUPS } from "./words.js";

const LANE = 38;  // px
const BAR = 16;   // px
const LEAST = 14;  // px of what cannot be seen now
const MOST_BARS = 500;

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
    shade(plot, this.told.gaps, colour("gap"));
    const { ctx, bbox } = plot;
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
    for (const one of this.told.events().slice(0, MOST_BARS)) {
      const found = edges(plot, one.start_s, one.end_s);
      const number = GROUPS.indexOf(one.group);
      if (!found || number < 0) continue;
      const top = bbox.top + number * lane + (lane - BAR * ratio) / 2 + (narrow(width) ? 5 * ratio : 0);
      const long = Math.max(3 * ratio, found[1] - found[0]);
      ctx.beginPath();
      ctx.roundRect(found[0], top, long, BAR * ratio, 3 * ratio);
      if (one.phase === "close") ctx.fill();
      else ctx.stroke();
    }
    if (narrow(width)) this.names(ctx, bbox, lane, colour);
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
