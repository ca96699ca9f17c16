"""The local YooKassa: the provider's HTTP API, its pages and its lies, on loopback.

Under /yookassa: the API at /v3, the payer's pages at /pay/{id} and /qr/{id}, the
cabinet at /admin, and the control at /_ctl, which is there only with TOT_SANDBOX_TOKEN
(sent as `Authorization: Bearer` or `X-Sandbox-Token`). Settings: see config.py.

No money moves here. The rules are those of https://yookassa.ru/developers; where the
provider does not publish the text of an error, only its code and parameter are meant.
"""
