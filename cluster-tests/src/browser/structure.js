// What axe does not look at. Answers with sentences; none if all is well.
const bad = [];
const seen = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".unseen, .skip");
const called = (one) => `<${one.tagName.toLowerCase()}> “${(one.getAttribute("aria-label") ?? one.textContent).trim().slice(0, 40)}”`;
const all = (what) => [...document.querySelectorAll(what)];

const tops = all("h1").filter(seen);
if (tops.length !== 1) bad.push(`there are ${tops.length} h1`);
for (const place of all("main")) {
  let before = 0;
  for (const heading of [...place.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(seen)) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) bad.push(`${called(heading)} comes after level ${before}`);
    before = level;
  }
}
for (const what of arguments[0] ? ["header", "nav[aria-label=Main]", "main"] : ["main"]) {
  if (all(what).length !== 1) bad.push(`there are ${all(what).length} ${what}`);
}
const ids = all("[id]").map((one) => one.id);
for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at))) bad.push(`the id ${id} is there twice`);
for (const th of all("th:not([scope])")) bad.push(`${called(th)} has no scope`);
for (const one of all("[aria-describedby], [aria-labelledby], [aria-controls], label[for]")) {
  const names = ["aria-describedby", "aria-labelledby", "aria-controls", "for"].flatMap((name) => (one.getAttribute(name) ?? "").split(" "));
  for (const id of names) if (id && !document.getElementById(id)) bad.push(`${called(one)} refers to ${id}, which is nowhere`);
}

// WCAG 2.5.8: 24 pixels each way, or so much room around the middle; links within a sentence are as they are.
const targets = all("a[href], button, summary, select, textarea, input:not([type=hidden])").filter(seen);
const boxes = targets.map((one) => one.getBoundingClientRect());
const small = (box) => box.width < 24 || box.height < 24;
const middle = (box) => [box.left + box.width / 2, box.top + box.height / 2];
const inSentence = (one) => {
  const around = [...one.parentElement.childNodes].filter((node) => node !== one && node.textContent.trim());
  return one.tagName === "A" && getComputedStyle(one).display === "inline" && around.length > 0;
};
targets.forEach((one, at) => {
  const box = boxes[at];
  if (!small(box) || inSentence(one) || box.width === 0) return;
  const [x, y] = middle(box);
  const near = boxes.some((other, place) => {
    if (place === at || other.width === 0 || targets[place].contains(one) || one.contains(targets[place])) return false;
    const [otherX, otherY] = small(other)
      ? middle(other)
      : [Math.max(other.left, Math.min(x, other.right)), Math.max(other.top, Math.min(y, other.bottom))];
    return Math.hypot(otherX - x, otherY - y) < (small(other) ? 24 : 12);
  });
  if (near) bad.push(`${called(one)} is ${Math.round(box.width)}×${Math.round(box.height)} and has too little room`);
});

const page = document.scrollingElement;
if (page.scrollWidth > page.clientWidth) {
  const wide = all("body *").filter((one) => !one.closest(".scroll *, .unseen") && one.getBoundingClientRect().right > page.clientWidth + 1);
  bad.push(`the page is ${page.scrollWidth} wide in ${page.clientWidth}, because of ${wide.slice(-3).map(called).join(", ")}`);
}
return bad;
