/* Two phones of the local Telegram. What users write is only ever text, never markup. */
"use strict";

const make = (tag, name = "", text = "") => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
};
const shown = location.hash.slice(1).split(",").filter(Boolean).map(Number);
let seen = { version: -1, bot: "", phones: [], faults: {} };

const order = async (path, body, method = "POST") => {
  const answer = await fetch("_ctl/" + path, {
    method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.description);
  return told;
};

class Phone {
  constructor(place) {
    this.place = place;
    this.notes = null;
    this.root = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    this.find = (name) => this.root.querySelector(name);
    document.getElementById("phones").append(this.root);
    this.find(".chosen").addEventListener("change", (event) => this.choose(Number(event.target.value)));
    this.find(".block").addEventListener("click", () => this.act(this.told.state === "here" ? "block" : "unblock"));
    this.find(".input").addEventListener("submit", (event) => this.say(event));
    this.find("input[type=file]").addEventListener("change", (event) => this.picture(event.target));
    this.find(".place").addEventListener("click", () => this.unfold());
    this.find(".where").addEventListener("submit", (event) => this.walk(event));
    this.follow();
  }
  follow() {
    const list = this.find(".messages");
    this.low = true;
    const sink = () => { if (this.low) list.scrollTop = list.scrollHeight; };
    list.addEventListener("scroll", () => { this.low = list.scrollHeight - list.scrollTop - list.clientHeight < 80; });
    list.addEventListener("load", sink, true);
    new ResizeObserver(sink).observe(list);
    this.sink = sink;
  }
  get told() { return seen.phones.find((each) => each.chat_id === shown[this.place]); }
  choose(chat) {
    shown[this.place] = chat;
    this.notes = null;
    this.low = true;
    history.replaceState(null, "", "#" + shown.join(","));
    look();
  }
  async act(name, body) {
    try {
      return await order(`phones/${shown[this.place]}/${name}`, body);
    } catch (refused) {
      this.note(refused.message, true);
    }
  }
  note(text, refused = false) {
    const note = this.find(".note");
    note.textContent = text;
    note.hidden = !text;
    note.classList.toggle("refused", refused);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { note.hidden = true; }, 6000);
  }
  say(event) {
    event.preventDefault();
    const field = this.find(".text"), text = field.value.trim();
    if (!text) return;
    field.value = "";
    this.link(text) ? this.act("open", { url: text }) : this.act("say", { text });
  }
  link(text) { return /^https:\/\/t\.me\/\S+$/.test(text); }
  picture(field) {
    const reader = new FileReader();
    reader.addEventListener("load", () => this.act("photo", { content: reader.result.split(",")[1] }));
    reader.readAsDataURL(field.files[0]);
    field.value = "";
  }
  unfold() {
    const form = this.find(".where");
    form.hidden = !form.hidden;
    this.find(".place").setAttribute("aria-expanded", String(!form.hidden));
  }
  walk(event) {
    event.preventDefault();
    const how = event.submitter.value, place = Object.fromEntries(new FormData(event.target));
    const live = how === "live";
    this.act(live ? "locate" : how, live ? { ...place, live_period: 3600 } : place);
  }
  async tap(button, message) {
    const body = { text: button.text, message_id: message?.message_id };
    const place = button.request_location ? Object.fromEntries(new FormData(this.find(".where"))) : {};
    const told = await this.act("tap", { ...body, ...place });
    if (!told?.url) return;
    if (this.link(told.url)) this.act("open", { url: told.url });
    else window.open(told.url, "_blank", "noopener");
  }
  draw() {
    const told = this.told;
    this.root.hidden = !told;
    if (!told) return;
    this.names();
    this.find(".block").textContent = told.state === "here" ? "Заблокировать" : told.state === "gone" ? "Удалён" : "Разблокировать";
    this.find(".bot-name").textContent = "@" + seen.bot;
    this.find(".doing").textContent = told.state === "blocked" ? "бот заблокирован" : told.live ? "место в эфире" : told.action ? "печатает…" : "";
    if (!told.count || told.messages.length) this.list(told.messages);
    this.keys(told.keyboard);
    if (this.notes !== null && told.notes.length > this.notes) this.note(told.notes.at(-1).text);
    this.notes = told.notes.length;
  }
  names() {
    const chosen = this.find(".chosen");
    const wanted = seen.phones.map((each) => `${each.name} · ${each.chat_id}`);
    const now = [...chosen.options].map((each) => each.text);
    if (wanted.join() !== now.join()) {
      chosen.replaceChildren(...seen.phones.map((each, n) => new Option(wanted[n], each.chat_id)));
    }
    chosen.value = shown[this.place];
  }
  list(messages) {
    const list = this.find(".messages");
    const print = JSON.stringify(messages);
    if (print === this.print) return;
    this.print = print;
    list.replaceChildren(...messages.map((each) => this.message(each)));
    this.sink();
  }
  message(told) {
    const item = make("li", told.from.is_bot ? "message" : "message own"), bubble = make("div", "bubble");
    if (told.photo) {
      const image = make("img");
      image.src = "_ctl/pictures/" + told.photo.at(-1).file_id;
      image.alt = "Снимок";
      bubble.append(image);
    }
    if (told.location) {
      const { latitude, longitude, live_period: live } = told.location;
      bubble.append(make("p", "", `Место: ${latitude.toFixed(5)}, ${longitude.toFixed(5)}${live ? " · в эфире" : ""}`));
    }
    if (told.text || told.caption) bubble.append(make("p", "", told.text || told.caption));
    const at = new Date(told.date * 1000).toLocaleTimeString("ru", { hour: "2-digit", minute: "2-digit" });
    bubble.append(make("small", "", told.edit_date ? `изменено ${at}` : at));
    item.append(bubble);
    const rows = told.reply_markup?.inline_keyboard;
    if (rows) item.append(this.rows("inline", rows, told));
    return item;
  }
  rows(name, rows, message) {
    const box = make("div", name);
    for (const row of rows) {
      const line = make("div");
      for (const button of row) {
        const made = make("button", "", button.url ? button.text + " ↗" : button.text);
        made.type = "button";
        made.addEventListener("click", () => this.tap(button, message));
        line.append(made);
      }
      box.append(line);
    }
    return box;
  }
  keys(keyboard) {
    const print = JSON.stringify(keyboard);
    if (print === this.keysPrint) return;
    this.keysPrint = print;
    this.find(".keyboard").replaceChildren(...this.rows("", keyboard?.keyboard ?? []).children);
  }
}

const phones = [new Phone(0), new Phone(1)];

const drawFaults = () => {
  const { floods = {}, outage, how, slow, twice } = seen.faults;
  const lines = Object.entries(floods).map(([chat, each]) =>
    `Лимит: ${chat === "0" ? "все чаты" : chat}, ждать ${each.seconds} с, ещё ${each.times}`);
  if (outage) lines.push(`Сервер не отвечает: ещё ${outage} (${how === "closed" ? "обрыв" : how})`);
  if (slow) lines.push(`Ответы медленнее на ${slow} с`);
  if (twice) lines.push("Обновления приходят дважды");
  document.getElementById("faults-now").textContent = lines.join("\n");
  document.getElementById("twice").checked = twice;
  const chats = document.querySelector("#flood select"), chosen = chats.value || "0";
  if (chats.options.length !== seen.phones.length + 1) {
    chats.replaceChildren(new Option("все", "0"), ...seen.phones.map((each) => new Option(each.name, each.chat_id)));
    chats.value = chosen;
  }
};

const draw = () => {
  const busy = [...seen.phones].sort((one, other) => other.count - one.count);
  for (const place of [0, 1]) {
    const known = seen.phones.some((each) => each.chat_id === shown[place]);
    if (!known) shown[place] = busy.find((each) => each.chat_id !== shown[1 - place])?.chat_id;
  }
  phones.forEach((each) => each.draw());
  drawFaults();
};

const ask = async (version, wait) => {
  const chats = shown.filter(Boolean).join(",");
  const answer = await fetch(`_ctl/view?chats=${chats}&version=${version}&wait=${wait}`);
  return answer.json();
};
const look = async () => {
  const asked = shown.join();
  seen = await ask(-1, 0);
  draw();
  // The phones to show were chosen just now, and only those asked for bring their messages.
  if (asked !== shown.join()) await look();
};
const watch = async () => {
  for (;;) {
    try {
      const asked = shown.join();
      const told = await ask(seen.version, 20);
      if (asked !== shown.join()) continue;
      const fresh = told.version !== seen.version;
      seen = told;
      draw();
      if (asked !== shown.join()) await look();
      else if (fresh) await new Promise((done) => setTimeout(done, 150));
    } catch {
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
};

const given = (form) => Object.fromEntries(new FormData(form));
const onSubmit = (id, work) => document.getElementById(id).addEventListener("submit", (event) => {
  event.preventDefault();
  work(given(event.target), event.target);
});
onSubmit("flood", (told) => order("faults", { flood: told }));
onSubmit("outage", (told) => order("faults", told));
onSubmit("slow", (told) => order("faults", told));
onSubmit("new-phone", async (told, form) => {
  const chat = Math.max(700000000, ...seen.phones.map((each) => each.chat_id)) + 1;
  await order("phones", { ...told, chat_id: chat });
  form.reset();
  phones[1].choose(chat);
});
document.getElementById("twice").addEventListener("change", (event) => order("faults", { twice: event.target.checked }));
document.getElementById("clear").addEventListener("click", () => order("faults", {}, "DELETE"));
look().then(watch, watch);
