"""The theme's classes and decorators with types, which it does not bring along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from unfold import decorators

from consents.admin.audit import Audited

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as ModelAdmin
    from django.contrib.admin import TabularInline as TabularInline
else:
    from unfold import admin as unfold_admin

    class ModelAdmin(Audited, unfold_admin.ModelAdmin):
        def __class_getitem__(cls, model: Any) -> Any:
            return cls

    class TabularInline(unfold_admin.TabularInline):
        def __class_getitem__(cls, models: Any) -> Any:
            return cls


Method = TypeVar("Method", bound=Callable[..., Any])


def display(
    description: str, *, label: Mapping[str, str] | None = None, ordering: str | None = None
) -> Callable[[Method], Method]:
    """A column or a line of a page; `label` gives its words the colours of a badge."""
    decorator: Callable[[Method], Method] = decorators.display(
        description=description, label=dict(label) if label else None, ordering=ordering
    )
    return decorator


def action(
    description: str, *, permissions: Sequence[str], icon: str
) -> Callable[[Method], Method]:
    """A link above a row's page, to a page that asks before anything is done."""
    decorator: Callable[[Method], Method] = decorators.action(
        description=description, permissions=permissions, icon=icon
    )
    return decorator
