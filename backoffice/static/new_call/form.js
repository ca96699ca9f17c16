// The new call by phone: looks the caller up while typing, works by keyboard alone.
// The server draws every part, so the same form works without this script.

import * as draft from "./draft.js";
import {later, post} from "./net.js";
import {suggestStreets} from "./streets.js";

const ENOUGH_DIGITS = 7, WAIT_MS = 150, WHOLE_NUMBER = 11;
const ANSWERS = {KeyJ: "join", KeyS: "same", KeyN: "new"};
const RELEVANT = new Set(["call_type", "specialization", "address", "when", "answer", "wanted_day",
  "wanted_start", "address_text", "flat"]);

const digitsOf = (text) => text.replace(/\D/g, "");

export function mount(root, options = {}) {
  const section = root.querySelector("[data-new-call-form]");
  const form = section.querySelector("form");
  const part = (name) => section.querySelector(`[data-part="${name}"]`);
  const picked = (name) => form.querySelector(`[name="${name}"]:checked`);
  const gone = new AbortController();
  const on = (target, kind, act) => target.addEventListener(kind, act, {signal: gone.signal});
  const touched = new Set();
  let patient = form.elements.patient_id.value, focusedFor = "", wanted = null, sending = false;

  // --- the caller -------------------------------------------------------
  const redraw = (name, html) => {
    const {patient_id: _, ...values} = Object.fromEntries(new FormData(form));
    if (values.address === "new" && !values.address_text && !touched.has("address")) delete values.address;
    part(name).innerHTML = html;
    draft.fill(form, wanted ?? values);
  };
  const redrawDuplicates = (html) => {
    const was = form.elements.duplicates_seen?.value;
    const box = document.createElement("div");
    box.innerHTML = html;
    const now = box.querySelector('[name="duplicates_seen"]')?.value;
    if (was === now) return;
    part("duplicate").innerHTML = html;
    const same = wanted && box.querySelector(`[name="duplicate_of"][value="${wanted.duplicate_of}"]`);
    if (same) draft.fill(form, {answer: wanted.answer, duplicate_of: wanted.duplicate_of});
  };
  const apply = (answer) => {
    if (!answer?.ok) return;
    const seen = answer.data;
    section.dataset.match = seen.match;
    section.querySelector("[data-found]").textContent = seen.found;
    if (seen.patient !== patient || wanted) {
      patient = seen.patient;
      redraw("people", seen.parts.people);
      redraw("addresses", seen.parts.addresses);
    }
    redrawDuplicates(seen.parts.duplicate);
    part("side").innerHTML = seen.parts.side;
    section.querySelector("[data-price]").innerHTML = seen.parts.price;
    if (!touched.has("specialization") && !wanted) pick("specialization", seen.specialization);
    wanted = null;
    askAbout();
    greet(seen);
  };
  const look = later(WAIT_MS, (signal) => {
    const fields = new FormData(form);
    if (!touched.has("specialization")) fields.delete("specialization");
    if (!touched.has("address") && !fields.get("address_text")) fields.delete("address");
    return post(section.dataset.lookup, fields, signal);
  }, apply);

  // The name of a new patient is asked for once the number is whole, and only once.
  const greet = (seen) => {
    const phone = form.elements.phone, number = digitsOf(phone.value);
    if (document.activeElement !== phone || focusedFor === number) return;
    if (seen.match !== "unknown" || !seen.whole) return;
    focusedFor = number;
    form.elements.last_name.focus();
  };

  // --- the duplicate question -------------------------------------------
  // After a lost answer the open call may be this very one, so nothing is asked.
  let unsure = false;
  const unanswered = () => !unsure && Boolean(part("duplicate").querySelector(".dup")) && !picked("answer");
  const askAbout = () => {
    const about = form.querySelector('[name="duplicate_of"]:checked, [name="duplicate_of"][type="hidden"]');
    const ask = section.querySelector("[data-ask]");
    ask.textContent = about ? ask.dataset.text.replace("{number}", about.dataset.label) : "";
  };
  const pick = (name, value) => {
    const field = form.querySelector(`[name="${name}"][value="${CSS.escape(value)}"]`);
    if (!field) return false;
    field.checked = true;
    const more = field.closest("details");
    if (more) more.open = true;
    return true;
  };

  // --- errors and sending -----------------------------------------------
  const alertText = (text, kind = "error") => {
    const box = section.querySelector("[data-alert]");
    box.hidden = !text;
    box.textContent = text;
    box.classList.toggle("is-good", kind === "good");
  };
  const showErrors = (errors) => {
    const texts = new Map(errors.map((each) => [each.field, each.message]));
    const shown = new Set();
    for (const line of form.querySelectorAll("[data-error]")) {
      const text = texts.get(line.dataset.error) ?? "";
      line.textContent = text;
      line.hidden = !text;
      if (text) shown.add(line.dataset.error);
      for (const field of form.querySelectorAll(`[name="${line.dataset.error}"]`)) {
        if (text) field.setAttribute("aria-invalid", "true");
        else field.removeAttribute("aria-invalid");
      }
    }
    alertText([...texts].filter(([name]) => !shown.has(name)).map(([, text]) => text).join(" "));
    const first = [...form.querySelectorAll("[data-error]")].find((line) => !line.hidden);
    if (first) focusField(first.dataset.error);
    return shown.size;
  };
  const focusField = (name) => {
    const visible = [...form.querySelectorAll(`[name="${name}"]`)].filter((field) => field.type !== "hidden");
    const field = visible.find((each) => each.checked) ?? visible[0];
    field?.focus();
    field?.scrollIntoView({block: "center"});
  };
  const refuse = async (status, problem) => {
    if (status === 401) return location.reload();
    const errors = problem.errors ?? [];
    if (!showErrors(errors) && !errors.length) alertText(problem.detail ?? section.dataset.unknown);
    if (errors.some((each) => ["answer", "phone"].includes(each.field))) {
      patient = null;
      look(true);
    }
  };
  const succeed = (done, kind) => {
    draft.clear();
    stop(false);
    if (options.created) return options.created(done, kind);
    try {
      sessionStorage.setItem("tot.said", done.message);
    } catch {
      // Only a greeting is lost.
    }
    location.assign(done.to);
  };
  const send = async (kind) => {
    if (sending) return;
    if (unanswered()) return showErrors([{field: "answer", message: section.querySelector("[data-ask]").textContent}]);
    const sure = form.elements.emergency_confirmed;
    if (picked("priority")?.value === "emergency" && !sure.checked && !picked("answer")?.matches('[value="join"]')) {
      if (document.activeElement !== sure) return sure.focus();
      sure.checked = true;
    }
    sending = true;
    section.classList.add("is-sending");
    alertText("");
    try {
      const fields = new FormData(form);
      fields.set("do", kind);
      const answer = await post(form.action, fields);
      unsure = false;
      if (answer.ok) return succeed(answer.data, kind);
      await refuse(answer.status, answer.data);
    } catch {
      unsure = true;
      // The token makes a second try safe, whether or not the first arrived.
      alertText(section.dataset.offline);
    } finally {
      sending = false;
      section.classList.remove("is-sending");
    }
  };

  // --- keys -------------------------------------------------------------
  const reachable = () => [...form.querySelectorAll("input:not([type=hidden]),select,textarea")]
    .filter((field) => field.offsetParent !== null && (field.type !== "radio" || field.checked));
  const next = (from) => {
    if (from === form.elements.phone) {
      if (unanswered()) return form.querySelector('[name="answer"]').focus();
      const name = form.elements.last_name;
      return (name.offsetParent && !name.value ? name : form.elements.symptoms).focus();
    }
    const fields = reachable();
    (fields[fields.indexOf(from) + 1] ?? form.querySelector("[data-create]")).focus();
  };
  const priority = (place) => {
    const all = form.querySelectorAll('[name="priority"]');
    if (!all[place]) return;
    all[place].checked = true;
    all[place].dispatchEvent(new Event("change", {bubbles: true}));
  };
  const altKey = (event) => {
    const answer = ANSWERS[event.code], digit = /^(?:Digit|Numpad)([1-4])$/.exec(event.code);
    if (answer && part("duplicate").querySelector(".dup")) {
      pick("answer", answer);
      form.elements.symptoms.focus();
      changed("answer");
    } else if (digit) priority(Number(digit[1]) - 1);
    else if (!answer) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const keys = (event) => {
    // Under a layer the board listens for single letters.
    if (options.close) event.stopPropagation();
    if (event.isComposing) return;
    if (event.altKey && !event.ctrlKey && !event.metaKey) return altKey(event);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) send("create");
    } else if (event.key === "Enter" && event.target.matches("input")) {
      event.preventDefault();
      next(event.target);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      leave();
    }
  };

  // --- changes, draft, end ----------------------------------------------
  const keep = later(300, async () => draft.save(form), () => {});
  const changed = (name) => {
    touched.add(name);
    keep();
    startTimer();
    if (name === "duplicate_of") askAbout();
    if (name === "answer") showErrors([]);
    if (RELEVANT.has(name)) look();
  };
  const typedInto = (event) => {
    const {name, value} = event.target;
    if (name === "phone") {
      keep();
      startTimer();
      const enough = digitsOf(value).length >= ENOUGH_DIGITS;
      if (enough || section.dataset.match !== "short") look();
      return;
    }
    if (event.type === "input" && event.target.matches("input[type=radio],input[type=checkbox],select")) return;
    changed(name);
  };
  let since = 0, ticking = 0;
  const startTimer = () => {
    if (since) return;
    since = Date.now();
    const clock = section.querySelector("[data-timer]");
    ticking = setInterval(() => {
      const seconds = Math.floor((Date.now() - since) / 1000);
      clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    }, 1000);
  };
  const stop = (save = true) => {
    if (gone.signal.aborted) return;
    if (save) draft.save(form);
    gone.abort();
    look.stop();
    keep.stop();
    streets.stop();
    clearInterval(ticking);
  };
  const leave = () => {
    stop();
    if (options.close) options.close();
    else location.assign(section.dataset.board);
  };
  const restore = () => {
    const values = draft.load();
    if (!values || form.elements.phone.value || form.elements.symptoms.value) return;
    wanted = values;
    if (values.specialization) touched.add("specialization");
    draft.fill(form, values);
    streets.restore();
    section.querySelector("[data-restored]").hidden = false;
    look(true);
  };
  const startAnew = () => {
    draft.clear();
    stop(false);
    if (options.anew) options.anew();
    else location.assign(form.action);
  };

  const streets = suggestStreets(section, form, () => changed("address_text"));
  on(form, "input", typedInto);
  on(form, "change", typedInto);
  on(options.close ? section : document, "keydown", keys);
  on(form, "submit", (event) => {
    event.preventDefault();
    delete form.dataset.sending;
    send(event.submitter?.value === "another" ? "another" : "create");
  });
  on(section.querySelector("[data-close]"), "click", (event) => {
    event.preventDefault();
    leave();
  });
  on(section.querySelector("[data-anew]"), "click", startAnew);
  on(window, "pagehide", () => draft.save(form));
  restore();
  draft.markDraft();
  (form.querySelector('[aria-invalid="true"]') ?? form.elements.phone).focus();
  return stop;
}
