"""Lists taken out: exactly what is listed, as a stream, and written down who did."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, ClassVar, Final

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold import widgets

from consents.admin import audit
from consents.admin.asking import Question
from consents.admin.tables import LargeTableAdmin, may
from consents.admin.theme import action
from consents.dashboard import BOUND, bounded
from consents.extracts import Extract, safe
from consents.importing.files import CSV, NDJSON
from consents.tabular import MARK, gathered, in_csv, in_ndjson
from consents.vocabulary import Deed

log = logging.getLogger(__name__)

_PIECE: Final = 64 * 1024
_TYPES: Final = {CSV: "text/csv; charset=utf-8", NDJSON: "application/x-ndjson"}
_OF_THE_PAGE: Final = frozenset({"p", "e", "o", "q", "all"})
_BROKEN_OFF: Final = "The export broke off here: not all rows are in it."


class ExportForm(forms.Form):
    what = forms.ChoiceField(label="What", widget=widgets.UnfoldAdminRadioSelectWidget())
    format = forms.ChoiceField(
        label="As",
        choices=[(CSV, "CSV, for spreadsheets"), (NDJSON, "JSON, an object a line")],
        initial=CSV,
        widget=widgets.UnfoldAdminRadioSelectWidget(),
    )

    def __init__(self, data: Any, extracts: Mapping[str, Extract]) -> None:
        super().__init__(data, initial={"what": next(iter(extracts))})
        what = self.fields["what"]
        assert isinstance(what, forms.ChoiceField)  # noqa: S101 - tells mypy what was declared
        what.choices = [(name, extract.title) for name, extract in extracts.items()]


class ExportableAdmin(LargeTableAdmin):
    """A list with a link to take it out; `extracts`: what can be made of it, by name."""

    extracts: ClassVar[Mapping[str, Extract]] = {}

    def has_export_permission(self, request: HttpRequest) -> bool:
        return may(request, "consents.export_contact") and self.has_view_permission(request)

    @action("Export…", permissions=["export"], icon="download")
    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Asks in which form, then sends the list that the address names."""
        listed = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return redirect(f"{listed}?e=1")
        form = ExportForm(request.POST if request.method == "POST" else None, self.extracts)
        if request.method == "POST" and form.is_valid():
            return _sent(request, rows, self.extracts[form.cleaned_data["what"]], form)
        question = Question(
            title=f"Export {self.opts.verbose_name_plural}",
            explanation=f"{_count(rows)}, {_filters(request)}. It is written down that you took "
            "them out.",
            button="Export",
            back=f"{listed}?{request.GET.urlencode()}",
        )
        context = {**self.admin_site.each_context(request), "opts": self.opts}
        shown = {**context, "title": question.title, "question": question, "form": form}
        return TemplateResponse(request, "admin/question.html", shown)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        answer = super().changelist_view(request, extra_context)
        for link in getattr(answer, "context_data", {}).get("actions_list", ()):
            if link["path"] == self._export_path and request.GET:
                link["path"] = f"{link['path']}?{request.GET.urlencode()}"
        return answer

    @property
    def _export_path(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_export")


def _sent(
    request: HttpRequest, rows: QuerySet[Any], extract: Extract, form: ExportForm
) -> StreamingHttpResponse:
    format = form.cleaned_data["format"]
    note = _Note(request, rows, f"{extract.title}; {_filters(request)}; {format}")
    note.write("Export begun")
    answer = StreamingHttpResponse(
        gathered(_written(note, extract, rows, format), _PIECE), content_type=_TYPES[format]
    )
    name = f"{form.cleaned_data['what']}-{timezone.now():%Y-%m-%d}.{format}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _written(note: _Note, extract: Extract, rows: QuerySet[Any], format: str) -> Iterator[bytes]:
    try:
        # Closed before anything is written down: its transaction would take that back.
        with closing(extract.rows(rows)) as found:
            if format == CSV:
                yield MARK
                yield from in_csv(extract.header, safe(note.counted(found)))
            else:
                yield from in_ndjson(extract.header, note.counted(found))
        note.is_whole = True
    except Exception as error:
        # The status has been sent already, so the answer itself must say it.
        log.error("An export broke off (%s).", type(error).__name__)
        broken = in_csv if format == CSV else in_ndjson
        *_, last = broken(["#error"], [[_BROKEN_OFF]])
        yield last
    finally:
        note.write("Exported" if note.is_whole else "Export broken off after")


class _Note:
    """What is written down of an export. What was searched for may be a person: it is left out."""

    def __init__(self, request: HttpRequest, rows: QuerySet[Any], text: str) -> None:
        self._request = request
        self._model = rows.model
        self._text = text
        self._count: int | None = None
        self.is_whole = False

    def counted(self, rows: Iterator[Any]) -> Iterator[Any]:
        self._count = 0
        for row in rows:
            self._count += 1
            yield row

    def write(self, verb: str) -> None:
        count = "" if self._count is None else f" {self._count} rows"
        audit.log(self._request, self._model(), f"{verb}{count}: {self._text}", Deed.EXPORTED)


def _count(rows: QuerySet[Any]) -> str:
    """As far as it is quickly told."""
    count = bounded(rows)
    return f"More than {BOUND} rows" if count > BOUND else f"{count} rows"


def _filters(request: HttpRequest) -> str:
    chosen = [f"{name}={value}" for name, value in request.GET.items() if name not in _OF_THE_PAGE]
    searched = ["a search"] if request.GET.get("q", "").strip() else []
    filtered = ", ".join([*(text[:100] for text in chosen), *searched])
    return f"filtered by {filtered}" if filtered else "all of them"
