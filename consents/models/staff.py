"""What staff did, and whose file they opened."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat, Now, NullIf

from consents.errors import AppendOnly
from consents.models.base import choices
from consents.models.people import Contact
from consents.vocabulary import Deed


class WrittenOnceQuerySet(models.QuerySet["StaffAction"]):
    """Adds and reads. The database refuses anything else by trigger."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    update = delete = bulk_update = update_or_create = _raw_delete = _refuse
    aupdate = adelete = abulk_update = aupdate_or_create = _refuse

    def named(self) -> Self:
        """With `username`, whose action it is, and `person`, whom it is about; None: not known."""
        actors = get_user_model().objects.annotate(
            actor=Concat(Value("staff:"), Cast("pk", models.CharField()))
        )
        names = Coalesce(NullIf("display_name", Value("")), "external_id")
        return self.annotate(
            username=Subquery(actors.filter(actor=OuterRef("actor")).values("username")),
            person=Subquery(Contact.objects.filter(pk=OuterRef("contact")).values_list(names)),
        )


class StaffAction(models.Model):
    """One thing that one member of staff did. Never changed, and holds no personal data of others.

    `actor`: as the ledger names them, `staff:7`. `model` and `object_id`: which row it was done
    to, `contact`: whose row that is, where it is about a person. `once`: of two with the same only
    the first is written.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=100)
    ip = models.GenericIPAddressField(null=True, blank=True)
    deed = models.CharField(max_length=12, choices=choices(Deed))
    model = models.CharField(max_length=100)
    object_id = models.CharField(max_length=64)
    contact = models.UUIDField(null=True, blank=True)
    text = models.CharField(max_length=500, blank=True)
    once = models.CharField(max_length=200, unique=True, null=True, editable=False)

    objects = WrittenOnceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        base_manager_name = "objects"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["model", "object_id"], name="staffaction_by_object"),
            models.Index(fields=["contact"], name="staffaction_by_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.deed} {self.model} {self.object_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly
