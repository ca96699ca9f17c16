// The unsent form of this tab: kept for 12 hours or until the call is sent.

const KEY = "tot.new-call";
const LIFE_MS = 12 * 3600 * 1000;
const TYPED = ["phone", "symptoms", "last_name", "first_name", "subject_name", "address_text", "notes"];
const NEVER = new Set(["csrf_token", "patient_id", "do", "duplicates_seen"]);

export function load() {
  try {
    const draft = JSON.parse(sessionStorage.getItem(KEY));
    if (draft && Date.now() - draft.at < LIFE_MS) return draft.values;
    sessionStorage.removeItem(KEY);
  } catch {
    // A browser without storage has no drafts.
  }
  return null;
}

export function save(form) {
  const values = {};
  for (const [name, value] of new FormData(form)) if (!NEVER.has(name)) values[name] = value;
  const worth = TYPED.some((name) => values[name]?.trim());
  try {
    if (worth) sessionStorage.setItem(KEY, JSON.stringify({at: Date.now(), values}));
    else sessionStorage.removeItem(KEY);
  } catch {
    // See load().
  }
  markDraft();
}

export function clear() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // See load().
  }
  markDraft();
}

// Puts kept values back where the form has a place for them.
export function fill(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements[name];
    if (!field) continue;
    if (field instanceof RadioNodeList) {
      if ([...field].some((each) => each.value === value)) field.value = value;
    } else if (field.type === "checkbox" || field.type === "radio") {
      if (field.value === value) field.checked = true;
    } else {
      field.value = value;
    }
  }
}

// A dot on «New call» reminds of the draft.
export function markDraft(root = document) {
  const kept = load() !== null;
  for (const link of root.querySelectorAll('[data-new-call], a[href$="/admin/calls/new"]')) {
    link.classList.toggle("has-draft", kept);
  }
}
