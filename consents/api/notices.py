"""`notices/`: the wording that people are shown, version by version."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from consents import publishing
from consents.api import notice_shapes, operations
from consents.api.door import Door
from consents.api.fields import Fields, shown_time
from consents.api.pagination import page_of
from consents.errors import ConsentError
from consents.idempotency import Answer, Result
from consents.models import Notice
from consents.vocabulary import Scope


class Notices(Door):
    scopes = {"GET": Scope.READ, "POST": Scope.MANAGE}

    @operations.describe(
        "list_notices",
        {200: operations.listing(notice_shapes.NoticeBody)},
        parameters=[operations.SENDER, operations.query("key"), *operations.PAGING],
        example=notice_shapes.LIST,
    )
    def get(self, request: Request) -> Response:
        """Versions of notices, those added last first."""
        query = self.list_query("key")
        rows = _with_sender().filter(sender__in=self.senders(query))
        if key := query.text("key"):
            rows = rows.filter(key=key)
        return self.page(page_of(rows, query), shown)

    @operations.describe(
        "publish_notice",
        {200: notice_shapes.NoticeBody, 201: notice_shapes.NoticeBody},
        request=notice_shapes.NoticeRequest,
        repeatable=True,
        example=notice_shapes.PUBLISH,
    )
    def post(self, request: Request) -> Response:
        """Put a version in, to the letter as people are shown it.

        It is never changed and never deleted: another text is another version. The same once more
        is answered 200 with what is there.
        """
        body = self.body(notice_shapes.NoticeRequest)
        sender = self.sender(body)
        wording = {name: body.text(name) for name in ("key", "language", "text")}
        version, valid_from = _version(body), body.time("valid_from")

        def work() -> Answer:
            published = publishing.publish(
                sender, **wording, version=version, valid_from=valid_from
            )
            status = 201 if published.is_new else 200
            return Answer(status, {"notice": str(published.notice.id)})

        return self.once(work, _shown_result)


class OneNotice(Door):
    scopes = {"GET": Scope.READ}
    refused = dict.fromkeys(
        ("PUT", "PATCH", "DELETE"),
        "A notice is never changed and never deleted: evidence names it. Add another version.",
    )

    @operations.describe(
        "read_notice",
        {200: notice_shapes.NoticeBody},
        finds=True,
        example=notice_shapes.READ,
    )
    def get(self, request: Request, id: UUID) -> Response:
        """One version of a notice in one language."""
        notice = _with_sender().filter(id=id, sender__in=self.senders(self.query())).first()
        if notice is None:
            raise Http404
        return Response(shown(notice))


def shown(notice: Notice) -> dict[str, Any]:
    """A version as the API shows it; needs its sender."""
    return {
        "id": str(notice.id),
        "sender": notice.sender.key,
        "key": notice.key,
        "version": notice.version,
        "language": notice.language,
        "text": notice.text,
        "sha256": notice.digest,
        "valid_from": shown_time(notice.valid_from),
        "created_at": shown_time(notice.created_at),
    }


def _shown_result(result: Result) -> dict[str, Any]:
    return shown(_with_sender().get(id=result["notice"]))


def _with_sender() -> QuerySet[Notice]:
    return Notice.objects.select_related("sender")


def _version(body: Fields) -> str:
    """Raises ConsentError `invalid_version` for what is neither text nor a number."""
    if isinstance(body.raw("version"), str):
        return body.text("version")
    number = body.whole_number("version")
    if number is None or not 0 <= number <= notice_shapes.VERSION_NUMBER_MAX:
        raise ConsentError("invalid_version", "There is no such version number.", "version")
    return str(number)
