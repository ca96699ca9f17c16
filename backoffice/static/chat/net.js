// Words and requests of the pane; nobody else's data is needed, so it lives on any page.
export const boot = JSON.parse(document.getElementById("chat-boot").textContent)
export const t = key => boot.words[key] ?? key
const token = document.querySelector('meta[name="csrf-token"]').content

async function send(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers }
  const answer = await fetch(`${boot.base}${path}`, { signal: AbortSignal.timeout(20000), ...options, headers }).catch(() => null)
  // Status 0: nobody knows whether it arrived.
  if (!answer) return { ok: false, status: 0, body: {} }
  if (answer.status === 401) location.reload()
  return { ok: answer.ok, status: answer.status, body: await answer.json().catch(() => ({})) }
}
export const get = (path, quiet) => send(path, { headers: quiet ? { "X-Background": "1" } : {} })
export const post = (path, fields = {}, options = {}) => {
  const body = fields instanceof FormData ? fields : new URLSearchParams(fields)
  return send(path, { method: "POST", body, ...options, headers: { "X-CSRF-Token": token } })
}

// What this tab remembers until it is closed; a browser without storage remembers nothing.
export function keep(key, value) {
  try {
    value?.length ? sessionStorage.setItem(`tot.chat.${key}`, JSON.stringify(value)) : sessionStorage.removeItem(`tot.chat.${key}`)
  } catch { /* see above */ }
}
export function kept(key) {
  try {
    return JSON.parse(sessionStorage.getItem(`tot.chat.${key}`))
  } catch {
    return null
  }
}
