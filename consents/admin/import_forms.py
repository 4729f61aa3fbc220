"""The forms of an import: a file, what its columns mean, and what holds where it says nothing."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from unfold import widgets

from consents.admin.forms import SAID, channel_choices, sender_choice
from consents.errors import ConsentError
from consents.importing import sampling
from consents.importing.columns import DEFAULTS, EVIDENCE, EVIDENCE_OF, Manner, Reader, is_field
from consents.importing.files import CSV, NDJSON
from consents.importing.sampling import Sample
from consents.models import Purpose
from consents.vocabulary import SOURCE_MAX

FIELDS: Final = {
    "identity": "Number or address",
    "occurred_at": "When they said it",
    "action": "What they said: opt_in or opt_out",
    "source": "Source: where they said it",
    "purpose": "Purpose",
    "channel": "Channel",
    "external_id": "The CRM's id of the person",
    "display_name": "Name",
    "language": "Language",
    "ip": "IP address",
    "user_agent": "Browser",
    "note": "Note",
    "notice": "Notice that they were shown",
    "notice_version": "Version of the notice",
    "notice_language": "Language of the notice",
    EVIDENCE: "Evidence, under the column's name",
}
PASSED_OVER: Final = "Nothing: passed over"

LAYOUTS: Final = {
    "comma": (CSV, ","),
    "semicolon": (CSV, ";"),
    "tab": (CSV, "\t"),
    "bar": (CSV, "|"),
    "json": (NDJSON, ","),
}
_LAYOUT_WORDS: Final = {
    "comma": "CSV, with commas between the cells",
    "semicolon": "CSV, with semicolons",
    "tab": "CSV, with tabs",
    "bar": "CSV, with bars |",
    "json": "JSON, an object a line",
}


class UploadForm(forms.Form):
    sender = sender_choice()
    file = forms.FileField(
        label="File",
        help_text="CSV with the names of the columns in its first line, or JSON, an object a "
        "line; in UTF-8.",
        widget=widgets.UnfoldAdminFileFieldWidget(),
    )


class LayoutForm(forms.Form):
    layout = forms.ChoiceField(
        label="The file is",
        choices=list(_LAYOUT_WORDS.items()),
        widget=widgets.UnfoldAdminSelectWidget(),
    )


class AgainForm(forms.Form):
    again = forms.BooleanField(label="Record this very file once more")


class ColumnsForm(forms.Form):
    """Says of each column what it is, and what holds where a row says nothing."""

    action = forms.ChoiceField(
        label="They said",
        choices=SAID,
        widget=widgets.UnfoldAdminSelectWidget(),
    )
    channel = forms.ChoiceField(
        label="Channel", choices=channel_choices, widget=widgets.UnfoldAdminSelectWidget()
    )
    purpose = forms.ChoiceField(label="Purpose", widget=widgets.UnfoldAdminSelectWidget())
    source = forms.CharField(
        label="Source",
        help_text=f"Where they said it, in at most {SOURCE_MAX} characters: CRM, WEB FORM.",
        required=False,
        max_length=SOURCE_MAX,
        widget=widgets.UnfoldAdminTextInputWidget(),
    )
    zone = forms.ChoiceField(
        label="Time zone",
        help_text="Of times that do not state theirs.",
        required=False,
        widget=widgets.UnfoldAdminSelectWidget(),
    )

    def __init__(
        self, data: Mapping[str, Any] | None, *, sample: Sample, layout: str, manner: Manner | None
    ) -> None:
        """`manner`: what was said before; else it is guessed."""
        super().__init__(data, initial=_initial(manner))
        self.sample, self.layout = sample, layout
        guessed = sampling.fields(sample.columns)
        for at, column in enumerate(sample.columns):
            known = _meaning(manner, column) if manner else guessed[column]
            self.fields[f"column_{at}"] = forms.ChoiceField(
                label=column,
                choices=[("", PASSED_OVER), *FIELDS.items()],
                required=False,
                initial=EVIDENCE if known.startswith(EVIDENCE) else known,
                widget=widgets.UnfoldAdminSelectWidget(),
            )
        self._choices("purpose", [(one.key, one.name) for one in Purpose.objects.all()])
        zones = [(name, name) for name in sorted(zoneinfo.available_timezones())]
        self._choices("zone", [("", "Times without a zone are refused"), *zones])

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells mypy what was declared
        field.choices = choices

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Each column with what it may be and its first values."""
        return [
            {
                "field": self[f"column_{at}"],
                "values": [row[column] for row in self.sample.rows if row.get(column)][:3],
            }
            for at, column in enumerate(self.sample.columns)
        ]

    @property
    def defaults(self) -> list[forms.BoundField]:
        return [self[name] for name in (*DEFAULTS, "zone")]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                self.manner = self._manner(data)
                Reader(self.manner, self.sample.columns)
            except ConsentError as error:
                self.add_error(None, error.message)
        return data

    def _manner(self, data: Mapping[str, Any]) -> Manner:
        format, delimiter = LAYOUTS[self.layout]
        columns = {}
        for at, column in enumerate(self.sample.columns):
            said = data[f"column_{at}"]
            field = _evidence_name(column, format) if said == EVIDENCE else said
            if field != (column if is_field(column) else ""):
                columns[column] = field
        return Manner(
            format=format,
            delimiter=delimiter,
            columns=columns,
            defaults={name: data[name] for name, own in DEFAULTS.items() if data[name] != own},
            zone=data["zone"],
        )


def layout_of(format: str, delimiter: str) -> str:
    return next(name for name, known in LAYOUTS.items() if known == (format, delimiter))


def _initial(manner: Manner | None) -> dict[str, Any]:
    if manner is None:
        return DEFAULTS
    return {**DEFAULTS, **manner.defaults, "zone": manner.zone}


def _meaning(manner: Manner, column: str) -> str:
    return manner.columns.get(column, column if is_field(column) else "")


def _evidence_name(column: str, format: str) -> str:
    """In JSON `evidence` may be an object, which is all of it."""
    is_itself = column.startswith(EVIDENCE_OF) or (column == EVIDENCE and format == NDJSON)
    return column if is_itself else f"{EVIDENCE_OF}{column}"
