// POST to our own console; the answer is always JSON.

const PATIENCE_MS = 8000;

const token = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export async function post(url, fields, signal) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(url, {
    method: "POST",
    headers: {Accept: "application/json", "X-CSRF-Token": token()},
    body: new URLSearchParams(fields),
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
  });
  const data = await response.json().catch(() => ({}));
  return {ok: response.ok, status: response.status, data};
}

// Runs the work some time after the last call; an answer that comes late is dropped.
export function later(milliseconds, work, apply) {
  let timer = 0, turn = 0, running = null;
  const start = async (mine) => {
    running = new AbortController();
    try {
      const answer = await work(running.signal);
      if (mine === turn) apply(answer);
    } catch (error) {
      if (mine === turn && error.name !== "AbortError") apply(null);
    }
  };
  const ask = (soon = false) => {
    clearTimeout(timer);
    running?.abort();
    const mine = ++turn;
    timer = setTimeout(start, soon ? 0 : milliseconds, mine);
  };
  ask.stop = () => {
    turn += 1;
    clearTimeout(timer);
    running?.abort();
  };
  return ask;
}
