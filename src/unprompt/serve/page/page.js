// The page: pictures go one after another to the service, and come back as cards.
import { offerAttribution } from "./attribution.js";
import { Comparison } from "./compare.js";
import * as overlay from "./overlay.js";
import { download } from "./report.js";
import { ask, Refused } from "./upload.js";

const part = (id) => document.getElementById(id);
const AT_ONCE = 2;

const state = { waiting: [], running: 0, judged: 0, asked: 0, ready: false, key: sessionStorage.getItem("key") || "", about: null };
const comparison = new Comparison(part("comparison"), part("compare"), part("cards"));

function tell(words) { part("status").textContent = words; }

function tellProgress() {
  const left = state.waiting.length + state.running;
  if (!state.ready) tell("The models are being loaded…");
  else if (left) tell(`${state.judged} of ${state.asked} judged…`);
  else if (state.asked) tell(`${state.judged} of ${state.asked} judged.`);
  else tell("");
}

function add(files) {
  for (const file of files) {
    const entry = { file, line: line(file) };
    state.asked += 1;
    if (file.size > state.about?.max_bytes) fail(entry, `It has ${megabytes(file.size)}; at most ${megabytes(state.about.max_bytes)} are taken.`);
    else state.waiting.push(entry);
  }
  next();
}

function next() {
  while (state.ready && state.running < AT_ONCE && state.waiting.length) run(state.waiting.shift());
  tellProgress();
}

async function run(entry) {
  const { file, line } = entry;
  const began = Date.now();
  state.running += 1;
  const clock = setInterval(() => {
    if (line.bar.hasAttribute("value")) return;
    line.state.textContent = `judging, ${Math.round((Date.now() - began) / 1000)} s`;
  }, 500);
  try {
    const html = await ask("page/card", file, state.key, (share) => show(line, share));
    state.judged += 1;
    line.item.remove();
    place(html, file);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) askForKey();
    fail(entry, error.message);
  } finally {
    clearInterval(clock);
    state.running -= 1;
    next();
  }
}

function line(file) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const words = document.createElement("span");
  const bar = document.createElement("progress");
  name.className = "name";
  name.textContent = file.name;
  words.className = "state";
  words.textContent = "waiting";
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", `Progress of ${file.name}`);
  item.append(name, words, bar);
  part("queue").append(item);
  return { item, state: words, bar };
}

function show(line, share) {
  if (share < 1) {
    line.bar.value = share;
    line.state.textContent = `sending, ${Math.round(100 * share)} %`;
  } else {
    line.bar.removeAttribute("value");
    line.state.textContent = "judging";
  }
}

function fail(entry, why) {
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.setAttribute("aria-label", `Try ${entry.file.name} again`);
  again.addEventListener("click", () => {
    state.asked -= 1;
    entry.line.item.remove();
    add([entry.file]);
  });
  entry.line.item.classList.add("failed");
  entry.line.state.textContent = why;
  entry.line.state.setAttribute("role", "alert");
  entry.line.bar.replaceWith(again);
}

function place(html, file) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const card = holder.content.querySelector("article");
  if (!card.classList.contains("error")) {
    overlay.layOver(card);
    if (state.about.candidates.length) offerAttribution(card, file, () => state.key, (error) => { if (error.status === 401) askForKey(); });
    comparison.offer(card);
  }
  part("cards").prepend(card);
  part("results").hidden = false;
}

function askForKey() {
  part("key-form").hidden = false;
  part("key").focus();
}

function megabytes(bytes) { return `${(bytes / 1e6).toFixed(1)} MB`; }

function attributionWords({ candidates, suites }) {
  if (candidates.length) return `“Which generator?” knows ${candidates.join(" and ")}; the answer to any other is “none of these”.`;
  return `Which generator made a picture cannot be told here: ${suites.join(" and ")} has learned none.`;
}

async function showExamples(names) {
  for (const name of names) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    image.src = `page/examples/${name}`;
    image.alt = `Example ${name}`;
    button.append(image);
    button.addEventListener("click", async () => {
      const blob = await (await fetch(image.src)).blob();
      add([new File([blob], name.split("/").pop(), { type: blob.type })]);
    });
    item.append(button);
    part("examples").querySelector("ul").append(item);
  }
  part("examples").hidden = !names.length;
}

async function waitForModels() {
  try {
    const answer = await fetch("readyz");
    if (answer.ok) {
      state.ready = true;
      next();
      return;
    }
    tell((await answer.json()).detail + "…");
  } catch {
    tell("The service does not answer.");
  }
  setTimeout(waitForModels, 1000);
}

function listen() {
  part("files").addEventListener("change", (event) => {
    add([...event.target.files]);
    event.target.value = "";
  });
  const drop = part("drop");
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  drop.addEventListener("drop", (event) => add([...event.dataTransfer.files]));
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) add([...event.clipboardData.files]);
  });
  part("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    state.key = part("key").value.trim();
    sessionStorage.setItem("key", state.key);
    part("key-form").hidden = true;
    for (const button of [...part("queue").querySelectorAll("button")]) button.click();
  });
  part("download").addEventListener("click", () => download(part("cards"), part("help")));
  part("clear").addEventListener("click", () => {
    part("cards").replaceChildren();
    part("results").hidden = true;
    state.asked -= state.judged;
    state.judged = 0;
    comparison.update();
    tellProgress();
    part("files").focus();
  });
}

listen();
overlay.listen();
state.about = await (await fetch("page/about")).json();
part("limits").textContent = `Up to ${megabytes(state.about.max_bytes)} each. Judged by ${state.about.method} of ${state.about.suites.join(", then ")}.`;
part("attribution-hint").textContent = attributionWords(state.about);
showExamples(state.about.examples);
waitForModels();
