// What the page knows of one stream: the history it was given and what came after, each thing once, and bounded.

const MOST_POINTS = 4000;
const MOST_EVENTS = 2000;
const MOST_VERDICTS = 200;
const MOST_SPANS = 2000;

/**
 * @typedef {{label?: string, p_positive: number, interval: [number, number], windows: number, age_s: number | null,
 *   stale: boolean}} TrackPoint one track of the estimate
 * @typedef {{media_s: number, overall: TrackPoint, current: TrackPoint}} Point
 * @typedef {{id: string, phase: string, group: string, name: string, side: string, start_s: number, end_s: number,
 *   score: number}} NfblEvent
 * @typedef {{start_s: number, end_s: number, reason: string}} Span
 * @typedef {{window: {id: number, start_s: number, end_s: number, cadence: string}, label: string,
 *   p_positive: number | null, confidence: number | null, rationale: string, description: string | null, insufficient: boolean}} Verdict
 */

/** One stream, as `wire.py` tells of it. */
export class Memory {
  /** @param {string} name of the stream */
  constructor(name) {
    this.name = name;
    /** The newest `state` of this session, null before one. */
    this.state = null;
    /** What cannot be seen now, which is written down only once it is over. @type {Map<string, Span & {group: string}>} */
    this.nowUnseen = new Map();
    this.forget();
  }

  forget() {
    this.session = null;
    this.seq = -1;
    this.end = null;
    /** @type {Point[]} */
    this.points = [];
    /** @type {Map<string, NfblEvent>} */
    this.nfbl = new Map();
    /** @type {Map<number, Verdict>} */
    this.judgedWindows = new Map();
    /** @type {Span[]} */
    this.gaps = [];
    /** @type {Array<Span & {groups: string[]}>} */
    this.unseen = [];
    this.marks = [];
    /** Before this media time (s) some events, gaps or blind spans are left out. */
    this.wholeFrom = 0;
  }

  /**
   * Another session than before: nothing that was known is true of it.
   * @param {string} session
   */
  meet(session) {
    if (session === this.session) return;
    if (this.session !== null) {
      this.state = null;
      this.nowUnseen.clear();
    }
    this.forget();
    this.session = session;
  }

  /** The session as it is now. */
  know(state) {
    if (state.session !== this.state?.session) this.nowUnseen.clear();
    this.state = state;
    const now = new Map();
    for (const { group, reason } of state.nfbl.unseen) {
      const since = this.nowUnseen.get(group)?.start_s ?? state.media_s;
      now.set(group, { group, reason, start_s: since, end_s: state.media_s, open: true });
    }
    this.nowUnseen = now;
  }

  /** Everything there is, in place of what was there. */
  replace(history) {
    this.meet(history.session);
    this.forget();
    this.session = history.session;
    this.wholeFrom = history.whole_from_s;
    this.end = history.end ?? null;
    const { media_s: times, overall, current } = history.estimates;
    const point = (track, place) => ({ p_positive: track.p[place], interval: [track.low[place], track.high[place]] });
    this.points = times.map((time, place) => ({
      media_s: time,
      overall: point(overall, place),
      current: point(current, place),
    }));
    for (const one of history.verdicts) this.judgedWindows.set(one.window.id, one);
    for (const one of history.nfbl) this.nfbl.set(one.id, one);
    this.gaps = [...history.gaps];
    this.unseen = [...history.blind];
    this.marks = [...history.marks];
    this.seq = history.seq;
    this.bound();
  }

  /**
   * One line more. What is known already, or of another session, is passed over.
   * @returns {boolean} whether it was news
   */
  add(record) {
    if (record.session !== this.session || record.seq <= this.seq) return false;
    this.seq = record.seq;
    switch (record.kind) {
      case "estimate":
        this.points.push(record);
        break;
      case "verdict":
        this.judgedWindows.set(record.window.id, record);
        break;
      case "nfbl":
        this.nfbl.delete(record.id);
        this.nfbl.set(record.id, record);
        break;
      case "gap":
        this.gaps.push(record);
        break;
      case "blind":
        this.unseen.push(record);
        break;
      case "mark":
        this.marks.push(record);
        break;
      case "end":
        this.end = record;
        break;
      default:
        return false;
    }
    this.bound();
    return true;
  }

  bound() {
    // What is older is thinned evenly, as the monitor does it.
    if (this.points.length > MOST_POINTS) this.points = this.points.filter((_, place) => place % 2 === 1);
    for (const [kept, most] of [[this.nfbl, MOST_EVENTS], [this.judgedWindows, MOST_VERDICTS]]) {
      for (const key of kept.keys()) {
        if (kept.size <= most) break;
        if (kept === this.nfbl) this.leaveOut(kept.get(key));
        kept.delete(key);
      }
    }
    for (const kept of [this.gaps, this.unseen]) kept.splice(0, kept.length - MOST_SPANS).forEach((one) => this.leaveOut(one));
    this.marks.splice(0, this.marks.length - MOST_SPANS);
  }

  leaveOut(one) {
    this.wholeFrom = Math.max(this.wholeFrom, one.end_s);
  }

  /** Media time now, as far as is known (s). */
  now() {
    return Math.max(this.state?.media_s ?? 0, this.end?.media_s ?? 0, this.points.at(-1)?.media_s ?? 0);
  }

  /** The estimate now. @param {"overall" | "current"} track @returns {TrackPoint | null} */
  estimate(track) {
    return this.state?.[track] ?? null;
  }

  /** The curve, up to now: between two verdicts it goes on as the session says. @returns {Point[]} */
  curve() {
    const last = this.points.at(-1);
    const now = this.state;
    if (!last || !now?.overall || !now.current || now.media_s <= last.media_s) return this.points;
    return [...this.points, { media_s: now.media_s, overall: now.overall, current: now.current }];
  }

  /** Newest first. @returns {Verdict[]} */
  verdicts() {
    return [...this.judgedWindows.values()].sort((one, other) => other.window.id - one.window.id);
  }

  /** Newest first. @returns {NfblEvent[]} */
  events() {
    return [...this.nfbl.values()].sort((one, other) => other.start_s - one.start_s);
  }

  /** Spans in which one group could not be seen, oldest first. @returns {Array<Span & {group: string}>} */
  blind() {
    const over = this.unseen.flatMap((one) => one.groups.map((group) => ({ ...one, group })));
    return [...over, ...this.nowUnseen.values()];
  }
}
