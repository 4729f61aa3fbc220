"""The form of an account: its credentials go in and never come out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django import forms
from unfold import widgets

from providers import accounts, registry
from providers.models import ProviderAccount

if TYPE_CHECKING:
    AccountModelForm = forms.ModelForm[ProviderAccount]
else:
    AccountModelForm = forms.ModelForm

PREFIX = "credential_"

KINDS = {
    "pepipost": "Pepipost (Netcore)",
    "sinch_conversation": "Sinch Conversation",
    "sinch_whatsapp": "Sinch WhatsApp",
}


def kind_name(kind: str) -> str:
    return KINDS.get(kind, kind.replace("_", " ").capitalize())


class AccountForm(AccountModelForm):
    """One kind of account; `form_of` makes the classes, each with its provider's credentials."""

    kind: str
    names: tuple[str, ...]

    base_url = forms.CharField(
        label="Base URL",
        help_text="Where the provider listens, for example https://api.example.com.",
        max_length=300,
        widget=widgets.UnfoldAdminTextInputWidget(),
    )
    settings = forms.JSONField(
        label="Settings",
        help_text="What this provider can be told besides, as a JSON object. Usually {}. "
        "No secrets: everybody who may see this page sees it.",
        required=False,
        initial=dict,
        widget=widgets.UnfoldAdminTextareaWidget({"rows": 3}),
    )
    is_baseline = forms.BooleanField(
        label="The provider knows already",
        help_text="It holds what is known here so far: mark it so, and do not send it again.",
        required=False,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = self.kind
        self.doubts: list[str] = []
        for name in self.names:
            if self._stored.get(name):
                self.fields[PREFIX + name].required = False
                self.fields[PREFIX + name].help_text = "Is set. Leave empty to keep it."

    @property
    def _stored(self) -> dict[str, str]:
        return dict(self.instance.credentials or {})

    def clean_settings(self) -> dict[str, Any]:
        settings = self.cleaned_data["settings"] or {}
        if not isinstance(settings, dict):
            raise forms.ValidationError("This must be a JSON object, such as {}.")
        return settings

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        given = {name: data.pop(PREFIX + name, "").strip() for name in self.names}
        data["credentials"] = {
            **self._stored,
            **{name: value for name, value in given.items() if value},
        }
        return data

    def _get_validation_exclusions(self) -> set[str]:
        """`kind` and `sender` take part in what must be unique, whether they can be edited or not.

        The adapter judges the base URL: names without a dot are right inside a cluster.
        """
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return (excluded - {"kind", "sender"}) | {"base_url"}

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        self.instance.credentials = self.cleaned_data["credentials"]
        obstacles, self.doubts = accounts.problems(self.instance)
        for problem in obstacles:
            self.add_error(None, problem)


@cache
def form_of(kind: str) -> type[AccountForm]:
    """The form of this provider's accounts."""
    adapter = registry.adapter(kind)
    names = (*sorted(adapter.required_credentials), *sorted(adapter.optional_credentials))
    fields = {PREFIX + name: _secret(name, name in adapter.required_credentials) for name in names}
    form: type[AccountForm] = type(
        "AccountForm", (AccountForm,), {"kind": kind, "names": names, **fields}
    )
    return form


def _secret(name: str, is_required: bool) -> forms.CharField:
    return forms.CharField(
        label=name.replace("_", " ").capitalize(),
        required=is_required,
        max_length=2000,
        help_text="" if is_required else "May stay empty.",
        widget=widgets.UnfoldAdminPasswordWidget(
            attrs={"autocomplete": "new-password"}, render_value=False
        ),
    )
