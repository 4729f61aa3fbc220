"""Forms with a file as evidence; an opt-out is recorded whatever is wrong with its file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import lazy
from unfold import widgets

from consents import attachments, media
from consents.attachments import FILE, Attachment
from consents.errors import ConsentError

_SUFFIXES = ",".join(suffix for kind in media.KINDS for suffix in kind.suffixes)


class EvidenceFileField(forms.FileField):
    """Cleans to an Attachment, or to None."""

    def clean(self, data: Any, initial: Any = None) -> Attachment | None:
        uploaded = super().clean(data, initial)
        if not uploaded:
            return None
        try:
            return attachments.read(uploaded.name or "", uploaded.read(), uploaded.size or 0)
        except ConsentError as error:
            raise forms.ValidationError(error.message, error.code) from None


def _explained() -> str:
    return (
        "A letter, a picture of a screen, a recording: PDF, PNG, JPEG, text, e-mail (EML), MP3, "
        f"WAV or M4A, of at most {attachments.limit_in_words()}."
    )


_EXPLAINED = lazy(_explained, str)


def file_field(*, required: bool = False) -> EvidenceFileField:
    return EvidenceFileField(
        label="File",
        help_text=_EXPLAINED(),
        required=required,
        allow_empty_file=True,
        widget=widgets.UnfoldAdminFileFieldWidget({"accept": _SUFFIXES}),
    )


class FileForm(forms.Form):
    """A form with a file, where one was chosen. `refused`: what is wrong with one left out."""

    file = file_field()
    refused = ""

    def go_without_file(self) -> None:
        """Leave the file out rather than the form, if it is one that cannot be kept."""
        if FILE in self.errors:
            self.refused = " ".join(map(str, self.errors.pop(FILE)))
            self.cleaned_data[FILE] = None

    def ask_for_file_again(self) -> None:
        """The page comes back for something else, and no browser sends a chosen file again."""
        if not self.is_bound:
            return
        if self.refused:
            self.add_error(FILE, self.refused)
        elif self.files and FILE not in self.errors:
            self.add_error(FILE, "Please choose the file once more.")


class AttachForm(forms.Form):
    file = file_field(required=True)
