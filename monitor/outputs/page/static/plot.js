// What the two charts share: time along the bottom, colours of the theme, gaps and marks. uPlot draws them.

/* global uPlot */

import { clock } from "./words.js";

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
const NARROW = 560;  // px; from there on the left margin is for numbers only
const AT_ONCE_S = 30;  // a session that has just begun is shown on a line of this length

/** The colours that the style sheet gives for the theme in use. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

/** Width of the left margin of both charts, so that their times stand under one another (px). */
export const margin = (width) => (width < NARROW ? 38 : 96);

export const narrow = (width) => width < NARROW;

/**
 * The span that is shown.
 * @param {number} now media time (s)
 * @param {number} length of what is asked for (s), 0: all
 * @returns {[number, number]}
 */
export function shown(now, length) {
  const end = Math.max(now, AT_ONCE_S);
  return [length ? Math.max(0, end - length) : 0, end];
}

/**
 * One chart in its place: draws itself anew when its width or the theme changes.
 */
export class Plot {
  /**
   * @param {HTMLElement} host
   * @param {number} height px
   * @param {(width: number, colour: (name: string) => string, font: string) => object} options of uPlot but its size and time axis
   * @param {(t: number | null) => void} pointed is told the media time under the pointer
   */
  constructor(host, height, options, pointed) {
    this.host = host;
    this.height = height;
    this.options = options;
    this.pointed = pointed;
    this.span = shown(0, 0);
    this.data = null;
    this.plot = null;
    this.width = 0;
    new ResizeObserver(() => this.fit()).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
  }

  /**
   * Draw this.
   * @param {Array<Array<number | null>>} data columns, times first
   * @param {[number, number]} span
   */
  draw(data, span) {
    this.data = data;
    this.span = span;
    if (this.plot === null) this.build();
    else this.plot.setData(data);
  }

  fit() {
    const width = Math.floor(this.host.clientWidth);
    if (!width || width === this.width || this.data === null) return;
    if (this.plot === null || narrow(width) !== narrow(this.width)) this.build();
    else this.plot.setSize({ width, height: this.height });
    this.width = width;
  }

  build() {
    const width = Math.floor(this.host.clientWidth);
    if (!width || this.data === null) return;
    this.plot?.destroy();
    const colour = colours();
    const font = "12px system-ui, sans-serif";
    const more = this.options(width, colour, font);
    this.plot = new uPlot(
      {
        width,
        height: this.height,
        padding: [8, 22, 0, 0],
        legend: { show: false },
        ...more,
        cursor: { drag: { x: false, y: false }, y: false, points: { show: false }, sync: { key: "time" } },
        scales: { x: { time: false, range: () => this.span }, ...more.scales },
        axes: [
          {
            stroke: colour("soft"),
            font,
            size: 28,
            gap: 4,
            space: 64,
            incrs: STEPS_S,
            grid: { stroke: colour("grid"), width: 1 },
            ticks: { show: false },
            values: (_, times) => times.map(clock),
          },
          { stroke: colour("soft"), font, size: margin(width), gap: 8, ticks: { show: false }, ...more.axis },
        ],
        hooks: { ...more.hooks, setCursor: [(plot) => this.point(plot)] },
      },
      this.data,
      this.host,
    );
    this.width = width;
  }

  point(plot) {
    const left = plot.cursor.left;
    this.pointed(left === undefined || left < 0 ? null : plot.posToVal(left, "x"));
  }
}

/** The left and right edge of a span on a chart's canvas (px), or null where it is out of sight. */
export function edges(plot, start, end) {
  const [left, right] = [plot.bbox.left, plot.bbox.left + plot.bbox.width];
  const from = Math.max(left, plot.valToPos(start, "x", true));
  const to = Math.min(right, plot.valToPos(end, "x", true));
  return to < left || from > right ? null : [from, Math.max(to, from)];
}

/** Shade spans over the whole height of a chart, each moment once: both tracks often have the same gap. */
export function shade(plot, spans, fill) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = fill;
  ctx.beginPath();
  for (const one of spans) {
    const found = edges(plot, one.start_s, one.end_s);
    if (found) ctx.rect(found[0], bbox.top, Math.max(1, found[1] - found[0]), bbox.height);
  }
  ctx.fill();
  ctx.restore();
}

/** A dashed line for each moment that a person marked. */
export function marks(plot, moments, stroke) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const one of moments) {
    const found = edges(plot, one.media_s, one.media_s);
    if (!found) continue;
    ctx.beginPath();
    ctx.moveTo(found[0], bbox.top);
    ctx.lineTo(found[0], bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** Fine slanted lines, for what could not be seen; the other way round, for what is not here. */
export function hatching(context, stroke, back = false) {
  const side = Math.round(7 * devicePixelRatio);
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const pen = tile.getContext("2d");
  pen.strokeStyle = stroke;
  pen.lineWidth = 1.2 * devicePixelRatio;
  pen.beginPath();
  for (const shift of [-side, 0, side]) {
    pen.moveTo(shift, back ? 0 : side);
    pen.lineTo(shift + side, back ? side : 0);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}
