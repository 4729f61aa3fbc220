"""Reads Sinch's opt-out lists back: the Consents API (specification of October 2026).

All lists are lists of opt-outs; who is on none counts as opted in there. A record has no channel:
identities are bare numbers.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from providers import reading
from providers.contract import Account, Fault
from providers.errors import AccountError
from providers.exchange import Exchange, account_error, fault_of, unreadable
from providers.http import Answer, Request
from providers.readback_contract import Reader
from providers.redaction import Mask
from providers.sinch_conversation import wire
from providers.sinch_conversation.tokens import TokenCache

PAGE_SIZE = 50  # the most there is
PAGES_MAX = 20_000
SECONDS = 15.0
KEPT_OF_AUDIT = ("origin", "operation", "list_type", "datetime")


class SinchConversationReader(Reader):
    lists = {
        "OPT_OUT_ALL": "all",
        "OPT_OUT_MARKETING": "marketing",
        "OPT_OUT_NOTIFICATION": "utility",
    }
    told_by_us = "OPT_OUT_ALL"

    def __init__(self) -> None:
        self._tokens = TokenCache()

    def listed(self, account: Account, list_type: str) -> set[str]:
        found: set[str] = set()
        token = ""
        for _ in range(PAGES_MAX):
            query = urlencode({"page_size": PAGE_SIZE, **({"page_token": token} if token else {})})
            page = self._get(account, f"{list_type}?{query}")
            found |= {
                address
                for one in reading.parts(page.get("identities"))
                if (address := reading.text(one.get("identity")))
            }
            following = reading.text(page.get("next_page_token"))
            if not following or following == token:
                return found
            token = following
        raise AccountError(
            Fault.UNAVAILABLE, "endless_list", "The list has no end.", may_have_arrived=False
        )

    def audit(self, account: Account, address: str) -> list[dict[str, Any]]:
        path = f"identities/{quote(address.lstrip('+'), safe='')}"
        answer = self._get(account, path, missing_is_empty=True)
        return [
            {name: reading.text(record.get(name)) for name in KEPT_OF_AUDIT}
            for record in reading.parts(answer.get("audit_records"))
        ]

    def _get(
        self, account: Account, path: str, *, missing_is_empty: bool = False
    ) -> dict[str, Any]:
        answer = self._answer(account, path)
        if answer.status == 404 and missing_is_empty:
            return {}
        document = answer.document()
        if not answer.is_success:
            fault = fault_of(answer.status) or Fault.CREDENTIALS
            raise account_error(fault, answer, wire.reason_of(document).text)
        if document is None:
            raise unreadable(answer)
        return document

    def _answer(self, account: Account, path: str) -> Answer:
        closed = account.credentials.keys() - {"project_id", "token_url"}
        mask = Mask(secrets=[account.credentials[name] for name in closed])
        exchange = Exchange(mask, SECONDS)
        if wire.auth(account) == "basic":
            return exchange.send(_request(account, path, wire.basic(account)))
        token = self._tokens.current(exchange, account)
        answer = exchange.send(_request(account, path, f"Bearer {token.value}"))
        if wire.is_expired(answer):
            token = self._tokens.current(exchange, account, instead_of=token)
            answer = exchange.send(_request(account, path, f"Bearer {token.value}"))
        return answer


def _request(account: Account, path: str, authorization: str) -> Request:
    project = quote(account.credentials["project_id"], safe="")
    app = quote(account.external_id, safe="")
    base = account.base_url.rstrip("/")
    url = f"{base}/v1/projects/{project}/apps/{app}/consents/{path}"
    return Request("GET", url, headers={"Authorization": authorization})
