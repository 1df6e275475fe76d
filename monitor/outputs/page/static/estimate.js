// The running estimate in big words: both tracks, and what their numbers are worth.

import { ago, counted, labelled, make, number, span, tell } from "./words.js";

const TRACKS = {
  overall: "Overall: the whole session",
  current: "Current: the last minutes",
};

/** One track in its place. */
class Track {
  /** @param {HTMLElement} host */
  constructor(host, title) {
    this.host = host;
    this.answer = make("p", "answer");
    this.sign = make("span");
    this.sign.setAttribute("aria-hidden", "true");
    this.word = make("span", "word");
    this.p = make("span", "p");
    this.answer.append(this.sign, this.word, this.p);
    this.scale = make("div", "scale");
    this.scale.setAttribute("aria-hidden", "true");
    this.span = make("div", "span");
    this.point = make("div", "point");
    this.scale.append(make("div", "middle"), this.span, this.point);
    const ends = make("div", "ends");
    ends.setAttribute("aria-hidden", "true");
    ends.append(make("span", "", "▼ negative: 0"), make("span", "", "1: positive ▲"));
    this.interval = make("p", "facts");
    this.age = make("p", "facts");
    host.replaceChildren(make("h3", "", title), this.answer, this.scale, ends, this.interval, this.age);
  }

  /** @param {import("./memory.js").TrackPoint | null} track */
  show(track) {
    const known = track !== null && track.windows > 0;
    const [sign, word] = known ? labelled(track.label) : ["○", "no verdict yet"];
    this.answer.dataset.label = this.scale.dataset.label = known ? track.label : "none";
    tell(this.sign, sign);
    tell(this.word, word);
    tell(this.p, known ? `p ${number(track.p_positive)}` : "");
    this.scale.classList.toggle("empty", !known);
    if (!known) {
      tell(this.interval, "Listening and watching until the first window is judged.");
      tell(this.age, "");
      return;
    }
    const [low, high] = track.interval;
    this.span.style.left = `${low * 100}%`;
    this.span.style.width = `${(high - low) * 100}%`;
    this.point.style.left = `${track.p_positive * 100}%`;
    tell(this.interval, `p is the probability of positive; interval ${number(low)} – ${number(high)}`);
    const old = Number.isFinite(track.age_s) ? `, the last ${ago(track.age_s)} ago` : "";
    tell(this.age, `${track.stale ? "! Stale: " : ""}${counted(track.windows, "verdict")}${old}`);
    this.age.classList.toggle("stale", track.stale);
  }
}

/** Both tracks; says in one quiet line when a label changes. */
export class EstimateCard {
  /**
   * @param {Record<"overall" | "current", HTMLElement>} hosts
   * @param {HTMLElement} latest
   * @param {HTMLElement} caution
   * @param {HTMLElement} news a live region
   */
  constructor(hosts, latest, caution, news) {
    this.tracks = Object.keys(TRACKS).map((name) => [name, new Track(hosts[name], TRACKS[name])]);
    this.latest = latest;
    this.caution = caution;
    this.news = news;
    this.announced = null;
  }

  /** @param {import("./memory.js").Memory} told */
  show(told) {
    for (const [name, track] of this.tracks) track.show(told.estimate(name));
    tell(this.latest, lastWindow(told.verdicts()[0]));
    const words = cautions(told.state);
    this.caution.hidden = !words;
    tell(this.caution, words);
    this.announce(told);
  }

  announce(told) {
    const now = this.tracks
      .map(([name]) => [name, told.estimate(name)])
      .filter(([, track]) => track !== null && track.windows > 0)
      .map(([name, track]) => `${name} ${labelled(track.label)[1]}`)
      .join(", ");
    const key = `${told.name}: ${now}`;
    if (!now || key === this.announced) return;
    this.announced = key;
    tell(this.news, `Estimate: ${now}`);
  }
}

/** @param {import("./memory.js").Verdict | undefined} verdict */
function lastWindow(verdict) {
  if (verdict === undefined) return "";
  const [sign, word] = labelled(verdict.label);
  const sure = Number.isFinite(verdict.confidence) ? `, confidence ${number(verdict.confidence, 1)} / 10` : "";
  return `Last window, ${span(verdict.window.start_s, verdict.window.end_s)}: ${sign} ${word}${sure}`;
}

/**
 * What the numbers are worth, as the monitor says it; what stands at the top of the page anyway is not said twice.
 * @param {{cautions: string[], calibrated: boolean} | null} state
 */
function cautions(state) {
  if (state === null) return "";
  const always = document.querySelector(".notice").textContent;
  const says = state.cautions.filter((words) => !always.includes(words));
  if (state.calibrated) says.push("Its probabilities are calibrated.");
  return says.join(" ");
}
