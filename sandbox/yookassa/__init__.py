"""The local YooKassa: the provider's HTTP API, its pages and its lies, on loopback.

No money moves here. The rules are those of https://yookassa.ru/developers; where the
provider does not publish the text of an error, only its code and parameter are meant.
"""
