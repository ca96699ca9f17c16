"""A local Telegram: the Bot API that a real bot talks to, and the phones of its users.

Under /telegram: the API at /bot{token}/{method} with its files at /file/bot{token}/…,
a page that shows two phones side by side, and the control of phones and faults at
/_ctl. Everything is in memory and on loopback. Text is plain here: a message that asks
for markup is refused, because what users write must never become any.

The rules are those of https://core.telegram.org/bots/api; the words of refusals are
those that the API answers with.
"""
