// The estimate over time: both tracks with their intervals, the verdicts as signs, gaps shaded.

import { Plot, marks, shade } from "./plot.js";
import { labelled, make, number } from "./words.js";

const HEIGHT = 260;
const MOST_SIGNS = 200;

/**
 * What can be drawn, as a list of explanations.
 * @param {HTMLElement} list
 */
export function explainCurve(list) {
  list.append(
    explained("overall, with its interval (forgets nothing)", (draw) => {
      draw("block", "overall-band");
      draw("line", "overall");
    }),
    explained("current, with its interval (forgets with time)", (draw) => {
      draw("block", "current-band");
      draw("dashed", "current");
    }),
    explained("▲ ▼ verdicts", null),
    explained("no media (gap)", (draw) => draw("block", "gap")),
  );
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * One entry of a legend: a small drawing and its words.
 * @param {string} words
 * @param {((draw: (kind: string, colour: string) => void) => void) | null} sketch
 */
export function explained(words, sketch) {
  const entry = make("li");
  if (sketch) {
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", "0 0 28 16");
    picture.setAttribute("aria-hidden", "true");
    sketch((kind, colour) => picture.append(sketched(kind, colour)));
    entry.append(picture);
  }
  entry.append(words);
  return entry;
}

const SHAPES = {
  line: "M1 8H27",
  dashed: "M1 8H27",
  hatched: "M1 14L9 2M7 14L15 2M13 14L21 2M19 14L27 2",
  block: "M1 2H27V14H1Z",
  outline: "M2 3H26V13H2Z",
};

function sketched(kind, colour) {
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", SHAPES[kind]);
  shape.setAttribute("class", `sketch ${kind} of-${colour}`);
  return shape;
}

/** The chart of the estimate. */
export class Curve {
  /** @param {HTMLElement} host */
  constructor(host, pointed) {
    this.told = null;
    this.plot = new Plot(host, HEIGHT, (width, colour, font) => this.options(width, colour, font), pointed);
  }

  /**
   * @param {import("./memory.js").Memory} told
   * @param {[number, number]} span
   */
  draw(told, span) {
    this.told = told;
    const points = told.curve();
    const both = (track) => [
      points.map((one) => one[track].p_positive),
      points.map((one) => one[track].interval[0]),
      points.map((one) => one[track].interval[1]),
    ];
    this.plot.draw([points.map((one) => one.media_s), ...both("overall"), ...both("current")], span);
  }

  options(width, colour, font) {
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    const line = (name, more) => ({ stroke: colour(name), width: 2, spanGaps: true, points: { show: false }, ...more });
    return {
      scales: { y: { range: [0, 1] } },
      axis: {
        splits: () => [0, 0.25, 0.5, 0.75, 1],
        values: (_, values) => values.map((value) => number(value, 2)),
        grid: { stroke: colour("grid"), width: 1 },
      },
      series: [{}, line("overall"), edge, edge, line("current", { dash: [6, 4] }), edge, edge],
      bands: [
        { series: [3, 2], fill: colour("overall-band") },
        { series: [6, 5], fill: colour("current-band") },
      ],
      hooks: {
        drawClear: [(plot) => this.under(plot, colour)],
        draw: [(plot) => this.over(plot, colour, font, width)],
      },
    };
  }

  under(plot, colour) {
    shade(plot, this.told.gaps, colour("gap"));
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour("soft");
    ctx.lineWidth = devicePixelRatio;
    const middle = Math.round(plot.valToPos(0.5, "y", true));
    ctx.beginPath();
    ctx.moveTo(bbox.left, middle);
    ctx.lineTo(bbox.left + bbox.width, middle);
    ctx.stroke();
    ctx.restore();
  }

  over(plot, colour, font) {
    marks(plot, this.told.marks, colour("soft"));
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    const beyond = 8 * devicePixelRatio;  // the sign of a verdict on the edge is whole
    ctx.rect(bbox.left - beyond, bbox.top, bbox.width + 2 * beyond, bbox.height);
    ctx.clip();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (const one of this.told.verdicts().slice(0, MOST_SIGNS)) {
      if (!Number.isFinite(one.p_positive)) continue;
      ctx.fillStyle = colour(one.label === "negative" ? "negative" : "positive");
      ctx.fillText(labelled(one.label)[0], plot.valToPos(one.window.end_s, "x", true), plot.valToPos(one.p_positive, "y", true));
    }
    ctx.fillStyle = colour("soft");
    ctx.textAlign = "left";
    const left = bbox.left + 6 * devicePixelRatio;
    ctx.fillText("▲ positive", left, bbox.top + 10 * devicePixelRatio);
    ctx.fillText("▼ negative", left, bbox.top + bbox.height - 10 * devicePixelRatio);
    ctx.restore();
  }
}
