// Words and numbers as the page shows them, and the only ways text gets into it: never as markup.

/** The groups of body language in the order of their lanes. */
export const GROUPS = ["head", "arms", "hands", "posture", "illustrative"];

const LABELS = {
  positive: ["▲", "positive"],
  negative: ["▼", "negative"],
  uncertain: ["●", "uncertain"],
  abstain: ["○", "no answer"],
};

/**
 * The sign and the word of a label; what is unknown is shown as it came.
 * @param {string} label
 * @returns {[string, string]}
 */
export const labelled = (label) => (Object.hasOwn(LABELS, label) ? LABELS[label] : ["?", String(label)]);

/** An element of the page. @param {string} id */
export const at = (id) => document.getElementById(id);

/**
 * Say something in an element, and touch it only when that changes: nothing is announced or laid out again for nothing.
 * @param {Element} element
 * @param {string} text
 */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A new element with text in it.
 * @param {string} tag
 * @param {string} [name] its class
 * @param {string} [text]
 */
export function make(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

/**
 * Have an element hold these, in this order, and move or make as little as need be: who reads one stays there.
 * @param {Element} host
 * @param {Element[]} wanted
 */
export function arrange(host, wanted) {
  const staying = new Set(wanted);
  for (const child of [...host.children]) if (!staying.has(child)) child.remove();
  wanted.forEach((child, place) => {
    if (host.children[place] !== child) host.insertBefore(child, host.children[place] ?? null);
  });
}

/**
 * Have an element hold such elements, changing only those that say something else.
 * @param {Element} host
 * @param {Array<[tag: string, name: string, text: string]>} wanted
 */
export function fill(host, wanted) {
  wanted.forEach(([tag, name, text], place) => {
    const there = host.children[place];
    if (there?.localName !== tag) {
      if (there) there.replaceWith(make(tag, name, text));
      else host.append(make(tag, name, text));
      return;
    }
    if (there.className !== name) there.className = name;
    tell(there, text);
  });
  while (host.children.length > wanted.length) host.lastElementChild.remove();
}

/** Media time as 3:07 or 1:02:03. @param {number | null | undefined} seconds */
export function clock(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A span of media time. */
export const span = (start, end) => `${clock(start)} – ${clock(end)}`;

/** How long ago. @param {number} seconds */
export const ago = (seconds) => (seconds < 60 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

/** A number with so many digits, or a dash. @param {number | null | undefined} value */
export const number = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits) : "–");

/** A count with its word: 1 gap, 2 gaps. @param {number} many */
export const counted = (many, word) => `${many.toLocaleString("en")} ${word}${many === 1 ? "" : "s"}`;

/** Bytes as MB. @param {number | null | undefined} bytes */
export const megabytes = (bytes) => (Number.isFinite(bytes) ? `${Math.round(bytes / 1e6)} MB` : "–");

/**
 * The beginning of a text that may be of any length, and how much more there is.
 * @param {string} text
 * @param {number} most characters
 */
export function beginning(text, most) {
  if (text.length <= most) return text;
  return `${text.slice(0, most).replace(/[\ud800-\udbff]$/, "")} … (${(text.length - most).toLocaleString("en")} more characters)`;
}
