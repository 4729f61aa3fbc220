"""Tables whose rows are written once and stay. The database refuses the same by trigger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from django.db import models

from consents.errors import AppendOnly

Row = TypeVar("Row", bound=models.Model, covariant=True)


class AppendOnlyQuerySet(models.QuerySet[Row]):
    """Reads everything, changes nothing."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    create = get_or_create = update_or_create = _refuse
    update = delete = bulk_update = bulk_create = _refuse
    acreate = aget_or_create = aupdate_or_create = _refuse
    aupdate = adelete = abulk_update = abulk_create = _refuse
    _raw_delete = _refuse

    def append(self, rows: Iterable[Row]) -> list[Row]:
        """Insert many rows in the order given. For the module that writes this table alone."""
        return super().bulk_create(rows)


class AppendOnlyModel(models.Model):
    """A row that is put in by `append` and stays as it is; `objects` is to be append-only too."""

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def save_base(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def append(self) -> None:
        """Insert this row and ring `post_save`. For the module that writes this table alone."""
        super().save_base(force_insert=True)
