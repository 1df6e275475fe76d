// The judged windows, newest first: what was answered, how sure, and why.

import { arrange, beginning, counted, labelled, make, number, span, tell } from "./words.js";

const AT_FIRST = 8;
const MORE = 24;
const MOST = 200;
const LONGEST = 1200;  // characters of one text; the journal has the rest

/** The list of verdicts. */
export class Verdicts {
  /** @param {Record<"list" | "count" | "none" | "more", HTMLElement>} places */
  constructor(places) {
    this.places = places;
    this.many = AT_FIRST;
    this.told = null;
    this.drawn = new Map();
    places.more.addEventListener("click", () => {
      const next = this.many;
      this.many = Math.min(MOST, this.many + MORE);
      this.show(this.told);
      this.places.list.children[next]?.focus();
    });
  }

  /** @param {import("./memory.js").Memory} told */
  show(told) {
    if (told !== this.told) this.many = AT_FIRST;
    this.told = told;
    const every = told.verdicts().slice(0, MOST);
    const some = every.slice(0, this.many);
    const drawn = new Map();
    for (const one of some) drawn.set(one, this.drawn.get(one) ?? entry(one));
    this.drawn = drawn;
    const { list, count, none, more } = this.places;
    arrange(list, [...drawn.values()]);
    const judged = Math.max(told.state?.judged ?? 0, every.length);
    const rest = every.length >= MOST && judged > MOST ? `, the latest ${MOST} below` : "";
    tell(count, every.length ? `${counted(judged, "window")} judged, newest first${rest}` : "");
    none.hidden = every.length > 0;
    more.hidden = every.length <= some.length;
  }
}

function entry(one) {
  const item = make("li");
  item.tabIndex = -1;
  const [sign, word] = labelled(one.label);
  const head = make("h3");
  const label = make("span", "label");
  label.dataset.label = one.label;
  const mark = make("span", "", `${sign} `);
  mark.setAttribute("aria-hidden", "true");
  label.append(mark, word);
  head.append(label, make("span", "soft", span(one.window.start_s, one.window.end_s)));
  if (one.window.cadence === "global") head.append(make("span", "soft", "whole session"));
  if (Number.isFinite(one.p_positive)) {
    head.append(make("span", "figures", `p ${number(one.p_positive)}, confidence ${number(one.confidence, 1)} / 10`));
  }
  item.append(head);
  if (one.insufficient) item.append(make("p", "words why", "The describer says that it saw too little."));
  if (one.description) item.append(words("words", "", one.description));
  if (one.rationale) item.append(words("words why", one.label === "abstain" ? "No answer: " : "Why: ", one.rationale));
  return item;
}

/** A model's words: data of any length and script, kept apart from the page's own. */
function words(name, before, text) {
  const line = make("p", name);
  const said = make("bdi", "", beginning(text, LONGEST));
  if (before) line.append(before);
  line.append(said);
  return line;
}
