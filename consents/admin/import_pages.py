"""The pages of one file: handed in, its columns named, looked at, recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.csrf import csrf_protect

from consents.admin import import_figures
from consents.admin.asking import Question, add_error, ask
from consents.admin.audit import log, staff
from consents.admin.forms import NothingForm
from consents.admin.import_forms import (
    LAYOUTS,
    AgainForm,
    ColumnsForm,
    LayoutForm,
    UploadForm,
    layout_of,
)
from consents.admin.uploads import UnnamedUpload, is_too_large
from consents.errors import ConsentError
from consents.importing import intake, pieces, sampling
from consents.importing.columns import Manner
from consents.importing.verdicts import CATEGORIES
from consents.models import ImportFile, Sender
from consents.tabular import MARK
from consents.vocabulary import Deed, FileStatus

REFRESH: Final = "2"
"""Seconds after which a page that shows progress asks again, by itself and without a script."""


def page(name: str, file: ImportFile) -> str:
    return reverse(f"admin:consents_importrun_{name}", args=[file.pk])


# --- handing in


def upload(admin: Any, request: HttpRequest) -> HttpResponse:
    """Takes a file in, as it comes, onto disk."""
    if not admin.has_add_permission(request):
        raise PermissionDenied
    if is_too_large(request, settings.IMPORT_FILE_MAX):
        return _too_large(admin, request)
    handler = UnnamedUpload(request)
    request.upload_handlers = [handler]
    protected: Any = csrf_protect(lambda request: _uploaded(admin, request, handler))
    answer: HttpResponse = protected(request)
    return answer


def _too_large(admin: Any, request: HttpRequest) -> HttpResponse:
    request.POST = QueryDict()  # what comes is never read
    problem = f"The file has more than {filesizeformat(settings.IMPORT_FILE_MAX)}."
    answer = _upload_page(admin, request, _blank(), problem)
    answer.status_code = 413
    return answer


def _uploaded(admin: Any, request: HttpRequest, handler: UnnamedUpload) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else _blank()
    if request.method == "POST" and form.is_valid():
        taken = form.cleaned_data["file"]
        try:
            file = intake.receive(
                form.cleaned_data["sender"], taken.name, pieces.of(taken), staff(request)
            )
        except ConsentError as error:
            add_error(form, error)
        else:
            log(request, file, "Handed in.", Deed.ADDED)
            return redirect(page("file", file))
    problem = "" if handler.has_room else "There is no room for this file now."
    return _upload_page(admin, request, form, problem)


def _blank() -> UploadForm:
    return UploadForm(initial={"sender": Sender.objects.first()})


def _upload_page(
    admin: Any, request: HttpRequest, form: UploadForm, problem: str = ""
) -> TemplateResponse:
    context = {"form": form, "title": "Import a file", "problem": problem}
    return _answer(admin, request, "upload", context)


# --- the page of a file


def show(admin: Any, request: HttpRequest, id: UUID) -> HttpResponse:
    """What is to be done next with a file, or how far it is."""
    file = _file(admin, request, id)
    is_read = file.status in intake.TO_BE_READ and admin.has_add_permission(request)
    is_asked = request.method == "POST" or "layout" in request.GET or "columns" in request.GET
    has_to_be = file.status in (FileStatus.RECEIVED, FileStatus.FAILED)
    if is_read and (is_asked or has_to_be):
        return _columns(admin, request, file)
    context = {
        "title": file.name,
        "file": file,
        "is_busy": file.status in intake.BUSY,
        "is_open": file.status in intake.OPEN,
        "may_decide": admin.has_add_permission(request),
        **import_figures.of(file, with_rows=admin.has_add_permission(request)),
    }
    answer = _answer(admin, request, "file", context)
    if file.status in intake.BUSY:
        answer["Refresh"] = REFRESH
    return answer


def _file(admin: Any, request: HttpRequest, id: UUID, *, adds: bool = False) -> ImportFile:
    allowed = admin.has_add_permission(request)
    if not (allowed or (not adds and admin.has_view_permission(request))):
        raise PermissionDenied
    file = ImportFile.objects.select_related("sender", "run").filter(id=id).first()
    if file is None:
        raise Http404
    return file


def _columns(admin: Any, request: HttpRequest, file: ImportFile) -> HttpResponse:
    """What its columns mean; how it is written may be chosen first."""
    manner = Manner(**file.manner) if file.manner else None
    layout = _layout(request, file, manner)
    context: dict[str, Any] = {
        "title": file.name,
        "file": file,
        "layout": layout,
        "layout_form": LayoutForm(initial={"layout": layout}),
    }
    try:
        sample = sampling.sample(file, *LAYOUTS[layout])
    except ConsentError as error:
        return _answer(admin, request, "columns", {**context, "problem": error.message})
    before = manner if manner and layout_of(manner.format, manner.delimiter) == layout else None
    posted = request.POST if request.method == "POST" else None
    form = ColumnsForm(posted, sample=sample, layout=layout, manner=before)
    if posted is not None and form.is_valid():
        try:
            intake.look(file, form.manner)
            return redirect(page("file", file))
        except ConsentError as error:
            form.add_error(None, error.message)
    return _answer(admin, request, "columns", {**context, "form": form})


def _layout(request: HttpRequest, file: ImportFile, manner: Manner | None) -> str:
    asked = request.POST.get("layout") or request.GET.get("layout")
    if asked in LAYOUTS:
        return asked
    return layout_of(*(manner.format, manner.delimiter) if manner else sampling.layout(file))


# --- deciding


def record(admin: Any, request: HttpRequest, id: UUID) -> HttpResponse:
    file = _file(admin, request, id, adds=True)
    form: Any = NothingForm
    warning = ""
    try:
        intake.check_new(file)
    except ConsentError as error:
        form, warning = AgainForm, f" {error.message}"

    def carry_out(data: dict[str, Any]) -> str:
        intake.record(file, again=data.get("again", False))
        log(request, file, "Had it recorded.")
        return "It is being recorded."

    sums = import_figures.sums(file.counts)
    question = Question(
        title=f"Record {file.name}",
        explanation=f"Written into the ledger, for good: {sums['written']:,} of {sums['total']:,} "
        f"rows. Of these {sums['effective']:,} change what somebody allows. Left out, since they "
        f"cannot be recorded: {sums['refused']:,}.{warning}",
        button="Record it",
        back=page("file", file),
    )
    return ask(request, admin, question, form, carry_out)


def cancel(admin: Any, request: HttpRequest, id: UUID) -> HttpResponse:
    file = _file(admin, request, id, adds=True)

    def carry_out(data: dict[str, Any]) -> str:
        intake.cancel(file)
        log(request, file, "Cancelled.")
        return "It is cancelled."

    question = Question(
        title=f"Cancel {file.name}",
        explanation="Nothing more is done with this file, and what it holds is deleted. Rows that "
        "are recorded stay recorded.",
        button="Cancel the import",
        back=page("file", file),
        is_dangerous=True,
    )
    return ask(request, admin, question, NothingForm, carry_out)


def download(admin: Any, request: HttpRequest, id: UUID, category: str) -> HttpResponseBase:
    """All rows of a category."""
    file = _file(admin, request, id, adds=True)
    content = pieces.read(file, category)
    first = next(content, None) if category in CATEGORIES else None
    if first is None:
        raise Http404
    log(request, file, f"Downloaded the rows: {category}.")
    answer = StreamingHttpResponse(_marked(first, content), content_type="text/csv; charset=utf-8")
    name = f"{file.name.rpartition('.')[0] or file.name}-{category}.csv"
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


def _marked(first: bytes, content: Iterator[bytes]) -> Iterator[bytes]:
    return chain([MARK, first], content)


def _answer(
    admin: Any, request: HttpRequest, template: str, context: Mapping[str, Any]
) -> TemplateResponse:
    whole = {**admin.admin_site.each_context(request), "opts": admin.model._meta, **context}
    return TemplateResponse(request, f"admin/consents/importrun/{template}.html", whole)
