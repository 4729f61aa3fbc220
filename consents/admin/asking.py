"""A page that asks before something is done: nothing here happens by following a link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from consents.admin.file_forms import FileForm
from consents.errors import ConsentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`back`: the URL to go to when it is done, or when the answer is no."""

    title: str
    explanation: str
    button: str
    back: str
    is_dangerous: bool = False


def ask(
    request: HttpRequest,
    admin: Any,
    question: Question,
    form_class: type[forms.Form],
    carry_out: Callable[[dict[str, Any]], str],
) -> HttpResponse:
    """Show the question; on POST carry it out with the form's data and show what it returns.

    A ConsentError raised by `carry_out` becomes an error of the form.
    """
    form = _filled_in(form_class, request)
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, carry_out(form.cleaned_data))
            return redirect(question.back)
        except ConsentError as error:
            add_error(form, error)
    if isinstance(form, FileForm):
        form.ask_for_file_again()
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.model._meta,
        "title": question.title,
        "question": question,
        "form": form,
    }
    return TemplateResponse(request, "admin/question.html", context)


def _filled_in(form_class: type[forms.Form], request: HttpRequest) -> forms.Form:
    if request.method != "POST":
        return form_class()
    # Forms without a file need not know of files.
    return form_class(request.POST, request.FILES) if request.FILES else form_class(request.POST)


def add_error(
    form: forms.BaseForm, error: ConsentError, fields: dict[str, str] | None = None
) -> None:
    """Say it at the field at fault, or above the form where it has no such field."""
    field = (fields or {}).get(error.field or "", error.field)
    form.add_error(field if field in form.fields else None, error.message)
