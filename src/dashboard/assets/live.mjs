// Keeps a page up to date: pieces that the server drew take the place of those with the same id.
const trusted = window.trustedTypes?.createPolicy("fragments", { createHTML: (text) => text });
export const parse = (text) => {
  const template = document.createElement("template");
  template.innerHTML = trusted ? trusted.createHTML(text) : text;
  return template.content;
};

const spoken = document.getElementById("spoken");
export const say = (text) => { if (spoken && spoken.textContent !== text) spoken.textContent = text; };

const bar = document.getElementById("live");
const show = (text) => { if (bar && bar.textContent !== text) { bar.hidden = false; bar.textContent = text; } };

// Makes what is shown the same as a new piece. Nodes stay where they can: with them the focus, and how far somebody has scrolled.
function become(shown, piece) {
  if (shown.isEqualNode(piece)) return;
  if (shown.nodeName !== piece.nodeName) { shown.replaceWith(piece); return; }
  if (shown.nodeType === Node.TEXT_NODE) { shown.data = piece.data; return; }
  // Whether details are open is up to whoever looks at them.
  const theirs = (name) => name === "open" && shown.nodeName === "DETAILS";
  for (const { name } of [...shown.attributes]) if (!theirs(name) && !piece.hasAttribute(name)) shown.removeAttribute(name);
  for (const { name, value } of piece.attributes) if (!theirs(name)) shown.setAttribute(name, value);
  const [before, after] = [[...shown.childNodes], [...piece.childNodes]];
  after.forEach((one, at) => { if (before[at]) become(before[at], one); else shown.append(one); });
  for (const one of before.slice(after.length)) one.remove();
}

function put(piece) {
  const shown = document.getElementById(piece.id);
  if (!shown) {
    // A row that is new comes into its table.
    if (piece.dataset.in) document.getElementById(piece.dataset.in)?.append(piece);
    return;
  }
  const word = piece.dataset.say;
  if (word && shown.dataset.say !== word) say(word);
  become(shown, piece);
}

const page = document.body.dataset;
const isGone = () => document.querySelector("#gone:not([hidden])") !== null;

// The server says something every few seconds. A node that hangs keeps its streams open and says nothing.
const QUIET = 12000;
let source;
let wait = 500;
let heard = Date.now();
let asked = heard;
let isLost = false;
let isSignedOut = false;
let live = "● Live";

function open() {
  if (source || document.hidden || page.live === undefined) return;
  asked = Date.now();
  source = new EventSource("/ui/events?topic=" + encodeURIComponent(page.live));
  const on = (name, act) => source.addEventListener(name, (event) => {
    heard = Date.now();
    act(event.data);
    show(isGone() ? "○ Gone" : live);
  });
  on("open", () => { wait = 500; isLost = isSignedOut = false; });
  on("ping", () => {});
  on("build", (build) => { if (build !== document.documentElement.dataset.build) live = "A new version is running: reload the page"; });
  on("fragment", (text) => { for (const piece of [...parse(text).children]) put(piece); });
  on("state", (state) => { news.state = state; settle(); });
  on("writable", (writable) => { news.writable = writable; settle(); });
  source.addEventListener("error", lose);
}

async function lose() {
  // A stream that is refused is closed; one that breaks off is not.
  const refused = source.readyState === EventSource.CLOSED;
  close();
  isLost = true;
  look();
  isSignedOut = refused && await signedOut();
  look();
  if (isSignedOut) return;
  setTimeout(open, wait * (0.5 + Math.random()));
  wait = Math.min(wait * 2, 30000);
}

async function signedOut() {
  try { return (await fetch("/ui/palette", { redirect: "manual" })).type === "opaqueredirect"; } catch { return false; }
}

// Figures grow old while nothing is heard.
function look() {
  const now = Date.now();
  if (source && now - Math.max(heard, asked) > QUIET) lose();
  else if (isSignedOut) show("Signed out: reload the page");
  else if (isLost || now - heard > QUIET) show(`Reconnecting… last update ${Math.round((now - heard) / 1000)} s ago`);
}
if (page.live !== undefined) setInterval(look, 1000);

function close() { source?.close(); source = undefined; }

// What the controls stand upon, as the stream tells it: of which state, and whether anything can be changed.
const news = { state: page.state, writable: page.writable };
// A script has changed what the page shows, and the page with it.
export const know = (state) => { page.state = news.state = state; };

export const busy = new Set();
let isTyped = false;
addEventListener("input", (event) => { if (event.target.form) isTyped = true; });
// An answer to a form is not asked for again, and what somebody types is not taken from under their hands.
const mustStay = () => page.answer !== undefined || isTyped || isGone() || document.querySelector("form[data-guard]") !== null;

// The page is loaded anew when it is behind, unless somebody is at work on it.
const changed = document.getElementById("changed");
export function settle() {
  if (!changed || busy.size > 0) return;
  const isBehind = news.state !== page.state || news.writable !== page.writable;
  changed.hidden = !isBehind || isGone() || (!mustStay() && reload());
}

// Not twice at once, and not in vain: behind one address the node that draws may be another than the one that tells.
const SOON = 2000;
const IN_VAIN = 60000;
function reload() {
  const here = location.pathname + location.search;
  const why = `${news.state} ${news.writable}`;
  const last = JSON.parse(sessionStorage.getItem("loaded") ?? "{}");
  const ago = last.here === here ? Date.now() - last.at : Infinity;
  if (last.why === why && ago < IN_VAIN) return false;
  if (ago < SOON) setTimeout(settle, SOON - ago);
  else {
    sessionStorage.setItem("loaded", JSON.stringify({ here, why, at: Date.now() }));
    location.reload();
  }
  return true;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", open);
open();
