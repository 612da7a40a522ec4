// The order of a chain, by pointer and by keyboard.
import { busy, know, say, settle } from "./live.mjs";

const list = document.getElementById("chain");
const rows = () => [...list.children];
const ids = () => rows().map((row) => row.dataset.id);
let lifted;

function lift(grip, by) {
  const row = grip.closest("li");
  lifted = { grip, row, by, was: rows() };
  busy.add("order");
  row.classList.add("lifted");
  grip.setAttribute("aria-pressed", "true");
  say(`${row.dataset.id} is lifted. Position ${place()} of ${rows().length}.`);
}

const place = () => rows().indexOf(lifted.row) + 1;

function move(to) {
  const others = rows().filter((row) => row !== lifted.row);
  const target = Math.max(0, Math.min(to, others.length));
  const next = others[target] ?? null;
  if (lifted.row.nextElementSibling === next) return;
  if (list.moveBefore) list.moveBefore(lifted.row, next);
  else { list.insertBefore(lifted.row, next); lifted.grip.focus(); }
  say(`Position ${place()} of ${rows().length}.`);
}

function put(back) {
  const { grip, row, was } = lifted;
  row.classList.remove("lifted");
  grip.setAttribute("aria-pressed", "false");
  if (back) {
    list.append(...was);
    grip.focus();
    say(`${row.dataset.id} is back in its place.`);
  }
  lifted = undefined;
}

async function drop() {
  const { grip, row, was } = lifted;
  const before = was.map((one) => one.dataset.id).join(" ");
  const order = ids().join(" ");
  put(false);
  if (before === order) { done(); return; }
  const form = document.getElementById("order");
  const body = new URLSearchParams({ chain: form.elements.chain.value, was: form.elements.was.value, order });
  let answer;
  try {
    answer = await fetch(list.dataset.order, { method: "POST", body, headers: { accept: "application/json" } });
  } catch { answer = undefined; }
  if (answer?.status === 204) {
    know(answer.headers.get("x-version"));
    form.elements.was.value = order;
    rows().forEach((one, at) => { one.querySelector(".place").textContent = at + 1; });
    say(`${row.dataset.id} is now ${ids().indexOf(row.dataset.id) + 1} of ${rows().length}. Saved.`);
    grip.focus();
    done();
    return;
  }
  list.append(...was);
  // The server says what happened better than a script could: the same wish, as a form.
  const wish = document.createElement("input");
  wish.type = "hidden";
  wish.name = "order";
  wish.value = order;
  form.append(wish);
  form.submit();
}

function done() { busy.delete("order"); settle(); }

if (list) {
  for (const grip of list.querySelectorAll(".grip")) {
    grip.hidden = false;
    grip.addEventListener("keydown", (event) => {
      const keys = { ArrowUp: () => place() - 2, ArrowDown: () => place(), Home: () => 0, End: () => rows().length };
      if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        if (lifted) drop(); else lift(grip, "keyboard");
      } else if (lifted && event.key === "Escape") { event.preventDefault(); put(true); done(); }
      else if (lifted && keys[event.key]) { event.preventDefault(); move(keys[event.key]()); }
    });
    grip.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || lifted || grip.disabled) return;
      event.preventDefault();
      grip.focus();
      grip.setPointerCapture(event.pointerId);
      lift(grip, "pointer");
    });
    grip.addEventListener("pointermove", (event) => {
      if (lifted?.by !== "pointer") return;
      const others = rows().filter((row) => row !== lifted.row);
      const above = others.filter((row) => {
        const box = row.getBoundingClientRect();
        return event.clientY > box.top + box.height / 2;
      });
      move(above.length);
    });
    grip.addEventListener("pointerup", () => { if (lifted?.by === "pointer") drop(); });
    grip.addEventListener("pointercancel", () => { if (lifted?.by === "pointer") { put(true); done(); } });
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape" && lifted?.by === "pointer") { put(true); done(); } });
}
